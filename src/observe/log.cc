#include "observe/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>

namespace cairn {
namespace {

constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};

class FunctionSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FunctionSink(std::function<void(std::string_view)> take) : take_(std::move(take)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    take_({message.payload.data(), message.payload.size()});
  }
  void flush_() override {}

  std::function<void(std::string_view)> take_;
};

struct Target {
  std::shared_ptr<spdlog::logger> logger;
  LogFormat format = LogFormat::automatic;
  bool json = true;
  std::string member{};  // empty: not known yet
};

Target target_of(std::vector<spdlog::sink_ptr> sinks, LogFormat format, bool is_terminal) {
  auto logger = std::make_shared<spdlog::logger>("cairn", sinks.begin(), sinks.end());
  logger->set_pattern("%v");
  logger->set_level(spdlog::level::trace);  // lowest_level has decided already
  logger->flush_on(spdlog::level::trace);   // the last line before a crash is the one that matters
  const bool json = format == LogFormat::json || (format == LogFormat::automatic && !is_terminal);
  return {std::move(logger), format, json};
}

bool is_stderr(std::string_view output) { return output == "stderr" || output == "default"; }

spdlog::sink_ptr sink_for(const std::string& output) {
  if (is_stderr(output)) return std::make_shared<spdlog::sinks::stderr_sink_mt>();
  if (output == "stdout") return std::make_shared<spdlog::sinks::stdout_sink_mt>();
  return std::make_shared<spdlog::sinks::basic_file_sink_mt>(output);
}

bool are_terminals(const std::vector<std::string>& outputs) {
  return std::all_of(outputs.begin(), outputs.end(), [](const std::string& output) {
    return (is_stderr(output) && ::isatty(STDERR_FILENO) == 1) ||
           (output == "stdout" && ::isatty(STDOUT_FILENO) == 1);
  });
}

std::shared_ptr<const Target> make_target(LogConfig config) {
  const bool terminal = !config.sink && ::isatty(STDERR_FILENO) == 1;
  const spdlog::sink_ptr sink =
      config.sink ? std::make_shared<FunctionSink>(std::move(config.sink)) : sink_for("stderr");
  return std::make_shared<const Target>(target_of({sink}, config.format, terminal));
}

// The only process-wide state: a log line may come from any thread at any time, start-up and shutdown
// included.
std::shared_ptr<const Target>& target() {
  static std::shared_ptr<const Target> instance = make_target({});
  return instance;
}

using Buffer = fmt::memory_buffer;

void put(Buffer* out, std::string_view text) { out->append(text); }

// Control characters, quotes and backslashes are escaped. Bytes that are no UTF-8 become U+FFFD: a JSON
// reader would refuse the whole line otherwise.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if (first == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
  if (first == 0xed && byte(1) > 0x9f) return 0;  // surrogate
  if (first == 0xf0 && byte(1) < 0x90) return 0;  // overlong
  if (first == 0xf4 && byte(1) > 0x8f) return 0;  // beyond Unicode
  return length;
}

void put_quoted(Buffer* out, std::string_view text) {
  out->push_back('"');
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const char c = text.front();
    if (length == 0) {
      put(out, "\\ufffd");
    } else if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (c == '\n') {
      put(out, "\\n");
    } else if (c == '\t') {
      put(out, "\\t");
    } else if (c == '\r') {
      put(out, "\\r");
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      fmt::format_to(std::back_inserter(*out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      put(out, text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out->push_back('"');
}

bool plain(std::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f) return false;
  }
  return !text.empty();
}

void put_value(Buffer* out, const LogField::Value& value, bool json) {
  const auto sink = std::back_inserter(*out);
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    if (json || !plain(*text)) return put_quoted(out, *text);
    return put(out, *text);
  }
  if (const auto* number = std::get_if<double>(&value); number && !std::isfinite(*number)) {
    return put_quoted(out, fmt::format("{}", *number));  // JSON has no number for it
  }
  std::visit([&](const auto& plain_value) { fmt::format_to(sink, "{}", plain_value); }, value);
}

void put_time(Buffer* out) {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto since_epoch_ms = now.time_since_epoch().count();
  fmt::format_to(std::back_inserter(*out), "{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                 fmt::gmtime(static_cast<std::time_t>(since_epoch_ms / 1000)), since_epoch_ms % 1000);
}

// "folder/file.cc:12", as zap writes it.
void put_caller(Buffer* out, const char* file, int line) {
  std::string_view place(file);
  if (const auto last = place.rfind('/'); last != std::string_view::npos && last > 0) {
    if (const auto before = place.rfind('/', last - 1); before != std::string_view::npos) {
      place.remove_prefix(before + 1);
    }
  }
  fmt::format_to(std::back_inserter(*out), "{}:{}", place, line);
}

constexpr std::string_view kMemberKey = "local-member-id";

void put_json(Buffer* out, LogLevel level, std::string_view message, LogFields fields, const char* file,
              int line, std::string_view member) {
  put(out, "{\"level\":\"");
  put(out, name_of(level));
  put(out, "\",\"ts\":\"");
  put_time(out);
  put(out, "\",\"caller\":\"");
  put_caller(out, file, line);
  put(out, "\",\"msg\":");
  put_quoted(out, message);
  if (!member.empty()) fmt::format_to(std::back_inserter(*out), ",\"{}\":\"{}\"", kMemberKey, member);
  for (const LogField& field : fields) {
    out->push_back(',');
    put_quoted(out, field.key);
    out->push_back(':');
    put_value(out, field.value, true);
  }
  out->push_back('}');
}

void put_text(Buffer* out, LogLevel level, std::string_view message, LogFields fields,
              std::string_view member) {
  put_time(out);
  fmt::format_to(std::back_inserter(*out), " {:<5} ", name_of(level));
  // A message is ours, but it may quote an error from outside: it must not begin a second line.
  for (const char c : message) out->push_back(static_cast<unsigned char>(c) < ' ' ? ' ' : c);
  for (const LogField& field : fields) {
    out->push_back(' ');
    put(out, field.key);
    out->push_back('=');
    put_value(out, field.value, false);
  }
  if (!member.empty()) fmt::format_to(std::back_inserter(*out), " {}={}", kMemberKey, member);
}

}  // namespace

namespace detail {

std::atomic<LogLevel> lowest_level{LogLevel::info};

void write_log(LogLevel level, std::string_view message, LogFields fields, const char* file, int line) {
  const auto where = std::atomic_load(&target());
  Buffer out;
  if (where->json) {
    put_json(&out, level, message, fields, file, line, where->member);
  } else {
    put_text(&out, level, message, fields, where->member);
  }
  where->logger->log(spdlog::level::info, spdlog::string_view_t(out.data(), out.size()));
}

}  // namespace detail

std::optional<LogLevel> log_level_from(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] == name) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

std::string_view name_of(LogLevel level) { return kNames[static_cast<std::size_t>(level)]; }

void configure_log(LogConfig config) {
  set_log_level(config.level);
  std::atomic_store(&target(), make_target(std::move(config)));
}

Status write_log_to(const std::vector<std::string>& outputs) {
  std::vector<spdlog::sink_ptr> sinks;
  for (const std::string& output : outputs) {
    try {
      sinks.push_back(sink_for(output));
    } catch (const spdlog::spdlog_ex& error) {
      return fail(Code::unavailable, std::string("cannot write the log: ") + error.what());
    }
  }
  const auto before = std::atomic_load(&target());
  Target now = target_of(std::move(sinks), before->format, are_terminals(outputs));
  now.member = before->member;
  std::atomic_store(&target(), std::shared_ptr<const Target>(std::make_shared<Target>(std::move(now))));
  return {};
}

void set_log_member(const std::string& id) {
  Target with = *std::atomic_load(&target());
  with.member = id;
  std::atomic_store(&target(), std::shared_ptr<const Target>(std::make_shared<Target>(std::move(with))));
}

void set_log_level(LogLevel level) { detail::lowest_level.store(level, std::memory_order_relaxed); }
LogLevel log_level() { return detail::lowest_level.load(std::memory_order_relaxed); }

}  // namespace cairn
