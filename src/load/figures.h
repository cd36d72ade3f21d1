// What a load has measured, as plain values.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "load/histogram.h"

namespace cairn::load {

// What a load has measured.
struct Figures {
  double seconds = 0;
  std::uint64_t in_time = 0;  // successful answers until the end of the measured time
  Histogram latencies;        // of every successful call, those answered after the end too
  std::map<std::string, std::uint64_t> errors;
  std::uint64_t error_count = 0;
  std::uint64_t unsent = 0;  // open loop: due before the end, but every stream was busy until then
  double client_cpu_seconds = 0;
};

// What it is counted as: texts are cut, and there are only so many kinds.
std::string count_error(Figures* figures, std::string kind);

struct Line {  // one operation, as --record writes it
  std::uint64_t due_us;
  std::uint64_t latency_us;
  std::uint32_t outcome;  // 0: success, else 1 + place in Record::outcomes
};

struct Record {
  // Of due_us = 0, in microseconds since 1970, so that lines can be laid beside what happened elsewhere.
  std::uint64_t start_unix_us = 0;
  std::vector<Line> lines;
  std::vector<std::string> outcomes;
};

// Once a second: operations a second, p99 in microseconds and errors so far.
using Progress = std::function<void(double ops_per_second, std::uint64_t p99_us, std::uint64_t errors)>;

}  // namespace cairn::load
