// PasswordThread: hashes and checks passwords one after the other, beside the threads that serve clients.
// Owner: Process. Threading: hash() and check() from any thread; answers are called on this one, and are not
// called any more once stop() returns. Bounded: Limits::waiting_max, refused beyond.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <thread>

#include "api/passwords.h"
#include "base/mailbox.h"
#include "server/bcrypt.h"

namespace cairn::server {

class PasswordThread final : public api::Passwords {
 public:
  struct Limits {
    std::size_t waiting_max = 64;  // also the one that is looked at
  };
  explicit PasswordThread(int cost) : PasswordThread(cost, Limits()) {}
  PasswordThread(int cost, const Limits& limits);
  ~PasswordThread() override;
  PasswordThread(const PasswordThread&) = delete;
  PasswordThread& operator=(const PasswordThread&) = delete;

  bool hash(std::string password, std::function<void(std::string)> done) override;
  bool check(std::string password, std::string hash, std::function<void(bool)> done) override;
  std::size_t waiting_max() const override { return limits_.waiting_max; }
  void stop();  // those that wait are dropped

 private:
  using Job = std::function<void()>;
  bool add(Job job);
  void run();

  const int cost_;
  const Limits limits_;
  Mailbox<Job> jobs_;
  std::atomic<std::size_t> waiting_{0};
  std::atomic<bool> stops_{false};
  std::thread thread_;
};

}  // namespace cairn::server
