#include "cli/durations.h"

#include <cctype>
#include <charconv>
#include <cstdint>
#include <ctime>

namespace cairn::cli {
namespace {

constexpr std::int64_t kLongest = 9'000'000'000;

std::int64_t seconds_of(std::string_view unit) {
  if (unit.empty() || unit == "s") return 1;
  if (unit == "m") return 60;
  if (unit == "h") return 3600;
  return unit == "d" ? 86400 : 0;
}

// What is behind the date and time of day: "Z", or how far that clock is before UTC's; in seconds.
std::optional<std::int64_t> zone_of(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  const bool has_shape = text.size() == 6 && (text[0] == '+' || text[0] == '-') && text[3] == ':';
  if (!has_shape) return std::nullopt;
  for (const std::size_t i : {1U, 2U, 4U, 5U})
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
  const std::int64_t hours = 10 * (text[1] - '0') + text[2] - '0',
                     minutes = 10 * (text[4] - '0') + text[5] - '0';
  if (hours > 23 || minutes > 59) return std::nullopt;
  return (text[0] == '+' ? 1 : -1) * (3600 * hours + 60 * minutes);
}

}  // namespace

std::optional<std::chrono::system_clock::time_point> time_of(const std::string& text,
                                                             std::chrono::system_clock::time_point now) {
  using std::chrono::system_clock;
  if (const auto ago = duration_of(text)) return now - *ago;
  std::tm parts{};
  const char* at = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (at == nullptr || at - text.c_str() != 19) return std::nullopt;
  std::chrono::microseconds fraction{};
  if (*at == '.') {
    std::int64_t digits = 0;
    for (std::int64_t worth = 100'000; std::isdigit(static_cast<unsigned char>(*++at)) != 0;
         worth /= 10, ++digits)
      fraction += std::chrono::microseconds((*at - '0') * worth);
    if (digits == 0) return std::nullopt;
  }
  const auto zone = zone_of(at);
  if (!zone) return std::nullopt;
  return system_clock::from_time_t(timegm(&parts) - *zone) + fraction;
}

std::optional<std::chrono::seconds> duration_of(std::string_view text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  const std::int64_t of = seconds_of(std::string_view(stopped, static_cast<std::size_t>(end - stopped)));
  if (error != std::errc() || of == 0 || number < 1 || number > kLongest / of) return std::nullopt;
  return std::chrono::seconds(number * of);
}

}  // namespace cairn::cli
