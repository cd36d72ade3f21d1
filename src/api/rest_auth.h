// Who a REST request is from, by its Authorization header: a login's token (Bearer), or a user's name and
// password (Basic), which is checked for this one request; without one, by its client's certificate.
#pragma once

#include <memory>

#include "api/api.h"
#include "api/guard.h"

namespace cairn::api {

// Of a request that has come whole; "" when it is not there.
std::string_view header_of(const rpc::HttpRequest& request, std::string_view wanted);

// The name in the certificate of who has sent the request by themselves. A browser shows its user's
// certificate for the page of anybody, so what a page of another origin asks for is asked by nobody.
std::string_view common_name_behind(const rpc::HttpCall& call);

bool says_who_it_is(const rpc::HttpRequest& request);
// Serves the request in their name, now or once the password has been checked.
void authorize(const Config& config, Guard& member, std::shared_ptr<rpc::HttpCall> call);

}  // namespace cairn::api
