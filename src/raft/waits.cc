#include "raft/waits.h"

#include <algorithm>

#include "raft/members.h"
#include "raft/turn.h"

namespace cairn::raft {
namespace {

// Whoever is there has answered within this.
Duration answer_time(const State& s) { return 2 * s.config.heartbeat_interval; }

// Of another founding it answers no question, and what it says ends each connection: it is heard now and
// then.
Duration other_founding_time(const State& s) { return 10 * s.config.election_timeout; }

// What it answered may be about to be replaced by what it is now; good enough for words.
Standing standing_of(const State& s, NodeId id) {
  const auto heard = s.heard.find(id);
  const Time question = s.now < s.asked + answer_time(s) ? s.asked_before : s.asked;
  const auto other = s.other_founding.find(id);
  if (other != s.other_founding.end() && s.now < other->second + other_founding_time(s))
    return Standing::other_founding;
  if (heard == s.heard.end() || heard->second.at < question) return Standing::silent;
  if (heard->second.life.full) return Standing::counts;
  return s.cannot_found.contains(id) ? Standing::cannot_found : Standing::forgotten;
}

// How many voters of one half have to come beside those that count.
std::size_t lacking_in(const State& s, const std::vector<NodeId>& voters, bool even_silent) {
  if (voters.empty()) return 0;
  const auto counts = [&](NodeId id) {
    if (id == s.config.id) return s.life.full;
    const Standing standing = standing_of(s, id);
    return standing == Standing::counts || (even_silent && standing == Standing::silent);
  };
  const auto here = static_cast<std::size_t>(std::count_if(voters.begin(), voters.end(), counts));
  const std::size_t majority = voters.size() / 2 + 1;
  return majority - std::min(majority, here);
}

std::size_t lacking(const State& s, bool even_silent) {
  const Members& members = s.log.members();
  return std::max(lacking_in(s, members.voters, even_silent), lacking_in(s, members.voters_old, even_silent));
}

bool founds(const State& s) {
  const Recorded* mine = recorded(s.log.members(), s.config.id);
  return mine != nullptr && mine->founding && mine->incarnation == s.life.incarnation;
}

// Only who is full speaks for a cluster: whoever is not may be as new as this member.
bool knows_a_cluster(const State& s) {
  return std::any_of(s.heard.begin(), s.heard.end(), [&s](const auto& each) {
    return each.second.life.full && is_member(s.log.members(), each.first);
  });
}

Wait what_for(const State& s, const Waits& waits) {
  if (s.life.full && !waits.for_long) return Wait::none;
  if (!s.life.full && founds(s)) return Wait::first_entry;
  if (!s.life.full && s.leader.v != 0) return Wait::taken_in;
  if (!is_member(s.log.members(), s.config.id)) return Wait::membership;
  if (is_unformed(s) && !knows_a_cluster(s)) return Wait::founders;
  if (waits.lacking == 0) return Wait::election;
  const auto is_other = [](const auto& each) { return each.standing == Standing::other_founding; };
  if (std::any_of(waits.others.begin(), waits.others.end(), is_other)) return Wait::own_founding;
  return lacking(s, true) == 0 ? Wait::voters : Wait::those_who_know;
}

}  // namespace

void note_question(State* s) {
  s->asked_before = s->asked;
  s->asked = s->now;
}

// Longer than an election takes, after the leader was lost; and by then the others have been asked.
Time leader_missed_at(const State& s) {
  return s.leader_contact + 2 * s.config.election_timeout + answer_time(s);
}

Waits waits_of(const State& s) {
  Waits waits;
  waits.for_long = !is_leader(s) && s.leader.v == 0 && s.now >= leader_missed_at(s);
  const Recorded* mine = recorded(s.log.members(), s.config.id);
  waits.had_earlier_life = s.has_forgotten || (mine != nullptr && mine->incarnation != s.life.incarnation);
  waits.lacking = lacking(s, false);
  for (const NodeId id : all_members(s.log.members())) {
    if (id != s.config.id && is_voter(s.log.members(), id)) waits.others.push_back({id, standing_of(s, id)});
  }
  waits.what = what_for(s, waits);
  return waits;
}

}  // namespace cairn::raft
