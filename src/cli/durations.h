// Lengths of time as people write them.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace cairn::cli {

// Seconds, or a number with s, m, h or d: 90, 90s, 2h. At least one second, at most what etcd's API can say.
std::optional<std::chrono::seconds> duration_of(std::string_view text);

}  // namespace cairn::cli
