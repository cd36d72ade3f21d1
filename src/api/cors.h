// Cross-origin requests (the Fetch standard's CORS): which web pages of other origins may use the REST API
// from a browser. None, unless the operator names them: Config::cors_origins. Pure.
#pragma once

#include <string_view>

#include "api/api.h"

namespace cairn::api {

// The page is of `host` itself.
bool is_own(std::string_view origin, std::string_view host);

// A browser sends some requests of foreign pages without asking first, so a write is refused here: of a page
// that neither comes from this member, `host`, nor is named.
bool may_write(const Config& config, std::string_view origin, std::string_view host);

// The headers of an answer to a page of `origin`; none for an origin that is not named, or "" for no page.
void add_cors(const Config& config, std::string_view origin, rpc::Headers* to);
// What a preflight asks, besides: which methods and headers may be sent.
void add_preflight(const Config& config, std::string_view origin, std::string_view methods, rpc::Headers* to);

}  // namespace cairn::api
