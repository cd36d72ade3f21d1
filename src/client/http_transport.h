// The Transport over HTTP/1.1, with one kept connection an endpoint.
#pragma once

#include <cstddef>
#include <memory>

#include "client/transport.h"

namespace cairn::client {

std::unique_ptr<Transport> make_http_transport(std::size_t connections_max);

}  // namespace cairn::client
