// Joining: a first start of a member that others may know already. With --initial-cluster-state existing who
// it is, and of which cluster, they know since somebody has added it: they call, and tell. And who would
// found a cluster may have founded it before, and have lost its directory since: if others have been added
// meanwhile they call, too, and it goes back to them instead of founding the same cluster once more.
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
  std::optional<Bootstrap> called{};  // as whom, where the flags do not say it
  bool was_there = false;             // as who the flags say, by a cluster that it has been in
  bool interrupted = false;           // SIGINT or SIGTERM
};
// The call comes through that layer. As long as it takes.
Result<FirstCallEnd> await_first_call(const Config& config, const net::Layer& through);

// Of who would found that cluster, for Config::founding_wait. Neither called nor interrupted: nobody who
// reaches it knows of one.
Result<FirstCallEnd> await_call_before_founding(const Config& config, const Bootstrap& founded,
                                                const net::Layer& through);

}  // namespace cairn::server
