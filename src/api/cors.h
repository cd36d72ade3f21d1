// Cross-origin requests (the Fetch standard's CORS): which web pages of other origins may use the REST API
// from a browser. None, unless the operator names them: Config::cors_origins; but for the console of another
// member, which reads the status. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/api.h"

namespace cairn::api {

class RestCall;

// The page is of `host` itself.
bool is_own(std::string_view origin, std::string_view host);

// A browser sends some requests of foreign pages without asking first, so a write is refused here: of a page
// that neither comes from this member, `host`, nor is named.
bool may_write(const Config& config, std::string_view origin, std::string_view host);

// The headers of an answer to a page of `origin`; none for an origin that is not named, or "" for no page.
// `is_let_in`: it is, whoever is named.
void add_cors(const Config& config, std::string_view origin, bool is_let_in, rpc::Headers* to);
// What a preflight asks, besides: which methods and headers may be sent.
void add_preflight(const Config& config, std::string_view origin, bool is_let_in, std::string_view methods,
                   rpc::Headers* to);

// Where browsers find the members, as they say of themselves: the origins of their consoles.
std::vector<std::string> origins_of(const node::Member& member);
// The console of a member shows how the others are, so it may read their status: that alone, and nobody else.
bool shows_console(const RestCall& rest);

}  // namespace cairn::api
