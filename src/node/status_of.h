// What a member says of itself, from what it knows.
#pragma once

#include <string>

#include "base/time.h"
#include "mvcc/state_machine.h"
#include "node/status.h"
#include "raft/state.h"

namespace cairn::node {

// 0: none is known, or its process has gone and is nobody to send anything to.
inline raft::NodeId leader_of(const raft::State& state) {
  return state.leader_lost ? raft::NodeId{} : state.leader;
}
std::string waits_for(const raft::State& state, const mvcc::MemberMap& members, const RefusedBy& refused_by);
MemberNumbers numbers_of(const raft::State& state);  // as far as the core knows
// behind_after: Config::behind_after.
MemberStatus status_of(const raft::State& state, const MemberNumbers& numbers, const mvcc::View& view,
                       const RefusedBy& refused_by, Time now, Duration behind_after);

}  // namespace cairn::node
