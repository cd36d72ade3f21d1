// Bcrypt: passwords by the system's libcrypt, the one place that knows it. Pure but for the salt, which is
// the system's. Takes a tenth of a second at cost 10 and twice as much with each one more: on no thread that
// serves anybody. What it has seen of a password is wiped before it returns.
#pragma once

#include <string>

namespace cairn::server {

constexpr int kBcryptCostMin = 4, kBcryptCostMax = 31, kBcryptCostDefault = 10;

// "" if the library cannot.
std::string bcrypt_hash(const std::string& password, int cost);
// An empty hash is nobody's: false, after as long as any other of that cost takes.
bool bcrypt_matches(const std::string& password, const std::string& hash, int cost);

}  // namespace cairn::server
