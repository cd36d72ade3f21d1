// REACHED("wal.rotation_within_batch"): counts how often execution came by a point worth reaching in tests: a
// rare branch, a full queue, an error return. reached_points() lists every point of the program, also those
// that were never reached: the simulator prints the table. Owner: nobody, the points are global.
// Threading: any. Bounds: one relaxed increment a pass; nothing decides by the counters.
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
    while (!newest.compare_exchange_weak(next_, this, std::memory_order_release)) {
    }
  }
  void count() { count_.fetch_add(1, std::memory_order_relaxed); }

  static inline std::atomic<ReachedCounter*> newest{nullptr};
  std::string_view name() const { return name_; }
  std::uint64_t times() const { return count_.load(std::memory_order_relaxed); }
  ReachedCounter* next() const { return next_; }

 private:
  std::string_view name_;
  ReachedCounter* next_ = nullptr;
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

}  // namespace cairn

#define REACHED(name) ::cairn::detail::reached<name>.count()
