// Packing: where the frames of a write will lie, worked out before a byte of it is encoded, so that the
// segments it needs can be there first. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "raft/log_write.h"

namespace cairn::wal {

struct Place {  // of the log's end, what is buffered included
  std::uint64_t segment_bytes = 0;
  std::uint64_t frame_target_bytes = 0;  // a fuller frame is closed
  std::uint64_t buffer_bytes_max = 0;    // a fuller buffer is synced, and the frame in it closed
  std::uint64_t offset = 0;              // in the tail: where the open frame begins, or the next one will
  std::uint64_t closed_bytes = 0;        // of the frames in the buffer
  std::uint64_t open_bytes = 0;          // of the open frame so far; 0: there is none
  raft::Index next;
};

struct Needs {
  std::uint64_t tail_bytes = 0;         // more than segment_bytes: the tail, without a frame yet, has to grow
  std::vector<std::uint64_t> segments;  // further ones: the largest frame of each
};

Needs needs_of(Place place, const raft::LogWrite& write);

}  // namespace cairn::wal
