// The roles of a member (thesis 3.3) with what only that role knows. A follower cannot touch a leader's
// fields, and what belongs to a lost leadership is gone with it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "base/time.h"
#include "raft/progress.h"
#include "raft/types.h"

namespace cairn::raft {

struct Follower {
  std::vector<std::uint64_t> reads;  // barriers of this turn, by tag: not yet asked of the leader
  // In one ReadIndexRequest each, by its id. If that or its answer was lost, until they are abandoned.
  std::map<std::uint64_t, std::vector<std::uint64_t>> asked;
};

struct Candidate {
  bool pre = true;        // asking for a pre-vote: no term was changed yet
  bool form = false;      // the first election of the cluster's life: formation.cc
  bool transfer = false;  // the old leader wants this election
  std::map<NodeId, bool> votes;
  WriteSeq vote_write;                     // the own vote counts once this is durable
  std::map<NodeId, Incarnation> founders;  // form: who is there, and goes on the ballot
};

// A read that waits for leadership to be confirmed: of an own client (from 0, id is its tag) or of a
// follower.
struct ReadRequest {
  NodeId from;
  std::uint64_t id = 0;
};
// Reads that share one confirmation. `index` was committed before the round's first message was sent.
struct ReadRound {
  std::uint64_t round = 0;
  Index index;
  std::vector<ReadRequest> requests;
};

struct Transfer {
  NodeId to;
  Time deadline;
  bool told = false;  // TimeoutNow is on its way
};

// The hash of the state at an index, as each member has told it.
struct StatePoll {
  Index index;  // 0: none under way
  std::map<NodeId, std::uint64_t> told;
  Time since{};
};

// Nothing is committed, though there is what might be, while a voter does not answer.
struct Stuck {
  std::optional<Time> since;  // nothing: it is not so now
  Index commit;               // then
  NodeId tried;               // the last one that was to lead instead
};

struct Leader {
  std::vector<Progress> peers;  // every member but this one, ordered by id
  Index term_start;             // the first entry of this term
  Time heartbeat_at;
  bool flush_due = true;  // something may have to be sent at the end of this turn
  std::optional<Transfer> transfer;
  Time relief_at{};  // for want of room on the own disk: not to be tried before
  Stuck stuck;
  std::vector<ReadRequest> reads;  // wait for a round to begin
  std::deque<ReadRound> rounds;    // wait for a quorum; in order of round and index
  StatePoll poll;
  StateHash agreed;  // by a majority, the last time; index 0: none yet

  Progress* find(NodeId peer) {
    for (Progress& progress : peers) {
      if (progress.id == peer) return &progress;
    }
    return nullptr;
  }
  const Progress* find(NodeId peer) const { return const_cast<Leader*>(this)->find(peer); }
};

using Role = std::variant<Follower, Candidate, Leader>;

}  // namespace cairn::raft
