#include "observe/rest_metrics.h"

#include <algorithm>
#include <chrono>
#include <string>

namespace cairn {
namespace {

constexpr std::array<std::string_view, 6> kMethodNames = {"GET", "HEAD", "PUT", "POST", "DELETE", "other"};

}  // namespace

RestMetrics::RestMetrics(Metrics* registry)
    : registry_(*registry),
      redirects_(registry->counter("cairn_rest_redirects_total",
                                   "REST writes answered with 307 and the address of the leader.")),
      seconds_(registry->histogram("cairn_rest_request_duration_seconds",
                                   "Time from a REST request to its answer.", request_bounds())) {}

void RestMetrics::answered(std::string_view method, int status, Duration took) {
  const auto* const found = std::find(kMethodNames.begin(), kMethodNames.end() - 1, method);
  counter(static_cast<std::size_t>(found - kMethodNames.begin()),
          std::clamp(status, kStatusFirst, kStatusEnd - 1))
      .add();
  if (status == 307) redirects_.add();
  seconds_.observe(std::chrono::duration<double>(took).count());
}

// Two threads that meet the same pair at once get the same counter.
Counter& RestMetrics::counter(std::size_t method, int status) {
  std::atomic<Counter*>& known = counters_[method][static_cast<std::size_t>(status - kStatusFirst)];
  Counter* counter = known.load(std::memory_order_acquire);
  if (counter == nullptr) {
    counter =
        &registry_.counter("cairn_rest_requests_total", "REST requests answered.",
                           {{"method", std::string(kMethodNames[method])}, {"code", std::to_string(status)}});
    known.store(counter, std::memory_order_release);
  }
  return *counter;
}

}  // namespace cairn
