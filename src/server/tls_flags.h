// What the flags say of TLS, on both ports: read together with the URLs, since a port that is shown
// certificates and speaks plaintext would leave a door open which its owner believes shut. As etcd has it, a
// trusted CA alone demands certificates.
#pragma once

#include <string>

#include "base/result.h"
#include "server/flags.h"

namespace cairn::server {

// Once the URLs are read.
Status read_tls(const Given& from, const ConfigLimits& limits, Config* config);
// Why no cluster can be founded with peer URLs of these schemes; empty: one can.
std::string mixed_schemes(const Config& config);

}  // namespace cairn::server
