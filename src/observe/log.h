// Log: one line per event, for people and for the tools that already read etcd's logs. JSON lines in the
// shape of etcd's zap logger, {"level","ts","caller","msg", fields...}, or a readable text form on a
// terminal.
//   log_info("became leader", {{"term", 7}, {"member", name}});
// Threading: any thread; a line is written whole. Called by server/, api/ and cli/; never by the pure
// folders. Cheap when disabled: one relaxed load. Field values are only looked at when the line is written.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace cairn {

enum class LogLevel : std::uint8_t { debug, info, warn, error };
enum class LogFormat : std::uint8_t { automatic, json, text };  // automatic: text on a terminal, else JSON

std::optional<LogLevel> log_level_from(std::string_view name);
std::string_view name_of(LogLevel level);

struct LogConfig {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::automatic;
  // Where lines go, without their newline; empty: stderr. Tests and `cairn events` listen here.
  std::function<void(std::string_view line)> sink;
};
void configure_log(LogConfig config);
// "default" and "stderr", "stdout", or the name of a file, which is appended to; instead of a sink. Files are
// opened anew, so that the same again is what a tool that has moved one away waits for. Error: unavailable,
// which file and why; lines go on to where they went before.
Status write_log_to(const std::vector<std::string>& outputs);
void set_log_level(LogLevel level);
// From now on every line says whose it is, under etcd's key.
void set_log_member(const std::string& id);
LogLevel log_level();

// Views only: made for the duration of one call of log_info and its siblings.
struct LogField {
  using Value = std::variant<bool, std::int64_t, std::uint64_t, double, std::string_view>;

  LogField(std::string_view name, bool flag) : key(name), value(flag) {}
  template <std::signed_integral Integer>
  LogField(std::string_view name, Integer number) : key(name), value(static_cast<std::int64_t>(number)) {}
  template <std::unsigned_integral Integer>
  requires(!std::same_as<Integer, bool>) LogField(std::string_view name, Integer number)
      : key(name), value(static_cast<std::uint64_t>(number)) {}
  LogField(std::string_view name, double number) : key(name), value(number) {}
  LogField(std::string_view name, std::string_view text) : key(name), value(text) {}
  LogField(std::string_view name, const std::string& text) : key(name), value(std::string_view(text)) {}
  LogField(std::string_view name, const char* text) : key(name), value(std::string_view(text)) {}

  std::string_view key;
  Value value;
};
using LogFields = std::initializer_list<LogField>;

namespace detail {
extern std::atomic<LogLevel> lowest_level;
void write_log(LogLevel level, std::string_view message, LogFields fields, const char* file, int line);
inline void log(LogLevel level, std::string_view message, LogFields fields, const char* file, int line) {
  if (level >= lowest_level.load(std::memory_order_relaxed)) write_log(level, message, fields, file, line);
}
}  // namespace detail

// The last two parameters are the caller's place and never given.
inline void log_debug(std::string_view message, LogFields fields = {}, const char* file = __builtin_FILE(),
                      int line = __builtin_LINE()) {
  detail::log(LogLevel::debug, message, fields, file, line);
}
inline void log_info(std::string_view message, LogFields fields = {}, const char* file = __builtin_FILE(),
                     int line = __builtin_LINE()) {
  detail::log(LogLevel::info, message, fields, file, line);
}
inline void log_warn(std::string_view message, LogFields fields = {}, const char* file = __builtin_FILE(),
                     int line = __builtin_LINE()) {
  detail::log(LogLevel::warn, message, fields, file, line);
}
inline void log_error(std::string_view message, LogFields fields = {}, const char* file = __builtin_FILE(),
                      int line = __builtin_LINE()) {
  detail::log(LogLevel::error, message, fields, file, line);
}

}  // namespace cairn
