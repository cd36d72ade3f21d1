// I2: a member votes for at most one candidate in a term for as long as it remembers.
// F1: a member that is not full gives no vote and does not stand, but to form a cluster that never was.
// I3: nothing that a message promises may be forgotten by a power cut right after it was sent: whatever a
// vote, a candidacy or an acknowledgement claims is durable at its sender. A candidacy counts: a vote granted
// to a log that the candidate then loses in a crash would still be counted when the candidate asks again in
// the same term, which it does not remember having asked in.
// I23: what a member says passes the others' check of what a member could say at all. What none could say
// does not: hostile.h.
#pragma once

#include <map>
#include <tuple>

#include "raft/types.h"
#include "sim/judge.h"
#include "sim/log_image.h"

namespace cairn::sim {

class Promises {
 public:
  // lies: somebody raises the term of those who have forgotten.
  Promises(Judge& judge, bool lies) : judge_(judge), lies_(lies) {}
  void send(const raft::Message& message, const Ledger& ledger);

 private:
  void memory(const raft::Message& message, const Ledger& ledger);
  void vote(const raft::Message& message, raft::NodeId candidate, const Ledger& ledger);
  void candidacy(const raft::Message& message, const raft::VoteRequest& request, const Ledger& ledger);
  void holds(const raft::Message& message, raft::Index index, const Ledger& ledger, const char* what);

  Judge& judge_;
  const bool lies_;
  std::map<std::tuple<raft::NodeId, raft::Incarnation, raft::Term>, raft::NodeId> votes_;
};

}  // namespace cairn::sim
