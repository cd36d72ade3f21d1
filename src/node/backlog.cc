#include "node/backlog.h"

#include <algorithm>
#include <utility>

namespace cairn::node {

void Backlog::pass(Time now, bool is_led, std::uint64_t leadership, const Done& done, const Amount& waiting) {
  if (!is_led || leadership != leadership_) {
    leadership_ = leadership;
    led_since_ = answered_at_ = now;
    was_queue_ = false;
    return;
  }
  if (done.amount.count > 0) {
    note_answer(now, now - done.newest_arrived);
    // A longer silence is none of what the machine can do in that time, but something that happened to it.
    if (was_queue_) measure(std::min(now - answered_at_, limits_.silence_max), work_of(done.amount));
  }
  if (done.amount.count > 0 || waiting.count == 0 || !was_queue_) answered_at_ = now;
  was_queue_ = is_queue(waiting);
}

void Backlog::measure(Duration time, std::uint64_t work) {
  if (slices_[at_].time >= limits_.slice) {
    at_ = (at_ + 1) % slices_.size();
    slices_[at_] = {};
  }
  slices_[at_].work += work;
  slices_[at_].time += time;
}

void Backlog::note_answer(Time now, Duration took) {
  if (now >= least_since_ + limits_.least_kept) {
    least_since_ = now;
    least_before_ = std::exchange(least_, Duration::max());
  }
  least_ = std::min(least_, took);
}

bool Backlog::is_too_long(Time now, const Amount& waiting, Duration left) const {
  if (!is_queue(waiting)) return false;
  // Large ones are too much to be let in on a guess.
  const bool are_small = waiting.bytes <= limits_.few_bytes;
  if (are_small && now < led_since_ + limits_.silence_max) return false;
  const Duration least = std::min({least_, least_before_, limits_.least_answer_max});
  const Duration silence = are_small ? std::min(now - answered_at_, limits_.silence_max) : Duration{};
  const Duration may_take = std::min(limits_.wait_max + least + silence, left);
  return static_cast<double>(work_of(waiting)) >
         work_per_second() * std::chrono::duration<double>(may_take).count();
}

// The best of late: what is done at once may be little because little was there when it began, as at first.
double Backlog::work_per_second() const {
  double best = 0;
  int measured = 0;
  for (const Slice& slice : slices_) {
    if (slice.time < limits_.slice) continue;
    ++measured;
    best =
        std::max(best, static_cast<double>(slice.work) / std::chrono::duration<double>(slice.time).count());
  }
  return measured > 1 ? best : static_cast<double>(limits_.bytes_per_second_at_first);
}

}  // namespace cairn::node
