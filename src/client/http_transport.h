// The Transport over HTTP/1.1, with one kept connection an endpoint.
#pragma once

#include <memory>

#include "client/transport.h"

namespace cairn::client {

std::unique_ptr<Transport> make_http_transport();

}  // namespace cairn::client
