// Who a REST request is from, by its Authorization header: a login's token (Bearer), or a user's name and
// password (Basic), which is checked for this one request.
#pragma once

#include <memory>

#include "api/api.h"
#include "api/guard.h"

namespace cairn::api {

bool says_who_it_is(const rpc::HttpRequest& request);
// Serves the request in their name, now or once the password has been checked.
void authorize(const Config& config, Guard& member, std::shared_ptr<rpc::HttpCall> call);

}  // namespace cairn::api
