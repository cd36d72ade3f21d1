// Backlog: how long a write that comes now would wait for those before it, by what was done of late. Beyond
// what anybody waits for, it is better refused at once: in a queue that only grows, every answer comes too
// late. Measured is only while there is a queue, since a member that has little to do shows little of what it
// can; and only while there is a leader, so that an election is no slowness. A few writes are always let in:
// they are no queue, and tell when things get better. Owner: Proposals. Pure: the time is given.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace cairn::node {

struct BacklogLimits {
  Duration wait_max = std::chrono::milliseconds(400);
  std::size_t few_count = 100;  // up to both of these there is no queue
  std::size_t few_bytes = std::size_t{8} << 20;
  std::uint64_t bytes_per_second_at_first = std::uint64_t{64} << 20;  // until enough was measured
};

// Writes that wait, or are done: how many, and the bytes of their requests.
struct Amount {
  std::size_t count = 0, bytes = 0;
};

class Backlog {
 public:
  explicit Backlog(const BacklogLimits& limits);

  // Each turn: what was done since the last one, and what still waits.
  void pass(Time now, bool is_led, const Amount& done, const Amount& waiting);

  // Whether one that comes on top of those would wait for longer than it may: wait_max, or its own time.
  bool is_too_long(const Amount& waiting, Duration left) const;

 private:
  // A write is work, however small.
  static constexpr std::uint64_t kWriteBytes = 2048;
  static constexpr Duration kSlice = std::chrono::milliseconds(250);
  static constexpr std::size_t kSlices = 8;

  struct Slice {
    std::uint64_t work = 0;
    Duration time{};
  };
  static std::uint64_t work_of(const Amount& amount) { return amount.count * kWriteBytes + amount.bytes; }
  bool is_queue(const Amount& waiting) const {
    return waiting.count > limits_.few_count || waiting.bytes > limits_.few_bytes;
  }

  const BacklogLimits limits_;
  Time passed_;
  bool was_queue_ = false;
  std::array<Slice, kSlices> slices_;  // a ring of the latest ones
  std::size_t at_ = 0;
};

}  // namespace cairn::node
