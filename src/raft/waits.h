// Waits: for whom a member waits that has no leader, or does not count, and why: what status pages and logs
// say. Computed from a State whenever somebody asks; nothing is decided by it. Pure. Bounded by the members.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "raft/types.h"

namespace cairn::raft {

struct State;

enum class Wait : std::uint8_t {
  none,            // full, and a leader is there, or may soon be
  taken_in,        // not full: the leader that is there records it
  first_entry,     // founded the cluster, and what says so is not durable yet
  founders,        // not formed, and knows of nobody who is: forms the cluster with all, or is taken in
  membership,      // knows no cluster that it belongs to
  election,        // enough are there that count
  voters,          // that count: too few are there
  those_who_know,  // likewise, and even if all who are away came back, they would be too few
  own_founding     // likewise, since others are of another founding of the cluster
};

enum class Standing : std::uint8_t {
  counts,
  forgotten,
  silent,
  cannot_found,    // was a member before, as far as it knows, and has forgotten: forms no cluster
  other_founding,  // of the cluster: is heard in nothing else
};

struct Waits {
  struct Voter {
    NodeId id;
    Standing standing;
    bool operator==(const Voter&) const = default;
  };
  Wait what = Wait::none;
  bool for_long = false;          // no leader for so long that it is no election's doing
  bool had_earlier_life = false;  // it has lost what it knew, or the cluster has recorded one of this member
  std::size_t lacking = 0;        // so many more voters that count are needed to elect
  std::vector<Voter> others;      // the other voters, sorted by id
};

Waits waits_of(const State& state);

}  // namespace cairn::raft
