#include "sim/schedule.h"

#include <algorithm>
#include <utility>

namespace cairn::sim {

void Schedule::at(Time when, Task task) {
  if (free_slots_.empty()) {
    free_slots_.push_back(tasks_.size());
    tasks_.emplace_back();
  }
  const std::size_t slot = free_slots_.back();
  free_slots_.pop_back();
  tasks_[slot] = std::move(task);
  heap_.push_back(Item{std::max(when, now_), scheduled_++, slot});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

bool Schedule::run_next() {
  if (heap_.empty()) return false;
  std::pop_heap(heap_.begin(), heap_.end(), later);
  const Item item = heap_.back();
  heap_.pop_back();
  now_ = item.when;
  ++events_;
  const Task task = std::move(tasks_[item.slot]);
  free_slots_.push_back(item.slot);
  task();
  return true;
}

}  // namespace cairn::sim
