// An endpoint as people write it, http://host:port or https://[::1]:port, taken apart. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cairn::client {

struct Endpoint {
  std::string host;  // a name or an address, without brackets
  std::uint16_t port = 0;
  bool secure = false;  // https
};

// Nothing when `text` has no scheme http or https, no port from 1 to 65535, or more behind it.
std::optional<Endpoint> parse_endpoint(std::string_view text);

}  // namespace cairn::client
