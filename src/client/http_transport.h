// The Transport over HTTP/1.1, with one kept connection an endpoint.
#pragma once

#include <memory>
#include <string_view>

#include "client/transport.h"

namespace cairn::client {

// "http://host:port", as exchange() takes it.
bool is_endpoint(std::string_view text);

std::unique_ptr<Transport> make_http_transport();

}  // namespace cairn::client
