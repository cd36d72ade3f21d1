#include "server/descriptors.h"

#include <algorithm>
#include <string>

namespace cairn::server {

Result<Descriptors> share_out(std::size_t all, const DescriptorLimits& limits) {
  const std::size_t least = limits.own + limits.peers + limits.ungreeted_peers_min + limits.clients_min;
  if (all < least) {
    return fail(Code::unavailable,
                "this process may open " + std::to_string(all) + " files, and needs " +
                    std::to_string(least) +
                    " for its log, the other members and some clients: allow more with ulimit -n 65536, or "
                    "with LimitNOFILE=65536 in the service's unit");
  }
  Descriptors shares;
  shares.ungreeted_peers = std::clamp(all / 16, limits.ungreeted_peers_min, limits.ungreeted_peers_max);
  const std::size_t rest = all - limits.own - limits.peers;
  shares.ungreeted_peers = std::min(shares.ungreeted_peers, rest - limits.clients_min);
  shares.clients = std::min(rest - shares.ungreeted_peers, limits.clients_max);
  return shares;
}

}  // namespace cairn::server
