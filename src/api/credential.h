// Credential: by what a call says whose it is, as its bytes have it: nothing of it is believed before Guard
// has looked. A value.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace cairn::rpc {
class GrpcCall;
}

namespace cairn::api {

struct Credential {
  std::string token{};  // of a login
  // Instead: a user that has been made sure of by other means, and by which of their passwords.
  std::string user{};
  std::uint64_t password_revision = 0;  // 0: by none, but by the certificate of the connection
  bool for_anyone = false;              // of a method that asks for nobody
  bool by_certificate() const { return !user.empty() && password_revision == 0; }
};
using SharedCredential = std::shared_ptr<const Credential>;

// "token" as etcd's clients send it, or "authorization", with or without "Bearer " in front; without them,
// the client's certificate.
SharedCredential credential_of(const rpc::GrpcCall& call);
// Null: it is of nobody.
SharedCredential credential_of(std::string_view common_name);
std::string_view without_bearer(std::string_view authorization);
// `scheme` in small letters, with the blank behind it; in front it may stand in any (RFC 9110 11.1).
std::string_view without_scheme(std::string_view authorization, std::string_view scheme);

}  // namespace cairn::api
