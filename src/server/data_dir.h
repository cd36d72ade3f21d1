// DataDir: a member's durable state, opened and recovered: lock, identity, newest snapshot, log.
//   DIR/LOCK, DIR/IDENTITY, DIR/wal/, DIR/snap/: docs/format/wal.md and docs/format/snapshot.md.
// Errors name the directory, what is wrong and what to do; nothing is changed by an opening that fails.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/disk.h"
#include "node/node.h"
#include "server/bootstrap.h"
#include "server/paced_disk.h"
#include "wal/snapshot_store.h"
#include "wal/wal.h"

namespace cairn::server {

// What a start brings along. All of it matters to a first start only, but for the name and the number.
struct Start {
  Result<Bootstrap> bootstrap;  // what the flags say; their error is a first start's
  std::string name;             // as which the member is started
  std::uint64_t random = 0;     // becomes the incarnation of a directory that knows none, or has forgotten
  std::int64_t unix_ms = 0;
  bool was_there = false;  // others know that this member had a directory before
  mvcc::Limits limits{};
};

struct DataDir {
  std::unique_ptr<io::DirectoryLock> lock;  // watches all names that stay for the life of the process
  Bootstrap bootstrap;                      // as at the member's first start, whatever the flags say now
  node::Recovered recovered;
  std::unique_ptr<wal::Wal> log;
  std::unique_ptr<PacedDisk> snapshot_disk;  // below the snapshots; at full speed until a pace is set
  std::unique_ptr<wal::SnapshotStore> snapshots;
  wal::RecoveryReport report;
  std::vector<std::string>
      notes;  // for the log: what was found that is not as it should be, and what was done
  bool first_start = false;
};

// Memory that is lost (docs/adr/0013) is no error where there are others to ask: the member goes on with what
// is intact, in a new incarnation that is not full, and notes say so. A single member is refused.
Result<DataDir> open_data_dir(io::Disk& disk, const std::string& dir, const Start& start,
                              wal::Options log_options = {});

// The folder, with all those above it that are missing; and their names, durably.
Status make_dirs(io::Disk& disk, const std::string& dir);
Status sync_parents(io::Disk& disk, std::string dir);

// What this member has is not what the others have: durably noted, and the next opening puts all of it aside.
// Returns where it will lie then.
Result<std::string> note_divergence(io::Disk& disk, const std::string& dir, const std::string& why);

}  // namespace cairn::server
