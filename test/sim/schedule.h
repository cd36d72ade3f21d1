// Schedule: the only clock of a simulation, and everything that is going to happen, in order of time. Idle
// time costs nothing. Things due at the same time happen in the order in which they were scheduled. Owner:
// Cluster. Threading: one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/time.h"

namespace cairn::sim {

class Schedule {
 public:
  using Task = std::function<void()>;

  Time now() const { return now_; }
  std::uint64_t events() const { return events_; }
  void at(Time when, Task task);  // not before now
  void after(Duration delay, Task task) { at(now_ + delay, std::move(task)); }
  bool run_next();  // false: nothing is left

 private:
  // The heap moves small items; the tasks stay where they are.
  struct Item {
    Time when;
    std::uint64_t number;
    std::size_t slot;
  };
  static bool later(const Item& a, const Item& b) {
    return a.when != b.when ? a.when > b.when : a.number > b.number;
  }

  Time now_ = Time{} + std::chrono::seconds(100);
  std::uint64_t scheduled_ = 0;
  std::uint64_t events_ = 0;
  std::vector<Item> heap_;
  std::vector<Task> tasks_;  // by slot
  std::vector<std::size_t> free_slots_;
};

}  // namespace cairn::sim
