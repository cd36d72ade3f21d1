// LeaderMoves: leadership that somebody wants another member to have. The leader hands over by Raft's
// transfer, and the client is answered once that member leads, as far as this one knows. Owner: Node.
// Bounded by Limits; beyond, refused.
#pragma once

#include <cstddef>
#include <vector>

#include "node/core_port.h"
#include "node/requests.h"
#include "node/standing.h"
#include "raft/state.h"

namespace cairn::node {

class LeaderMoves {
 public:
  struct Limits {
    std::size_t count = 16;  // not answered yet
  };
  LeaderMoves(const Limits& limits, CorePort& core) : limits_(limits), core_(core) {}

  void move(MoveLeader request, const raft::State& state, const Standing& standing);
  // Once a turn: who leads by now, or whose time is over.
  void look(const Standing& standing);
  std::size_t pending() const { return pending_.size(); }

 private:
  const Limits limits_;
  CorePort& core_;
  std::vector<MoveLeader> pending_;
};

}  // namespace cairn::node
