#include "node/backlog.h"

#include <algorithm>

namespace cairn::node {

// As if that had been done: what is measured first counts as little as any other moment.
Backlog::Backlog(const BacklogLimits& limits) : limits_(limits) {
  constexpr std::uint64_t kSlicesPerSecond = std::chrono::seconds(1) / kSlice;
  slices_.fill({limits.bytes_per_second_at_first / kSlicesPerSecond, kSlice});
}

void Backlog::pass(Time now, bool is_led, const Amount& done, const Amount& waiting) {
  if (was_queue_ && is_led) {
    if (slices_[at_].time >= kSlice) {
      at_ = (at_ + 1) % kSlices;
      slices_[at_] = {};
    }
    slices_[at_].work += work_of(done);
    slices_[at_].time += now - passed_;
  }
  was_queue_ = is_led && is_queue(waiting);
  passed_ = now;
}

bool Backlog::is_too_long(const Amount& waiting, Duration left) const {
  if (!is_queue(waiting)) return false;
  Slice all;
  for (const Slice& slice : slices_) {
    all.work += slice.work;
    all.time += slice.time;
  }
  const Duration may_wait = std::min(limits_.wait_max, left);
  const double waiting_work = static_cast<double>(work_of(waiting));
  // Its wait is to what it may wait as what waits is to what is done in that time.
  const double done_meanwhile =
      static_cast<double>(all.work) * (may_wait / std::chrono::duration<double>(all.time));
  return waiting_work > done_meanwhile;
}

}  // namespace cairn::node
