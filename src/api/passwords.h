// Passwords: who hashes and checks them, which takes a tenth of a second each and so happens on no thread
// that serves clients. A port: server/ has a thread for it. What is passed is wiped once it was looked at.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include "base/result.h"

namespace cairn::api {

struct Config;

class Passwords {
 public:
  static constexpr std::size_t kBytesMax = 72;  // that bcrypt looks at

  virtual ~Passwords() = default;
  // Answered later, on a thread of their own, or dropped when the process stops. False: too many wait.
  [[nodiscard]] virtual bool hash(std::string password, std::function<void(std::string)> done) = 0;
  [[nodiscard]] virtual bool check(std::string password, std::string hash,
                                   std::function<void(bool)> done) = 0;
  virtual std::size_t waiting_max() const = 0;
};

// As those, answered on the thread of the Api.
bool hash_password(const Config& config, std::string password, std::function<void(std::string)> done);
// Empty: of nobody. It takes as long.
bool check_password(const Config& config, std::string password, std::string hash,
                    std::function<void(bool)> done);

// Whether bcrypt sees all of it.
Status usable_password(const std::string& password);
void wipe(std::string* secret);  // and empties it

}  // namespace cairn::api
