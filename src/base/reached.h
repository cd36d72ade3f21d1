// REACHED("wal.rotation_within_batch"): counts how often execution came by a point worth reaching in tests: a
// rare branch, a full queue, an error return. reached_points() lists every point of the program, also those
// that were never reached: the simulator prints the table. ReachedHere tells what one piece of work came by.
// Owner: nobody, the points are global. Threading: any. Bounds: one relaxed increment a pass and a look at a
// thread's own pointer; nothing decides by the counters.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace cairn {
namespace detail {

template <std::size_t size>
struct PointName {
  consteval PointName(const char (&name)[size]) {  // NOLINT: a literal becomes a name
    std::copy_n(name, size, text);
  }
  char text[size];
};

class ReachedCounter {
 public:
  explicit ReachedCounter(std::string_view name) : name_(name) {
    next_ = newest.load(std::memory_order_relaxed);
    number_ = points++;
    while (!newest.compare_exchange_weak(next_, this, std::memory_order_release)) {
    }
  }
  void count() {
    count_.fetch_add(1, std::memory_order_relaxed);
    if (here != nullptr) (*here)[number_] = true;
  }

  static inline std::atomic<ReachedCounter*> newest{nullptr};
  static inline std::atomic<std::size_t> points{0};
  static inline thread_local std::vector<bool>* here = nullptr;
  std::size_t number() const { return number_; }
  std::string_view name() const { return name_; }
  std::uint64_t times() const { return count_.load(std::memory_order_relaxed); }
  ReachedCounter* next() const { return next_; }

 private:
  std::string_view name_;
  ReachedCounter* next_ = nullptr;
  std::size_t number_ = 0;
  std::atomic<std::uint64_t> count_{0};
};

// One for each name, however often that is used. Constructed before main() wherever the code is linked in,
// and so in the list whether it is reached or not.
template <PointName name>
inline ReachedCounter reached{std::string_view(name.text)};

}  // namespace detail

struct ReachedPoint {
  std::string_view name;
  std::uint64_t times = 0;
};

// All points, sorted by name.
inline std::vector<ReachedPoint> reached_points() {
  std::vector<ReachedPoint> out;
  for (const auto* at = detail::ReachedCounter::newest.load(std::memory_order_acquire); at != nullptr;
       at = at->next()) {
    out.push_back({at->name(), at->times()});
  }
  std::sort(out.begin(), out.end(),
            [](const ReachedPoint& a, const ReachedPoint& b) { return a.name < b.name; });
  return out;
}

// Which points this thread has come by since this was made. Not more than one at a time on a thread.
class ReachedHere {
 public:
  ReachedHere() : passed_(detail::ReachedCounter::points) { detail::ReachedCounter::here = &passed_; }
  ~ReachedHere() { detail::ReachedCounter::here = nullptr; }
  ReachedHere(const ReachedHere&) = delete;
  ReachedHere& operator=(const ReachedHere&) = delete;

  std::vector<std::string_view> names() const {
    std::vector<std::string_view> out;
    for (const auto* at = detail::ReachedCounter::newest.load(std::memory_order_acquire); at != nullptr;
         at = at->next()) {
      if (passed_[at->number()]) out.push_back(at->name());
    }
    return out;
  }

 private:
  std::vector<bool> passed_;
};

}  // namespace cairn

#define REACHED(name) ::cairn::detail::reached<name>.count()
