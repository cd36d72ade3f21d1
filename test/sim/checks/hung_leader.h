// I22: who leads has a disk that answers. A leader whose oldest write has been under way for two election
// timeouts, by its own clock, leads no more after its next few turns. I21 cannot see this: the others' disks
// commit what such a leader proposes, while nobody can say whether its own promises will ever be durable.
// A member that was stopped takes note of the time within a turn or two; hence kTurns.
// Owner: Checkers. Threading: one thread.
#pragma once

#include <map>

#include "base/time.h"
#include "raft/state.h"
#include "sim/judge.h"

namespace cairn::sim {

class HungLeaders {
 public:
  explicit HungLeaders(Judge& judge) : judge_(judge) {}
  void turn(raft::NodeId member, const raft::State& state);

 private:
  static constexpr int kTurns = 5;
  struct Hung {
    raft::Term term;
    int turns = 0;
    Time last{};
  };
  Judge& judge_;
  std::map<raft::NodeId, Hung> hung_;
};

}  // namespace cairn::sim
