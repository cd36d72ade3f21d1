#include "server/once_a_minute.h"

namespace cairn::server {

std::optional<std::uint64_t> OnceAMinute::due(const std::string& line, Time now) {
  const auto known = lines_.find(line);
  if (known != lines_.end() && now - known->second.written < limits_.interval) {
    known->second.held_back += 1;
    return std::nullopt;
  }
  if (known != lines_.end()) {
    const std::uint64_t times = known->second.held_back + 1;
    known->second = {now, 0};
    return times;
  }
  if (lines_.size() >= limits_.lines_max)
    std::erase_if(lines_,
                  [this, now](const auto& entry) { return now - entry.second.written >= limits_.interval; });
  if (lines_.size() >= limits_.lines_max) return std::nullopt;
  lines_.emplace(line, Line{now, 0});
  return 1;
}

}  // namespace cairn::server
