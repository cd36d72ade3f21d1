#include "api/passwords.h"

#include <cstring>
#include <utility>

#include "api/api.h"
#include "etcd/reasons.h"

namespace cairn::api {
namespace {

template <class Answer>
std::function<void(Answer)> on_the_thread_of(const Config& config, std::function<void(Answer)> done) {
  if (!config.post) return done;
  return [&config, done = std::move(done)](Answer answer) mutable {
    config.post([done = std::move(done), answer = std::move(answer)] { done(answer); });
  };
}

}  // namespace

bool hash_password(const Config& config, std::string password, std::function<void(std::string)> done) {
  return config.passwords->hash(std::move(password), on_the_thread_of(config, std::move(done)));
}

bool check_password(const Config& config, std::string password, std::string hash,
                    std::function<void(bool)> done) {
  return config.passwords->check(std::move(password), std::move(hash),
                                 on_the_thread_of(config, std::move(done)));
}

Status usable_password(const std::string& password) {
  if (password.size() > Passwords::kBytesMax)
    return fail(Reason::password_too_long, {static_cast<std::int64_t>(password.size()),
                                            static_cast<std::int64_t>(Passwords::kBytesMax)});
  if (password.find('\0') != std::string::npos) return fail(Reason::password_holds_zero);
  return {};
}

void wipe(std::string* secret) {
  ::explicit_bzero(secret->data(), secret->size());
  secret->clear();
}

}  // namespace cairn::api
