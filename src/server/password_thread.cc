#include "server/password_thread.h"

#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <utility>
#include <vector>

#include "server/thread_name.h"

namespace cairn::server {
namespace {

// Wiped when it goes; shared by the copies of the function that holds it.
struct Secret {
  explicit Secret(std::string given) : text(std::move(given)) {}
  ~Secret() { api::wipe(&text); }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  std::string text;
};

// Who floods it with logins gets what nobody else wants of the processor. What cannot be set is no harm.
void stand_back() {
  constexpr int kNicer = 10;
  const auto self = static_cast<id_t>(::gettid());
  static_cast<void>(::setpriority(PRIO_PROCESS, self, ::getpriority(PRIO_PROCESS, self) + kNicer));
}

}  // namespace

PasswordThread::PasswordThread(int cost, const Limits& limits)
    : cost_(cost), limits_(limits), jobs_(limits.waiting_max), thread_([this] { run(); }) {}

PasswordThread::~PasswordThread() { stop(); }

bool PasswordThread::hash(std::string password, std::function<void(std::string)> done) {
  return add([this, password = std::make_shared<Secret>(std::move(password)), done = std::move(done)] {
    done(bcrypt_hash(password->text, cost_));
  });
}

bool PasswordThread::check(std::string password, std::string hash, std::function<void(bool)> done) {
  return add([this, password = std::make_shared<Secret>(std::move(password)), hash = std::move(hash),
              done = std::move(done)] { done(bcrypt_matches(password->text, hash, cost_)); });
}

bool PasswordThread::add(Job job) {
  if (waiting_.fetch_add(1) < limits_.waiting_max && jobs_.try_push(std::move(job))) return true;
  waiting_.fetch_sub(1);
  return false;
}

void PasswordThread::run() {
  name_this_thread("passwords");
  stand_back();
  std::vector<Job> some;
  while (jobs_.drain(&some)) {
    for (Job& job : some) {
      if (!stops_.load()) job();
      job = nullptr;
      waiting_.fetch_sub(1);
    }
  }
}

void PasswordThread::stop() {
  stops_.store(true);
  jobs_.close();
  if (thread_.joinable()) thread_.join();
}

}  // namespace cairn::server
