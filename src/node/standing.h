// Standing: what this member knows, now, of time and of who leads. The parts of a Node are handed one by
// value; but for Membership, which looks at everybody's progress, they are told no more of consensus, so that
// each can be tried alone.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "raft/types.h"

namespace cairn::node {

struct Standing {
  Time now;
  std::int64_t wall_ms = 0;
  raft::NodeId self, leader;  // leader 0: none is known, or its process has gone
  raft::Term term;
  std::uint64_t leadership = 0;  // counts the changes of leader and term that turns have begun with
  // Its log has room for what comes. A follower without hears of no decision any more: it could not tell what
  // becomes of a write, nor catch up with what a linearizable read has to see.
  bool has_room = true;

  bool leads() const { return leader == self; }
  bool is_led() const { return leader != raft::NodeId{}; }
};

}  // namespace cairn::node
