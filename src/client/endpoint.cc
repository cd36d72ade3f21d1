#include "client/endpoint.h"

#include <charconv>

namespace cairn::client {

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  constexpr std::string_view kPlain = "http://", kSecure = "https://";
  const bool secure = text.starts_with(kSecure);
  if (!secure && !text.starts_with(kPlain)) return std::nullopt;
  text.remove_prefix(secure ? kSecure.size() : kPlain.size());
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  Endpoint endpoint;
  endpoint.secure = secure;
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (error != std::errc() || end != port.data() + port.size() || endpoint.port == 0) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host.empty() || host.find_first_of("/?#@ ") != std::string_view::npos) return std::nullopt;
  endpoint.host = std::string(host);
  return endpoint;
}

}  // namespace cairn::client
