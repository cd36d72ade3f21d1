#include "api/cors.h"

#include <algorithm>
#include <string>

namespace cairn::api {
namespace {

bool is_allowed(const Config& config, std::string_view origin) {
  return !origin.empty() &&
         std::any_of(config.cors_origins.begin(), config.cors_origins.end(),
                     [&](const std::string& each) { return each == "*" || each == origin; });
}

}  // namespace

bool is_own(std::string_view origin, std::string_view host) {
  const std::size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && origin.substr(scheme + 3) == host;
}

bool may_write(const Config& config, std::string_view origin, std::string_view host) {
  return origin.empty() || is_own(origin, host) || is_allowed(config, origin);
}

void add_cors(const Config& config, std::string_view origin, rpc::Headers* to) {
  if (!is_allowed(config, origin)) return;
  to->emplace_back("access-control-allow-origin", origin);
  to->emplace_back("vary", "origin");
  to->emplace_back("access-control-expose-headers",
                   "ETag, Location, Retry-After, Cairn-Revision, Cairn-Mod-Revision, Cairn-Create-Revision, "
                   "Cairn-Version, Cairn-Lease, Cairn-Consistency, Cairn-Applied-Index, Cairn-Served-By, "
                   "Cairn-Leader, Cairn-Term");
}

void add_preflight(const Config& config, std::string_view origin, std::string_view methods,
                   rpc::Headers* to) {
  if (!is_allowed(config, origin)) return;
  to->emplace_back("access-control-allow-methods", methods);
  to->emplace_back("access-control-allow-headers",
                   "Accept, Content-Type, If-Match, If-None-Match, Idempotency-Key, Idempotency-Revision, "
                   "Cairn-Timeout-Ms, "
                   "Cairn-Route");
  to->emplace_back("access-control-max-age", "600");
}

}  // namespace cairn::api
