// LeaseTimers: when which lease is to be looked at, at the member that leads. Each operation costs
// O(log n), and time that passes costs nothing. Pure; times come from outside. Owner: Leases. Bound: one
// timer a lease of the state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/time.h"

namespace cairn::node {

struct LeaseTimer {
  std::uint64_t generation = 0;
  std::int64_t ttl_s = 0;
  Time expiry{};
  bool expiring = false;      // its revocation is proposed, and nobody knows yet what becomes of that
  bool checkpointed = false;  // the state may say that less than all of it is left
};

class LeaseTimers {
 public:
  LeaseTimer* find(std::int64_t id) {
    const auto found = timers_.find(id);
    return found == timers_.end() ? nullptr : &found->second.timer;
  }
  // In place of the one that was there.
  LeaseTimer& put(std::int64_t id, const LeaseTimer& timer, Time wake) {
    erase(id);
    queue_.emplace(wake, id);
    return timers_.emplace(id, Slot{timer, wake}).first->second.timer;
  }
  void erase(std::int64_t id) {
    const auto found = timers_.find(id);
    if (found == timers_.end()) return;
    queue_.erase({found->second.wake, id});
    timers_.erase(found);
  }
  // Of a lease that has a timer.
  void wake_at(std::int64_t id, Time wake) {
    Slot& slot = timers_.at(id);
    auto node = queue_.extract({slot.wake, id});
    slot.wake = wake;
    node.value().first = wake;
    queue_.insert(std::move(node));
  }
  struct Due {
    Time wake;
    std::int64_t id;
  };
  std::optional<Due> next() const {
    if (queue_.empty()) return std::nullopt;
    return Due{queue_.begin()->first, queue_.begin()->second};
  }
  std::size_t size() const { return timers_.size(); }
  // A million of them are not dropped in one go. False: none is left.
  bool drop_some(std::size_t count) {
    for (; count > 0 && !timers_.empty(); --count) erase(timers_.begin()->first);
    return !timers_.empty();
  }

 private:
  struct Slot {
    LeaseTimer timer;
    Time wake;
  };
  std::map<std::int64_t, Slot> timers_;
  std::set<std::pair<Time, std::int64_t>> queue_;
};

}  // namespace cairn::node
