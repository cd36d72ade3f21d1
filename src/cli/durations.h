// Lengths of time, and times, as people write them.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace cairn::cli {

// Seconds, or a number with s, m, h or d: 90, 90s, 2h. At least one second, at most what etcd's API can say.
std::optional<std::chrono::seconds> duration_of(std::string_view text);

// RFC 3339, as 2026-11-30T12:50:16Z or 2026-11-30T13:50:16.5+01:00; or so long before `now`: 10m.
std::optional<std::chrono::system_clock::time_point> time_of(const std::string& text,
                                                             std::chrono::system_clock::time_point now);

}  // namespace cairn::cli
