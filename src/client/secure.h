// How https endpoints are spoken to: TLS with what the files of a client::Tls say, over HTTP/1.1 or HTTP/2.
#pragma once

#include <string>

#include "base/result.h"
#include "client/client.h"
#include "net/channel.h"

namespace cairn::client {

enum class Http { one, two };

// Whoever answers has to be `host`; empty: the name that is dialed. Error: a file that cannot be used, and
// why.
Result<net::Layer> layer_to(const std::string& host, const Tls& files, Http version);

}  // namespace cairn::client
