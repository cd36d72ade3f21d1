#include "rpc/sources.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "base/check.h"

namespace cairn::rpc {

namespace ip = boost::asio::ip;

std::string source_of(const ip::address& address) {
  if (address.is_v4()) return address.to_string();
  const ip::address_v6 six = address.to_v6();
  if (six.is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, six).to_string();
  ip::address_v6::bytes_type bytes = six.to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
  return ip::address_v6(bytes).to_string() + "/64";
}

bool Sources::enter(const std::string& source) {
  const auto at = open_.try_emplace(source, 0).first;
  if (at->second >= connections_max_) return false;  // it has some, so the entry stays
  at->second += 1;
  return true;
}

void Sources::leave(const std::string& source) {
  const auto at = open_.find(source);
  CHECK(at != open_.end());
  if (--at->second == 0) open_.erase(at);
}

}  // namespace cairn::rpc
