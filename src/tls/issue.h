// Certificates made here: a CA of one's own, and what it signs, for `cairn cert`, for --auto-tls and for
// tests. Keys are ECDSA P-256. Threading: any thread.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"

namespace cairn::tls {

struct Issued {
  std::string certificate_pem;  // its own; whoever signed it is not in it
  std::string key_pem;
};

struct Order {
  std::string common_name;
  std::vector<std::string> hosts;  // names and addresses that it is for
  bool for_servers = true, for_clients = true;
  std::chrono::system_clock::time_point from, until;
};

// Signs others and itself. Error: internal, in OpenSSL's words.
Result<Issued> make_ca(const Order& order);
// Error: invalid_argument, where the CA is none.
Result<Issued> issue(const Issued& ca, const Order& order);
// Signed by itself, for who trusts it by itself: --auto-tls.
Result<Issued> self_signed(const Order& order);
// A list of what the CA takes back, by the certificates themselves.
Result<std::string> revoke(const Issued& ca, const std::vector<std::string>& certificates_pem,
                           const Order& when);

}  // namespace cairn::tls
