// Latest<T>: a slot between two threads for what only the newest counts of: what was not taken yet is
// replaced. Threading: one thread puts, another takes. Bounded: one T.
#pragma once

#include <mutex>
#include <optional>
#include <utility>

namespace cairn {

template <class T>
class Latest {
 public:
  // True when nothing was inside: only then does the other thread have to be woken.
  [[nodiscard]] bool put(T value) {
    std::optional<T> other(std::move(value));  // destroyed when the lock is free again
    const std::lock_guard lock(mutex_);
    slot_.swap(other);
    return !other.has_value();
  }

  std::optional<T> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(slot_, std::nullopt);
  }

 private:
  std::mutex mutex_;
  std::optional<T> slot_;
};

}  // namespace cairn
