// A leader that a majority answers, and that yet commits nothing: in that majority a disk is full or hangs.
// The voters that do not answer may answer another member, so that one is let try. It is a transfer, since
// this leader still serves reads. Where nobody does better it would go round for ever: each time in a row
// waits twice as long.
#include <algorithm>

#include "base/reached.h"
#include "raft/members.h"
#include "raft/turn.h"

namespace cairn::raft {
namespace {

bool has_what_it_cannot_commit(const State& s) {
  return s.commit < s.log.last() || space_for_commands(s) != Space::plenty;
}

bool a_voter_is_silent(const State& s, const Leader& leader) {
  return std::any_of(leader.peers.begin(), leader.peers.end(), [&](const Progress& peer) {
    return is_voter(s.log.members(), peer.id) && !answers(s, peer);
  });
}

// In turns, by id: who leads next goes on from its own.
NodeId next_to_try(const State& s, const Leader& leader) {
  const std::vector<NodeId>& voters = s.log.members().voters;
  const NodeId after = leader.stuck.tried.v != 0 ? leader.stuck.tried : s.config.id;
  NodeId first;
  for (const Progress& peer : leader.peers) {
    if (!std::binary_search(voters.begin(), voters.end(), peer.id)) continue;
    // Who lacks what is committed is elected by nobody before it has caught up.
    if (!counts_now(s, peer) || peer.space != Space::plenty || peer.match < s.commit) continue;
    if (peer.id > after) return peer.id;
    if (first.v == 0) first = peer.id;
  }
  return first;
}

}  // namespace

void let_another_try(Turn& turn, Leader* leader) {
  State& s = turn.state;
  Stuck& stuck = leader->stuck;
  if (leader->transfer || !has_what_it_cannot_commit(s) || !a_voter_is_silent(s, *leader)) {
    stuck.since.reset();
    return;
  }
  if (!stuck.since || s.commit > stuck.commit) {
    stuck.since = s.now;
    stuck.commit = s.commit;
  }
  const Duration wait = std::max<Duration>(s.stuck_wait, 4 * s.config.election_timeout);
  if (s.now < *stuck.since + wait) return;
  const NodeId to = next_to_try(s, *leader);
  if (to.v == 0) return;
  REACHED("raft.leader.lets_another_try");
  trace(turn, "commits nothing, while a voter does not answer");
  s.stuck_wait = std::min<Duration>(2 * wait, s.config.stuck_wait_max);
  stuck.tried = to;
  on_transfer(turn, TransferLeadership{to});
}

}  // namespace cairn::raft
