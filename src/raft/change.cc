// Carrying out membership changes (thesis 4): one at a time, in force as soon as they are in the log.
#include <algorithm>

#include "base/check.h"
#include "base/reached.h"
#include "raft/members.h"
#include "raft/turn.h"

namespace cairn::raft {
namespace {

void append_members(Turn& turn, const Members& members) {
  State& s = turn.state;
  append_to_log(turn, Entry{s.term, s.log.last().next(), EntryType::members, encode(members)});
}

Changed next_members(const State& s, const ChangeMembers& input) {
  for (const About& each : input.about) {
    if (each.text.size() > s.config.about_bytes_max) return ChangeError::too_long;
  }
  return change_towards(s.log.members(), input.voters, input.learners, input.about);
}

// The removed leader has done its last duty: the others hear of the commit, and one of them takes over at
// once.
void hand_over(Turn& turn) {
  State& s = turn.state;
  REACHED("raft.members.leader_removed");
  send_appends(turn);
  const NodeId to = best_successor(s, std::get<Leader>(s.role), Space::none);
  if (to.v != 0) send(turn, to, TimeoutNow{});
  step_down(turn, "no longer a voter");
}

}  // namespace

bool may_change_members(const State& s) {
  const Leader* leader = as_leader(s);
  return leader != nullptr && !leader->transfer && s.commit >= leader->term_start &&
         s.log.members_index() <= s.commit && !is_joint(s.log.members());
}

void on_change_members(Turn& turn, const ChangeMembers& input) {
  State& s = turn.state;
  const Leader* leader = as_leader(s);
  Changed next = ChangeError::not_joint;
  std::optional<Refusal> refusal;
  if (leader == nullptr) {
    refusal = Refusal::not_leader;
  } else if (leader->transfer) {
    refusal = Refusal::transferring;
  } else if (!may_change_members(s)) {
    refusal = Refusal::busy;
  } else {
    next = next_members(s, input);
    if (std::holds_alternative<ChangeError>(next)) {
      trace(turn, "change of members refused: ", describe(std::get<ChangeError>(next)));
      refusal = Refusal::invalid;
    }
  }
  if (refusal) {
    turn.out.changes.refused.push_back(Refused{input.tag, *refusal, s.leader});
    return;
  }
  if (is_joint(std::get<Members>(next))) REACHED("raft.members.joint");
  append_members(turn, std::get<Members>(next));
  turn.out.changes.accepted.push_back(Accepted{input.tag, s.term, s.log.last()});
}

void members_changed(Turn& turn) {
  State& s = turn.state;
  s.configurations_changed = true;
  const Members& members = s.log.members();
  trace(turn, "members are now ", members);
  // Who is a member no more is named no more; and where there is a log, nobody waits for founders.
  std::erase_if(s.other_founding, [&](const auto& each) { return !is_member(members, each.first); });
  s.cannot_found.clear();
  auto* leader = std::get_if<Leader>(&s.role);
  if (leader == nullptr) return;
  std::vector<Progress> peers;
  for (const NodeId id : all_members(members)) {
    if (id == s.config.id) continue;
    Progress* known = leader->find(id);
    peers.push_back(known != nullptr ? std::move(*known) : Progress(id, s.log.last().next(), s.now));
  }
  leader->peers = std::move(peers);
  if (leader->transfer && leader->find(leader->transfer->to) == nullptr) leader->transfer.reset();
}

void members_committed(Turn& turn) {
  State& s = turn.state;
  if (!is_leader(s) || s.log.members_index() > s.commit) return;
  const Members& members = s.log.members();
  if (is_joint(members)) {
    if (!members.auto_leave) return;
    const Changed next = leave_joint(members);
    CHECK(std::holds_alternative<Members>(next));
    REACHED("raft.members.leaves_joint");
    append_members(turn, std::get<Members>(next));
  } else if (!is_voter(members, s.config.id)) {
    hand_over(turn);
  }
}

}  // namespace cairn::raft
