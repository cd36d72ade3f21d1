// SnapshotStore: durable snapshots of one member, each a folder of checksummed chunks with a manifest written
// last: docs/format/snapshot.md. The previous snapshot is kept until the newer one has been read back.
// Threading: blocking; the snapshot thread's. Reading a published snapshot is safe beside writing another.
// Errors: resource_exhausted (disk full) leaves the published snapshots as they were; data_loss names file
// and chunk.
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

struct SnapshotInfo {
  raft::SnapshotMeta meta;
  std::uint64_t chunks = 0;
  std::uint64_t bytes = 0;         // uncompressed
  std::uint64_t stored_bytes = 0;  // on disk
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
  // it.
  static Result<std::unique_ptr<SnapshotStore>> open(io::Disk& disk, const std::string& dir);
  virtual ~SnapshotStore() = default;

  virtual std::optional<SnapshotInfo> newest() const = 0;  // whose manifest is intact
  virtual Result<std::unique_ptr<SnapshotWriter>> create(const raft::SnapshotMeta& meta) = 0;
  virtual Result<std::unique_ptr<ByteSource>> read(
      const raft::SnapshotMeta& meta) = 0;  // verifies every chunk

  // Transfer: the manifest's bytes and each chunk exactly as stored.
  virtual Result<std::string> manifest(const raft::SnapshotMeta& meta) = 0;
  virtual Result<std::string> chunk(const raft::SnapshotMeta& meta, std::uint64_t number) = 0;
  virtual Result<std::unique_ptr<SnapshotReceiver>> receive(std::string_view manifest) = 0;
};

}  // namespace cairn::wal
