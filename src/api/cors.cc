#include "api/cors.h"

#include <algorithm>
#include <string>

#include "api/rest.h"

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

void add_cors(const Config& config, std::string_view origin, bool is_let_in, rpc::Headers* to) {
  if (!is_let_in && !is_allowed(config, origin)) return;
  to->emplace_back("access-control-allow-origin", origin);
  to->emplace_back("vary", "origin");
  to->emplace_back("access-control-expose-headers",
                   "ETag, Location, Retry-After, Cairn-Revision, Cairn-Mod-Revision, Cairn-Create-Revision, "
                   "Cairn-Version, Cairn-Lease, Cairn-Consistency, Cairn-Applied-Index, Cairn-Served-By, "
                   "Cairn-Leader, Cairn-Term");
}

void add_preflight(const Config& config, std::string_view origin, bool is_let_in, std::string_view methods,
                   rpc::Headers* to) {
  if (!is_let_in && !is_allowed(config, origin)) return;
  to->emplace_back("access-control-allow-methods", methods);
  to->emplace_back(
      "access-control-allow-headers",
      "Accept, Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Idempotency-Revision, "
      "Cairn-Timeout-Ms, "
      "Cairn-Route");
  to->emplace_back("access-control-max-age", "600");
}

std::vector<std::string> origins_of(const node::Member& member) {
  std::vector<std::string> origins;
  const auto members = member.members();
  for (const auto& [id, info] : *members) {
    for (std::string origin : info.client_urls) {
      while (origin.ends_with('/')) origin.pop_back();
      origins.push_back(std::move(origin));
    }
  }
  return origins;
}

bool shows_console(const RestCall& rest) {
  const std::string_view origin = rest.header("origin").value_or("");
  if (origin.empty() || route_of(rest.target().path) != Route::status) return false;
  const std::vector<std::string> known = origins_of(rest.member());
  return std::find(known.begin(), known.end(), origin) != known.end();
}

}  // namespace cairn::api
