// SnapshotStore: durable snapshots of one member, each a folder of checksummed chunks with a manifest written
// last: docs/format/snapshot.md. The newest SnapshotLimits::kept are there, so that a start may take the
// older one when the newest turns out to be damaged: candidates(), read() each to its end, put_aside() what
// fails with data_loss. Nothing damaged is ever removed, sent, or taken for a snapshot again.
// Room: whoever finds none gives back all but the newest, and fails; the next attempt may find it. A received
// snapshot that would not fit is refused before its first chunk, and an own one that would take the room of a
// later one on its way is not begun (docs/adr/0018).
// Threading: blocking; the snapshot thread's. Reading a published snapshot is safe beside writing another.
// Errors: resource_exhausted (disk full) leaves the published snapshots as they were; data_loss names file
// and chunk of what is damaged or cannot be read; not_found: there is no such snapshot (any more).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/stream.h"
#include "io/disk.h"
#include "raft/types.h"

namespace cairn::wal {

struct SnapshotLimits {
  std::size_t kept = 2;                                       // published ones; at least 1
  std::size_t manifest_bytes_max = std::size_t{64} << 20;     // 2.7 million chunks
  std::uint32_t members_max = 1024;                           // of one list of a manifest
  std::uint64_t unsynced_bytes_max = std::uint64_t{1} << 20;  // dirty pages that the log's sync may meet
  std::uint64_t room_beside_bytes = std::uint64_t{64} << 10;  // has to be there beside what is received
};

struct SnapshotInfo {
  raft::SnapshotMeta meta;
  std::uint64_t chunks = 0;
  std::uint64_t bytes = 0;         // uncompressed
  std::uint64_t stored_bytes = 0;  // on disk
};

struct DamagedSnapshot {
  raft::SnapshotMeta meta;  // index and term only, from its name
  Error why;
};

// One snapshot being written. Destroyed before publish(): its files are removed.
class SnapshotWriter : public ByteSink {
 public:
  virtual Status publish() = 0;  // chunks and manifest durable, read back and verified, then visible
};

// A snapshot being received from a peer, chunk by chunk as they lie on the sender's disk.
class SnapshotReceiver {
 public:
  virtual ~SnapshotReceiver() = default;
  virtual std::uint64_t next_chunk() const = 0;  // resuming: chunks before this are already here and verified
  virtual Status write_chunk(std::uint64_t number, std::string_view stored) = 0;
  virtual Status publish() = 0;
};

class SnapshotStore {
 public:
  // In `dir`/snap; `dir` is the member's data directory, which exists. Writers and receivers must not outlive
  // it. Looks at manifests only, and leaves damaged ones where they are.
  static Result<std::unique_ptr<SnapshotStore>> open(io::Disk& disk, const std::string& dir,
                                                     const SnapshotLimits& limits = {});
  virtual ~SnapshotStore() = default;

  virtual std::vector<SnapshotInfo> candidates() const = 0;  // newest first; their manifests are intact
  virtual std::vector<DamagedSnapshot> damaged() const = 0;  // newest first; found by open(), not put aside
  virtual std::optional<SnapshotInfo> newest() const = 0;    // the first candidate
  // Renames the snapshot's folder to `dir`/quarantine/snap-NAME and makes that durable: it is no candidate
  // any more, now and in all later lives. The answer is where it lies now. Whoever thereby forgets something
  // makes that durable first: what is aside is not found again. Cut off by a crash, it is done or it is not.
  virtual Result<std::string> put_aside(const raft::SnapshotMeta& meta) = 0;
  virtual Result<std::unique_ptr<SnapshotWriter>> create(const raft::SnapshotMeta& meta,
                                                         std::uint64_t expected_bytes = 0) = 0;
  virtual Result<std::unique_ptr<ByteSource>> read(
      const raft::SnapshotMeta& meta) = 0;  // verifies every chunk

  // Transfer: the manifest's bytes and each chunk exactly as stored.
  virtual Result<std::string> manifest(const raft::SnapshotMeta& meta) = 0;
  virtual Result<std::string> chunk(const raft::SnapshotMeta& meta, std::uint64_t number) = 0;
  virtual Result<std::unique_ptr<SnapshotReceiver>> receive(std::string_view manifest) = 0;
};

}  // namespace cairn::wal
