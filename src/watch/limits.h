// Limits of watch/: what one turn of its thread does for watches, and how many there may be.
#pragma once

#include <cstddef>

#include "base/time.h"

namespace cairn::watch {

struct Limits {
  std::size_t stream_watches_max = 100'000;           // of one stream
  std::size_t watches_max = 1'000'000;                // of one hub
  std::size_t key_bytes_max = std::size_t{64} << 20;  // of their keys and ends, which clients choose
  // One turn walks over so many changes, or changes of so many bytes, and on to the end of their revision.
  std::size_t turn_changes = 4096;
  std::size_t turn_bytes = std::size_t{1} << 20;
  std::size_t turn_sends = 2000;  // and sends so many responses about them
  // States that are kept, as the one after them has compacted what nobody has been told of yet.
  std::size_t states_kept = 8;
  // A response in fragments: as many events as fit into this, and one at least.
  std::size_t fragment_bytes = std::size_t{2} << 20;
  Duration progress_interval = std::chrono::minutes(10);
  int progress_jitter_percent = 10;  // later at most, so that not all streams have their turn at once
};

}  // namespace cairn::watch
