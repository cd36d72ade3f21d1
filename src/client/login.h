// A Transport that is somebody: logs in before the first request, by etcd's gateway, sends the login's token
// with each, and logs in once more when a server does not know it (any more). Where no users are asked for,
// or none can log in so, requests go out as they are; where the gateway is off, with name and password each.
#pragma once

#include <memory>

#include "client/client.h"
#include "client/transport.h"

namespace cairn::client {

std::unique_ptr<Transport> as_user(User user, std::unique_ptr<Transport> transport);

}  // namespace cairn::client
