// I8: while a member runs, its term (in one incarnation), commit and applied index only grow, and applied <=
// commit <= last.
#pragma once

#include <cstdint>

#include "raft/types.h"
#include "sim/judge.h"

namespace cairn::sim {

struct Positions {
  raft::Term term;
  raft::Index commit, applied, last;
  std::int64_t revision = 0;
  raft::Incarnation incarnation{};
};

void check_monotonic(Judge& judge, raft::NodeId member, const Positions& before, const Positions& now);

}  // namespace cairn::sim
