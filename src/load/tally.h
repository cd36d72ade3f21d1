// Tally: what comes back while a load runs for its time, shown once a second. Threading: one thread; run()
// blocks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <string>

#include "load/figures.h"

namespace cairn::load {

class Tally {
 public:
  using Clock = std::chrono::steady_clock;

  void count(std::uint64_t operations) { figures_.in_time += operations; }
  void latency(std::uint64_t us) {
    figures_.latencies.record(us);
    interval_.record(us);
  }
  void error(const std::string& kind);
  const std::string& problem() const { return problem_; }  // the first error of all; "" when there is none

  // What has been counted until then, or comes afterwards, is not in it.
  Figures run(boost::asio::io_context& io, double seconds, const Progress& progress);
  bool running() const { return running_; }

 private:
  bool running_ = false;
  Histogram interval_;  // since it was shown last
  std::string problem_;
  Figures figures_;
};

double cpu_seconds();  // that this process has used so far

}  // namespace cairn::load
