// Mailbox<T>: the one place where threads meet (besides asio::post). Many threads push, one thread drains.
// Threading: every method may be called from any thread, drain from one at a time.
// Bounded: try_push refuses at capacity. push is for completions, whose number is bounded by what the
// receiver itself issued, and is never refused; so is push_all, whose senders count what is under way.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <iterator>
#include <mutex>
#include <utility>
#include <vector>

namespace cairn {

template <class T>
class Mailbox {
 public:
  explicit Mailbox(std::size_t capacity) : capacity_(capacity) {}

  [[nodiscard]] bool try_push(T item) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_ || items_.size() >= capacity_) return false;
      items_.push_back(std::move(item));
    }
    ready_.notify_one();
    return true;
  }

  void push(T item) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      items_.push_back(std::move(item));
    }
    ready_.notify_one();
  }

  // Waits for at least one item and swaps the whole queue into *out (which it clears first).
  // False when the mailbox is closed and empty: nothing will come any more.
  bool drain(std::vector<T>* out) {
    out->clear();
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return closed_ || !items_.empty(); });
    out->swap(items_);
    return !out->empty();
  }

  // As drain, but comes back with nothing after `patience` when nothing has come.
  bool drain_for(std::vector<T>* out, std::chrono::nanoseconds patience) {
    out->clear();
    std::unique_lock lock(mutex_);
    ready_.wait_for(lock, patience, [this] { return closed_ || !items_.empty(); });
    out->swap(items_);
    return !out->empty() || !closed_;
  }

  // For a receiver that is woken by other means, such as an event loop: moves all of *items in, in their
  // order. True when nothing was inside: only then does the receiver have to be woken.
  [[nodiscard]] bool push_all(std::vector<T>* items) {
    const std::lock_guard lock(mutex_);
    const bool was_empty = items_.empty();
    if (was_empty) {
      items_.swap(*items);
    } else {
      std::move(items->begin(), items->end(), std::back_inserter(items_));
    }
    items->clear();
    return was_empty;
  }

  // What is inside now, without waiting.
  void take(std::vector<T>* out) {
    out->clear();
    const std::lock_guard lock(mutex_);
    out->swap(items_);
  }

  bool empty() const {
    const std::lock_guard lock(mutex_);
    return items_.empty();
  }
  bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

  // Items already inside are still drained; later ones are dropped.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    ready_.notify_all();
  }

 private:
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<T> items_;
  bool closed_ = false;
};

}  // namespace cairn
