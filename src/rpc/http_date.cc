#include "rpc/http_date.h"

#include <array>

namespace cairn::rpc {

// Not strftime: its names follow the locale.
std::string http_date(std::time_t when) {
  constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm utc{};
  gmtime_r(&when, &utc);
  const auto padded = [](int number, std::size_t digits) {
    std::string text = std::to_string(number);
    return std::string(digits > text.size() ? digits - text.size() : 0, '0') + text;
  };
  return std::string(kDays[static_cast<std::size_t>(utc.tm_wday)]) + ", " + padded(utc.tm_mday, 2) + " " +
         kMonths[static_cast<std::size_t>(utc.tm_mon)] + " " + padded(utc.tm_year + 1900, 4) + " " +
         padded(utc.tm_hour, 2) + ":" + padded(utc.tm_min, 2) + ":" + padded(utc.tm_sec, 2) + " GMT";
}

std::string_view http_date_now() {
  thread_local std::time_t made_at = -1;
  thread_local std::string text;
  if (const std::time_t now = std::time(nullptr); now != made_at) {
    made_at = now;
    text = http_date(now);
  }
  return text;
}

}  // namespace cairn::rpc
