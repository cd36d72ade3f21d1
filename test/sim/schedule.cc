#include "sim/schedule.h"

#include <algorithm>
#include <utility>

namespace cairn::sim {

void Schedule::at(Time when, Task task) {
  heap_.push_back(Item{std::max(when, now_), scheduled_++, std::move(task)});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

bool Schedule::run_next() {
  if (heap_.empty()) return false;
  std::pop_heap(heap_.begin(), heap_.end(), later);
  Item item = std::move(heap_.back());
  heap_.pop_back();
  now_ = item.when;
  ++events_;
  item.task();
  return true;
}

}  // namespace cairn::sim
