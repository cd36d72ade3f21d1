// Descriptors: how the files and sockets that this process may have open are shared out. What the log,
// snapshots and the other members need is set aside first: a member that cannot open its next segment has to
// stop, and one that cannot be reached does not count, while a client that finds no place waits or asks
// another member.
#pragma once

#include <cstddef>

#include "base/result.h"

namespace cairn::server {

struct Descriptors {
  std::size_t clients = 0;          // connections
  std::size_t ungreeted_peers = 0;  // connections to the peer port that have not said who they are
};

struct DescriptorLimits {
  std::size_t own = 64;                 // log, snapshots, listeners, loops of front-end threads
  std::size_t peers = 96;               // of members: four each for 16, and for those that are introduced
  std::size_t ungreeted_peers_min = 8;  // of the rest a sixteenth, within these
  std::size_t ungreeted_peers_max = 256;
  std::size_t clients_min = 16;
  std::size_t clients_max = 10000;
};

// Error: unavailable, when `all` is too few to start with; it says how many there must be and how to allow
// them.
Result<Descriptors> share_out(std::size_t all, const DescriptorLimits& limits = {});

}  // namespace cairn::server
