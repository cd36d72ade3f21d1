// Wal: the durable Raft log and hard state of one member. Segments named by their first index, frames with
// explicit indexes, terms and checksums: docs/format/wal.md. Threading: blocking, single-threaded; owned by
// the log thread, or called by the simulator directly. Errors: a failed write or sync leaves the log unusable
// (every later call fails); the owner stops the process. What recovery finds lost is named (data_loss) with
// file, offset and indexes, or forgotten, as Options say.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/disk.h"
#include "raft/log_write.h"
#include "raft/types.h"
#include "wal/types.h"

namespace cairn::wal {

class Wal {
 public:
  // Opens or creates the log in `dir`, the member's data directory (which exists and is locked by the
  // caller): the files wal/*, hardstate, watermark and quarantine/* there. `snapshot` is the newest durable
  // snapshot, or index 0: entries up to it are not needed. A log that ends before it, or disagrees with it,
  // goes on empty behind it; a term beyond the hard state's raises that. The life in the result's hard state
  // is that of this start, which is durable. Where memory is lost: see OnLoss. Named errors: E_WAL_DAMAGED,
  // E_WAL_LOST, E_HARDSTATE_LOST, E_HARDSTATE_STALE, E_WATERMARK_LOST, E_WATERMARK_STALE when refusing;
  // always E_IDENTITY, E_FORMAT_NEWER.
  struct Opened {
    std::unique_ptr<Wal> wal;
    raft::HardState hard_state;
    std::vector<raft::Entry> entries;  // contiguous; those after the snapshot, and what precedes them on disk
    RecoveryReport report;
  };
  static Result<Opened> open(io::Disk& disk, std::string dir, const Identity& identity,
                             const raft::SnapshotMeta& snapshot, Options options = {});
  ~Wal();

  // Encodes into the segment's buffer; nothing is durable before sync(). entries must follow each other and
  // begin between first_index() and last_index() + 1, or nothing is changed and out_of_range returned. For
  // want of room, or of file descriptors (io::is_shortage), nothing is changed either: it may be tried again.
  // A hard state without a life (Life{}) keeps the one there is.
  Status append(const raft::LogWrite& write);
  // Makes every append so far durable, with one write and one fdatasync where one segment holds them.
  Status sync();
  // What can wait until those who waited for sync() have been told: recycles a segment that is no longer
  // needed and fills the next one, in proportion to what was written since. True when there is more to
  // recycle: each costs a directory's fsync, so whoever has writes waiting lets them go first. Without it,
  // segments stay, and a new one is filled when it is needed. After a shortage it is to be called now and
  // then, writes or not: it finds out that there is room again.
  Result<bool> maintain();
  // What can be appended without a byte more from the disk.
  raft::Room room() const;
  bool is_short() const;  // of room or descriptors, when the next segment was to be prepared

  // What is durable is noted in the watermark, durably, if that is behind: due after watermark_idle() without
  // a write, or watermark_lag_max() with. Until then the next frame says so, and what a sync wrote into the
  // watermark, which a power cut may take away.
  Status note_durable();
  std::chrono::milliseconds watermark_idle() const;
  std::chrono::milliseconds watermark_lag_max() const;

  raft::Index first_index() const;  // 0 when empty
  raft::Index last_index() const;   // 0 when empty
  Result<raft::Entry> read(raft::Index index);
  // Both are durable when they return; last_index() + 1 and first_index() - 1 respectively are the furthest
  // allowed.
  Status truncate_front(raft::Index first);  // entries before `first` may go (whole segments are recycled)
  Status truncate_back(raft::Index last);    // entries after `last` are gone
  Status close();

 private:
  struct Impl;
  explicit Wal(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cairn::wal
