// DataDir: a member's durable state, opened and recovered: lock, identity, newest snapshot, log.
//   DIR/LOCK, DIR/IDENTITY, DIR/wal/, DIR/snap/: docs/format/wal.md and docs/format/snapshot.md.
// Errors name the directory, what is wrong and what to do; nothing is changed by an opening that fails.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "io/disk.h"
#include "node/node.h"
#include "server/bootstrap.h"
#include "server/paced_disk.h"
#include "wal/snapshot_store.h"
#include "wal/wal.h"

namespace cairn::server {

struct DataDir {
  std::unique_ptr<io::DirectoryLock> lock;
  Bootstrap bootstrap;  // as at the member's first start, whatever the flags say now
  node::Recovered recovered;
  std::unique_ptr<wal::Wal> log;
  std::unique_ptr<PacedDisk> snapshot_disk;  // below the snapshots; at full speed until a pace is set
  std::unique_ptr<wal::SnapshotStore> snapshots;
  wal::RecoveryReport report;
  bool first_start = false;
};

Result<DataDir> open_data_dir(io::Disk& disk, const std::string& dir, const Bootstrap& wanted,
                              std::int64_t now_unix_ms, wal::Options log_options = {});

}  // namespace cairn::server
