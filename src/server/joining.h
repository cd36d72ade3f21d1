// Joining: a first start of a member that others may know already. With --initial-cluster-state existing who
// it is, and of which cluster, they know since somebody has added it: they call, and tell. And who would
// found a cluster alone may have founded it before, and have lost its directory since: if others have been
// added meanwhile they call, too, and it joins them again instead of founding the same cluster once more.
// Blocking.
#pragma once

#include <optional>

#include "base/result.h"
#include "base/time.h"
#include "net/channel.h"
#include "server/bootstrap.h"
#include "server/config.h"

namespace cairn::server {

// How the wait for a call has ended.
struct FirstCallEnd {
  std::optional<Bootstrap> called{};  // as whom
  bool interrupted = false;           // SIGINT or SIGTERM
};
// The call comes through that layer. As long as it takes.
Result<FirstCallEnd> await_first_call(const Config& config, const net::Layer& through);

struct FoundingLimits {
  Duration wait = std::chrono::seconds(2);  // others try again once a second: peer::Config::retry_max
};
// Of who would found that cluster alone. Neither called nor interrupted: nobody knows of one.
Result<FirstCallEnd> await_call_before_founding(const Config& config, const Bootstrap& alone,
                                                const net::Layer& through, const FoundingLimits& limits);

}  // namespace cairn::server
