#include "mvcc/epochs.h"

#include <utility>

#include "base/check.h"

namespace cairn::mvcc {

Epochs::~Epochs() {
  for (const auto& pin : pins_)
    for (const Pin::Item& item : pin->waiting_) item.free(item.memory);
  for (const auto& items : doomed_)
    for (const Pin::Item& item : items) item.free(item.memory);
}

void Epochs::begin(std::uint64_t epoch) {
  CHECK(epoch >= current_);
  current_ = epoch;
  collect();
}

Epochs::Pin* Epochs::pin(std::int64_t compact_revision) {
  pins_.push_back(std::make_unique<Pin>(current_, compact_revision));
  frozen_ = current_;
  return pins_.back().get();
}

void Epochs::retire(void* memory, Free free, std::uint64_t made) {
  if (owned(made))
    free(memory);
  else
    pins_.back()->waiting_.push_back({memory, free, made});
}

void Epochs::free_some(std::size_t items_max) {
  while (items_max > 0 && !doomed_.empty()) {
    auto& items = doomed_.back();
    for (; items_max > 0 && !items.empty(); --items_max) {
      items.back().free(items.back().memory);
      items.pop_back();
    }
    if (items.empty()) doomed_.pop_back();
  }
}

void Epochs::collect() {
  for (std::size_t position = pins_.size(); position-- > 0;) {
    if (pins_[position]->released_.load(std::memory_order_acquire)) release_pin(position);
  }
  frozen_ = pins_.empty() ? 0 : pins_.back()->epoch_;
}

void Epochs::release_pin(std::size_t position) {
  std::vector<Pin::Item> items = std::move(pins_[position]->waiting_);
  Pin* const older = position > 0 ? pins_[position - 1].get() : nullptr;
  pins_.erase(pins_.begin() + static_cast<std::ptrdiff_t>(position));
  if (older != nullptr) {
    std::erase_if(items, [older](const Pin::Item& item) {
      if (item.made > older->epoch_) return false;
      older->waiting_.push_back(item);
      return true;
    });
  }
  if (!items.empty()) doomed_.push_back(std::move(items));
}

}  // namespace cairn::mvcc
