#include "server/service_manager.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <system_error>
#include <utility>

#include "observe/log.h"

namespace cairn::server {
namespace {

constexpr char kSocket[] = "NOTIFY_SOCKET", kWatchdog[] = "WATCHDOG_USEC",
               kWatchdogProcess[] = "WATCHDOG_PID";

tl::unexpected<Error> bad(const char* variable, const std::string& value, const std::string& why) {
  return fail(Code::invalid_argument, std::string("the environment says ") + variable + "=" + value + ": " +
                                          why +
                                          "; whoever starts this process sets it, as systemd does for " +
                                          "Type=notify: correct it, or unset it");
}

std::string value_of(const Environment& environment, const char* variable) {
  const auto found = environment.find(variable);
  return found == environment.end() ? "" : found->second;
}

Result<std::int64_t> number_in(const Environment& environment, const char* variable) {
  const std::string text = value_of(environment, variable);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number <= 0)
    return bad(variable, text, "a number of one or more is expected");
  return number;
}

Result<std::optional<Duration>> watchdog_in(const Environment& environment, std::int64_t own_process_id) {
  if (value_of(environment, kWatchdog).empty()) return std::nullopt;
  const std::int64_t limit_us = TRY(number_in(environment, kWatchdog));
  // It may be meant for the process that has started this one.
  if (!value_of(environment, kWatchdogProcess).empty() &&
      TRY(number_in(environment, kWatchdogProcess)) != own_process_id)
    return std::nullopt;
  return std::chrono::duration_cast<Duration>(std::chrono::microseconds(limit_us));
}

}  // namespace

Result<ServiceManager> ServiceManager::named_in(const Environment& environment, std::int64_t own_process_id,
                                                const Limits& limits) {
  std::string path = value_of(environment, kSocket);
  if (path.empty()) return ServiceManager("", limits);
  if (path[0] != '/' && path[0] != '@')
    return bad(kSocket, path, "it has to begin with / or @, as the name of a Unix socket does");
  if (path.size() >= sizeof(sockaddr_un::sun_path))
    return bad(kSocket, path,
               "it has more than the " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
                   " bytes that the name of a Unix socket may have");
  if (path[0] == '@') path[0] = '\0';
  ServiceManager manager(std::move(path), limits);
  manager.watchdog_ = TRY(watchdog_in(environment, own_process_id));
  manager.socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (manager.socket_ < 0)
    return fail(Code::unavailable,
                "no socket to tell the service manager by: " + std::system_category().message(errno) +
                    "; does the process have descriptors left (LimitNOFILE)?");
  const auto patience_us = std::chrono::duration_cast<std::chrono::microseconds>(limits.patience).count();
  const timeval patience{.tv_sec = static_cast<time_t>(patience_us / 1'000'000),
                         .tv_usec = static_cast<suseconds_t>(patience_us % 1'000'000)};
  ::setsockopt(manager.socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  return manager;
}

ServiceManager::ServiceManager(ServiceManager&& other) noexcept
    : path_(std::move(other.path_)),
      limits_(other.limits_),
      socket_(std::exchange(other.socket_, -1)),
      watchdog_(other.watchdog_),
      said_(std::move(other.said_)),
      failure_said_(other.failure_said_) {}

ServiceManager::~ServiceManager() {
  if (socket_ >= 0) ::close(socket_);
}

std::string ServiceManager::status_line(std::string_view status) {
  said_ = status.substr(0, limits_.status_bytes_max);
  for (char& c : said_)
    if (c == '\n') c = ' ';  // a line is an assignment
  return "STATUS=" + said_;
}

void ServiceManager::say(std::string_view status) {
  const std::string before = said_;
  const std::string line = status_line(status);
  if (said_ != before && !tell(line, MSG_DONTWAIT)) said_ = before;
}

void ServiceManager::ready(std::string_view status) { tell("READY=1\n" + status_line(status), 0); }

void ServiceManager::reloading(Time now) {
  const auto now_us = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
  tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now_us) + "\n" +
           status_line("reads its settings again"),
       0);
}

void ServiceManager::stopping(std::string_view status) { tell("STOPPING=1\n" + status_line(status), 0); }

// When its queue is full it has others to hear, and the next sign comes soon.
void ServiceManager::alive() { tell("WATCHDOG=1", MSG_DONTWAIT); }

bool ServiceManager::tell(const std::string& message, int flags) {
  if (!listens()) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.data(), path_.size());
  // The name of a file ends at its zero byte; one in the abstract namespace is as long as it is said to be.
  const std::size_t size_bytes =
      offsetof(sockaddr_un, sun_path) + path_.size() + (path_.front() == '\0' ? 0 : 1);
  const ssize_t sent =
      ::sendto(socket_, message.data(), message.size(), flags | MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size_bytes));
  if (sent >= 0) return true;
  if (flags == MSG_DONTWAIT || std::exchange(failure_said_, true)) return false;
  log_warn(
      "the service manager could not be told: it may believe that this member does not serve, and end it",
      {{"why", std::system_category().message(errno)},
       {"next", "look at what NOTIFY_SOCKET names; systemctl restart has it told again"}});
  return false;
}

}  // namespace cairn::server
