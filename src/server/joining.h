// Joining: a first start with --initial-cluster-state existing. Who this member is, and of which cluster, the
// others know since somebody has added it: they call, and tell. Blocking.
#pragma once

#include <optional>

#include "base/result.h"
#include "net/channel.h"
#include "server/bootstrap.h"
#include "server/config.h"

namespace cairn::server {

// Waits for the first call, which comes through that layer. Nothing: SIGINT or SIGTERM came before.
Result<std::optional<Bootstrap>> await_first_call(const Config& config, const net::Layer& through);

}  // namespace cairn::server
