#include "server/bcrypt.h"

#include <crypt.h>

#include <cstring>
#include <memory>

namespace cairn::server {
namespace {

constexpr char kPrefix[] = "$2b$";

std::string crypted(const std::string& password, const char* setting) {
  const auto data = std::make_unique<crypt_data>();
  const char* const result = ::crypt_r(password.c_str(), setting, data.get());
  const std::string hash = result != nullptr && result[0] != '*' ? result : "";
  ::explicit_bzero(data.get(), sizeof *data);
  return hash;
}

// As long for every pair of the same length.
bool same(const std::string& one, const std::string& other) {
  if (one.size() != other.size()) return false;
  unsigned char differs = 0;
  for (std::size_t i = 0; i < one.size(); ++i)
    differs = static_cast<unsigned char>(differs | (static_cast<unsigned char>(one[i] ^ other[i])));
  return differs == 0;
}

}  // namespace

std::string bcrypt_hash(const std::string& password, int cost) {
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  if (::crypt_gensalt_rn(kPrefix, static_cast<unsigned long>(cost), nullptr, 0, setting, sizeof setting) ==
      nullptr)
    return "";
  return crypted(password, setting);
}

bool bcrypt_matches(const std::string& password, const std::string& hash, int cost) {
  if (!hash.empty()) return same(crypted(password, hash.c_str()), hash);
  static_cast<void>(bcrypt_hash(password, cost));
  return false;
}

}  // namespace cairn::server
