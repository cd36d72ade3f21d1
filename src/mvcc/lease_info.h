// LeaseInfo: one lease as it stands in the state; LeaseChoice: what a proposer chooses for one. Times are
// seconds of real time, and nothing in the state knows what time it is: how much of a lease is left, its
// leader knows (node/leases.h).
#pragma once

#include <cstdint>

namespace cairn::mvcc {

struct LeaseInfo {
  std::int64_t id = 0;           // never 0
  std::int64_t ttl_s = 0;        // as granted
  std::int64_t remaining_s = 0;  // at the last checkpoint; 0: all of it
  std::uint64_t generation = 0;  // another one each time that any lease is granted
  std::int64_t left_s() const { return remaining_s == 0 ? ttl_s : remaining_s; }
  bool operator==(const LeaseInfo&) const = default;
};

// 0: nothing is chosen.
struct LeaseChoice {
  std::int64_t id = 0;
  std::int64_t ttl_s = 0;
  bool operator==(const LeaseChoice&) const = default;
};

}  // namespace cairn::mvcc
