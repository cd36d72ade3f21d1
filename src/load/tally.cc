#include "load/tally.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

namespace cairn::load {

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

void Tally::error(const std::string& kind) {
  const std::string counted = count_error(&figures_, kind);
  if (problem_.empty()) problem_ = counted;
}

Figures Tally::run(boost::asio::io_context& io, double seconds, const Progress& progress) {
  running_ = true;
  figures_ = {};
  figures_.seconds = seconds;
  const double cpu_before = cpu_seconds();
  auto until = Clock::now();
  const auto end =
      until + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  std::uint64_t shown = 0;
  while (Clock::now() < end) {
    until = std::min(end, until + std::chrono::seconds(1));
    io.restart();
    io.run_until(until);
    if (progress)
      progress(static_cast<double>(figures_.in_time - shown), interval_.quantile(0.99), figures_.error_count);
    shown = figures_.in_time;
    interval_ = Histogram();
  }
  running_ = false;
  figures_.client_cpu_seconds = cpu_seconds() - cpu_before;
  return std::exchange(figures_, {});
}

}  // namespace cairn::load
