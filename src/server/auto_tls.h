// A certificate for --auto-tls or --peer-auto-tls: made here, signed by itself, kept in the data directory
// for as long as it is good. Who is given the file believes it; nobody else has a reason to.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"
#include "tls/context.h"

namespace cairn::server {

// Fills in where certificate and key lie. `port`: "client" or "peer", their name. `hosts`: that it is for.
Status make_auto_tls(const std::string& data_dir, const std::string& port,
                     const std::vector<std::string>& hosts, std::chrono::system_clock::time_point now,
                     tls::Options* options);

}  // namespace cairn::server
