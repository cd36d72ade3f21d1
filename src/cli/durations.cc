#include "cli/durations.h"

#include <charconv>
#include <cstdint>

namespace cairn::cli {
namespace {

constexpr std::int64_t kLongest = 9'000'000'000;

std::int64_t seconds_of(std::string_view unit) {
  if (unit.empty() || unit == "s") return 1;
  if (unit == "m") return 60;
  if (unit == "h") return 3600;
  return unit == "d" ? 86400 : 0;
}

}  // namespace

std::optional<std::chrono::seconds> duration_of(std::string_view text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  const std::int64_t of = seconds_of(std::string_view(stopped, static_cast<std::size_t>(end - stopped)));
  if (error != std::errc() || of == 0 || number < 1 || number > kLongest / of) return std::nullopt;
  return std::chrono::seconds(number * of);
}

}  // namespace cairn::cli
