// The Transport over HTTP/1.1, with one kept connection an endpoint.
#pragma once

#include <memory>

#include "client/client.h"
#include "client/transport.h"

namespace cairn::client {

std::unique_ptr<Transport> make_http_transport(const Options& options);

}  // namespace cairn::client
