// ServiceManager: what systemd, or whoever else has started this process, is told of it: when it serves, what
// it is doing, that it is alive. The protocol is sd_notify(3)'s: datagrams to the socket that NOTIFY_SOCKET
// names; without that nobody is told anything. Owner: run(). Threading: one thread at a time. Bounds: who
// does not take a message holds a start, a reload and a stop up for no longer than Limits::patience, and who
// serves not at all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "server/config.h"

namespace cairn::server {

class ServiceManager {
 public:
  struct Limits {
    Duration patience = std::chrono::seconds(1);
    std::size_t status_bytes_max = 1024;  // what is longer is cut: it is for one line of a person's screen
  };
  // As the environment of this process says. Error: it says what cannot be understood.
  static Result<ServiceManager> named_in(const Environment& environment, std::int64_t own_process_id,
                                         const Limits& limits);
  static Result<ServiceManager> named_in(const Environment& environment, std::int64_t own_process_id) {
    return named_in(environment, own_process_id, Limits());
  }
  ServiceManager(ServiceManager&& other) noexcept;
  ServiceManager& operator=(ServiceManager&&) = delete;
  ~ServiceManager();

  bool listens() const { return socket_ >= 0; }
  // How often it wants a sign of life at least, if it does.
  std::optional<Duration> watchdog() const { return watchdog_; }

  void say(std::string_view status);  // in words; again only when they have changed, or were not taken
  void ready(std::string_view status);
  void reloading(Time now);  // until ready() once more
  void stopping(std::string_view status);
  void alive();

 private:
  ServiceManager(std::string path, const Limits& limits) : path_(std::move(path)), limits_(limits) {}
  std::string status_line(std::string_view status);
  bool tell(const std::string& message, int flags);  // whether it was taken

  std::string path_;  // of a socket; in the abstract namespace it begins with a zero byte
  Limits limits_;
  int socket_ = -1;
  std::optional<Duration> watchdog_{};
  std::string said_{};         // the last status
  bool failure_said_ = false;  // in the log: once
};

}  // namespace cairn::server
