// RestMetrics: requests over HTTP/1.1 by method and status, and those that were sent on to the leader. Owner:
// ServerMetrics. Threading: any thread counts. Bounded: methods that HTTP does not know count as "other".
#pragma once

#include <array>
#include <atomic>
#include <string_view>

#include "base/time.h"
#include "observe/metrics.h"

namespace cairn {

class RestMetrics {
 public:
  explicit RestMetrics(Metrics* registry);
  void answered(std::string_view method, int status, Duration took);

 private:
  static constexpr int kStatusFirst = 100, kStatusEnd = 600;
  static constexpr std::size_t kMethods = 6;
  using OfMethod = std::array<std::atomic<Counter*>, kStatusEnd - kStatusFirst>;
  Counter& counter(std::size_t method, int status);

  Metrics& registry_;
  Counter& redirects_;
  Histogram& seconds_;
  std::array<OfMethod, kMethods> counters_{};  // null: not met yet
};

}  // namespace cairn
