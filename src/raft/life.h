// Start numbers: how an older copy of a data directory is told from the directory. The low bits count the
// starts of an incarnation, the high ones are random: a copy that is started counts on from where it was
// taken, and may come to a number that the others have seen, but hardly with the same random part. Pure.
#pragma once

#include <cstdint>

namespace cairn::raft {

inline constexpr unsigned kStartCountBits = 40;

inline std::uint64_t start_count(std::uint64_t start) {
  return start & ((std::uint64_t{1} << kStartCountBits) - 1);
}

inline std::uint64_t next_start(std::uint64_t start, std::uint64_t random) {
  return (start_count(start) + 1) | random << kStartCountBits;
}

// Whether who is at start `own` and hears that its incarnation was seen at start `seen` was rolled back.
inline bool was_rolled_back(std::uint64_t own, std::uint64_t seen) {
  return seen != own && start_count(seen) >= start_count(own);
}

// Told to a life that another one of the same member came after: a start that it never was in. No start is
// drawn with nothing in its high bits but by chance, and then it is only worded as the other case.
inline std::uint64_t start_beyond(std::uint64_t start) { return next_start(start, 0); }

}  // namespace cairn::raft
