// OnceAMinute: which of many equal log lines is worth writing. Owner: whoever logs. Threading: none of its
// own. Bounded: kLinesMax different lines at a time; further ones wait until one of these is a minute old.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/time.h"

namespace cairn::server {

class OnceAMinute {
 public:
  static constexpr std::size_t kLinesMax = 64;
  static constexpr Duration kInterval = std::chrono::minutes(1);

  // How often this line has come since it was last due, this time included; null when it is not due.
  std::optional<std::uint64_t> due(const std::string& line, Time now);

 private:
  struct Line {
    Time written;
    std::uint64_t held_back = 0;
  };
  std::map<std::string, Line> lines_;
};

}  // namespace cairn::server
