// Backlog: how long a write that comes now would wait for those before it, by what was done of late. Beyond
// what anybody waits for, it is better refused at once: in a queue that only grows, every answer comes too
// late. What slowness is none: the time that a write takes where nothing waits; a silence, which may be an
// election that nobody has noticed yet; what has piled up when a leader is found. And a member that has
// little to do shows little of what it can, so that only queues are measured. Owner: Proposals. Pure: the
// time is given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.h"

namespace cairn::node {

struct BacklogLimits {
  Duration wait_max = std::chrono::milliseconds(500);          // behind others, beside what a write takes
  Duration least_answer_max = std::chrono::milliseconds(500);  // a write that takes longer is slow
  Duration silence_max = std::chrono::seconds(1);              // likewise
  std::size_t few_count = 100;                                 // up to both of these there is no queue
  std::size_t few_bytes = std::size_t{16} << 20;
  std::uint64_t bytes_per_second_at_first = std::uint64_t{64} << 20;  // until enough was measured
  std::uint64_t write_bytes = 2048;                                   // what a write is worth, however small
  Duration slice = std::chrono::milliseconds(250);                    // what is done is measured in such ones
  std::size_t slices = 8;                                             // kept
  Duration least_kept = std::chrono::seconds(30);  // the shortest answer, at least for so long
};

// Writes that wait, or are done: how many, and the bytes of their requests.
struct Amount {
  std::size_t count = 0, bytes = 0;
};

class Backlog {
 public:
  explicit Backlog(const BacklogLimits& limits) : limits_(limits), slices_(limits.slices) {}

  struct Done {
    Amount amount;
    Time newest_arrived;  // when the one of them came that came last
  };
  // Each turn: what was done since the last one, and what still waits. leadership: another one for every
  // leader.
  void pass(Time now, bool is_led, std::uint64_t leadership, const Done& done, const Amount& waiting);

  // Whether one that comes on top of those would wait for longer than it may, or than it has time for.
  bool is_too_long(Time now, const Amount& waiting, Duration left) const;

 private:
  struct Slice {
    std::uint64_t work = 0;
    Duration time{};
  };
  std::uint64_t work_of(const Amount& amount) const {
    return amount.count * limits_.write_bytes + amount.bytes;
  }
  bool is_queue(const Amount& waiting) const {
    return waiting.count > limits_.few_count || waiting.bytes > limits_.few_bytes;
  }
  void measure(Duration time, std::uint64_t work);
  double work_per_second() const;
  void note_answer(Time now, Duration took);

  const BacklogLimits limits_;
  std::uint64_t leadership_ = 0;
  Time led_since_, answered_at_;  // the latter also while nothing waits
  bool was_queue_ = false;
  std::vector<Slice> slices_;  // a ring of the latest ones
  std::size_t at_ = 0;
  Duration least_ = Duration::max(),
           least_before_ = Duration::max();  // of this stretch of time, and the last
  Time least_since_;
};

}  // namespace cairn::node
