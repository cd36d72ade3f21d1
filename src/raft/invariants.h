// What must hold of a core after every step, in one place: LogCabin's idea. Tests and simulations call
// violations() after each step; docs/ARCHITECTURE.md repeats the numbers, and CHECKs in raft/ cite them.
//
// Election   E1  the term never decreases, in one incarnation
//            E2  within a term, a vote once given stays
//            E3  a leader voted for itself, durably, and knows itself as the leader
//            E4  only a follower has a leader whose connection is lost
//            E5  nobody names a leader that it has not heard for an election timeout, but itself
// Log        L1  entries are contiguous
//            L2  terms never decrease along the log, and none is later than the current term
//            L3  a leader never shortens or overwrites its log
// Commit     C1  applied <= handed <= commit <= last
//            C2  commit never decreases, and a committed entry never changes
//            C3  of every peer: match < next, match <= last; within a leadership match never decreases
//            C4  a leader commits only up to an entry of its own term that a quorum has durably
// Durability D1  no message carries a term that is not durable (pre-votes excepted: they carry nobody's term)
//            D2  a promise leaves only after the write that it depends on is durable; persisted <= issued
//            D3  what counts as durable of the log (`stable`) has been handed out for writing, and exists
// Snapshot   S1  the log in memory begins at or before the end of the newest snapshot or of what was applied
//            S2  a snapshot covers only what was applied
// Reads      R1  read rounds are numbered in order, never above the newest, with indexes that are committed
// Memory     F1  who is not full does not stand, but to form a cluster, and leads only until its founding
//                entry is durable; nobody who is not full is counted for a commit or a read
// Members    M1  lists are sorted; voters and learners are disjoint; learners_next vote in the old half
//            M2  the members in force are those that the newest entry of that kind in the log says, or the
//            snapshot
// Bounds     B1  unacknowledged requests stay within their limits
#pragma once

#include <string>
#include <vector>

#include "raft/state.h"

namespace cairn::raft {

// What is needed of the state before a step to judge the step. Cheap to make: no log is copied.
struct Summary {
  Term term;
  NodeId vote;
  Incarnation incarnation;
  Index commit;
  Term commit_term;
  Index last;
  Index members_index;
  bool leader = false;
  struct Match {
    NodeId id;
    Incarnation incarnation;
    Index index;
  };
  std::vector<Match> matches;
};
Summary summarize(const State& state);

// Empty, or one line per broken invariant, beginning with its number. Looks at the ends of the log only.
std::vector<std::string> violations(const Summary& before, const State& after);

}  // namespace cairn::raft
