// Whose log it is, how it is written, and what its opening found: the plain values of wal.h. Limits are
// fields of Options.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "raft/types.h"

namespace cairn::wal {

struct Identity {  // who the directory belongs to; written once
  std::uint64_t cluster_id = 0;
  std::uint64_t member_id = 0;
};

// What to do when the directory does not remember all that it may have promised.
enum class OnLoss : std::uint8_t {
  refuse,  // a named error, and nothing is changed: for a member that has nobody to ask
  forget,  // keep what is intact, put the rest aside, and go on in a new life that is not full
};

// Smaller values than those named are taken for the smallest.
struct Options {
  std::uint64_t segment_bytes = std::uint64_t{64} << 20;  // at least two blocks of 4 KiB
  std::size_t spare_segments = 1;                         // zero-filled beforehand; at least one
  std::uint64_t spare_fill_factor = 2;                    // a spare is ready when half a segment is written
  std::size_t frame_target_bytes = std::size_t{4} << 20;  // a fuller frame is closed; 1: one for each entry
  std::size_t buffer_bytes_max = std::size_t{16} << 20;   // a fuller buffer is synced at once; at least 4 KiB
  std::size_t entry_bytes_max = std::size_t{512} << 20;   // a larger one is refused; far above any request
  std::uint64_t read_window_bytes = std::uint64_t{1} << 20;  // read at once in recovery; at least 4 KiB
  // After that long without a write note_durable() is due, and with writes after that long at most.
  std::chrono::milliseconds watermark_idle{5};
  std::chrono::milliseconds watermark_lag_max{50};
  std::size_t fill_write_bytes = std::size_t{256} << 10;     // of a spare, at once; at least 4 KiB
  std::uint64_t fill_sync_bytes = std::uint64_t{512} << 10;  // of a spare; a sync of the log may wait for one
  std::uint64_t refill_bytes = std::uint64_t{4} << 20;  // of a spare, at once, after a shortage; likewise
  std::uint64_t room_beside_spare_bytes = std::uint64_t{64} << 10;  // has to be there after a shortage
  std::uint64_t usual_frame_bytes = std::uint64_t{6} << 20;         // a full one, and an entry of usual size
  // The disk is asked how much room it has with every sync; but while it has that much, once in so many bytes
  // written, and after each watermark_idle().
  std::uint64_t ample_room_bytes = std::uint64_t{1} << 30;
  std::uint64_t ask_room_bytes = std::uint64_t{1} << 20;
  raft::Incarnation fresh{1};  // to be taken where memory is lost or nothing is there; drawn at random
  OnLoss on_loss = OnLoss::refuse;
  bool was_there = false;  // a directory that is created now takes the place of one that was lost
};

struct IndexRange {  // both inclusive; 0 and 0: none
  raft::Index first, last;
  bool operator==(const IndexRange&) const = default;
};

struct RecoveryReport {  // for one log line
  std::uint64_t entries = 0;
  // Cut from behind what is known to be durable, and kept aside: most likely a write that was not finished.
  std::uint64_t torn_bytes = 0;
  std::string quarantine_file;
  std::string lost;     // what has been forgotten, in words; empty: nothing
  IndexRange affected;  // of entries that may have been acknowledged, and are gone; later ones, too, perhaps
};

}  // namespace cairn::wal
