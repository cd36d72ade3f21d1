// OnceAMinute: which of many equal log lines is worth writing. Owner: whoever logs. Threading: none of its
// own. Bounded: Limits::lines_max different lines at a time; further ones wait until one of these is a minute
// old.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/time.h"

namespace cairn::server {

class OnceAMinute {
 public:
  struct Limits {
    std::size_t lines_max = 64;
    Duration interval = std::chrono::minutes(1);
  };
  OnceAMinute() : OnceAMinute(Limits()) {}
  explicit OnceAMinute(const Limits& limits) : limits_(limits) {}

  // How often this line has come since it was last due, this time included; null when it is not due.
  std::optional<std::uint64_t> due(const std::string& line, Time now);

 private:
  struct Line {
    Time written;
    std::uint64_t held_back = 0;
  };
  const Limits limits_;
  std::map<std::string, Line> lines_;
};

}  // namespace cairn::server
