// Start numbers at work: a member tells its start to all the others, who remember it durably, so that an
// older copy of its directory gives itself away to any of them (docs/adr/0013).
#include <algorithm>

#include "base/reached.h"
#include "raft/life.h"
#include "raft/members.h"
#include "raft/turn.h"

namespace cairn::raft {
namespace {

// Who is no member may still ask, and is answered; but not everybody who ever asked is remembered.
void forget_a_stranger(State* s, NodeId but) {
  for (auto each = s->heard.begin(); each != s->heard.end(); ++each) {
    if (each->first == but || is_member(s->log.members(), each->first)) continue;
    s->heard.erase(each);
    return;
  }
}

// It has not confirmed that it knows the start, or has not told yet what one that forgot has to know.
bool is_to_answer(const State& s, NodeId id) {
  if (id == s.config.id) return false;
  if (s.start_known_to.count(id) == 0) return true;
  return !s.life.full && !is_unformed(s) && s.starts_learnt_from.count(id) == 0 && !knows_starts(s);
}

bool is_told_to_all(const State& s) {
  const std::vector<NodeId> members = all_members(s.log.members());
  return std::none_of(members.begin(), members.end(), [&s](NodeId id) { return is_to_answer(s, id); });
}

// Its own start, and those of all but `asker`.
std::vector<Met> whom_it_has_met(const State& s, NodeId asker) {
  std::vector<Met> all{{s.config.id, s.life.incarnation, s.life.start}};
  std::copy_if(s.met.begin(), s.met.end(), std::back_inserter(all),
               [asker](const Met& each) { return each.id != asker; });
  return all;
}

void learn_starts(Turn& turn, const Message& message, const StartSeen& seen) {
  State& s = turn.state;
  if (s.life.full || seen.met.empty() || !is_known(s, message.from)) return;
  if (!s.starts_learnt_from.insert(message.from).second) return;
  REACHED("raft.start.learnt");
  trace(turn, "learns from ", message.from, " whom that has met");
  if (learn_met(&s.met, seen.met, s.config.met)) {
    s.hard_state_changed = true;
    s.met_write = s.durability.next();
  }
  become_full_if_recorded(turn);  // it may have waited for this alone
}

// Of starts before those that are remembered it cannot be told.
bool has_been_in(const State& s, std::uint64_t start) {
  return s.starts.empty() || start_count(start) < start_count(s.starts.front()) ||
         std::find(s.starts.begin(), s.starts.end(), start) != s.starts.end();
}

template <class Wanted>
void announce_to(Turn& turn, const Wanted& wanted) {
  State& s = turn.state;
  if (s.life.incarnation.v == 0) return;
  s.announce_at = s.now + s.config.election_timeout;
  // Most have met the start before.
  const std::uint64_t before = s.starts.size() < 2 ? 0 : s.starts[s.starts.size() - 2];
  for (const NodeId id : all_members(s.log.members())) {
    if (id != s.config.id && wanted(id)) send(turn, id, Started{before});
  }
}

}  // namespace

// A later start that all the others knew, who were full, is known again by whoever becomes full: a majority
// without this member has one more in it than that start's member, who may be an older copy by now.
bool knows_starts(const State& s) {
  return quorum_vote(s.log.members(), [&s](NodeId id) {
           return s.starts_learnt_from.count(id) != 0 ? Tally::won : Tally::pending;
         }) == Tally::won;
}

bool meet(Turn& turn, const Message& message) {
  State& s = turn.state;
  const Life& life = message.life;
  const Met* seen = find_met(s.met, message.from, life.incarnation);
  auto* leader = std::get_if<Leader>(&s.role);
  Progress* peer = leader == nullptr ? nullptr : leader->find(message.from);
  const bool is_another = seen == nullptr || seen->start != life.start;
  if (peer != nullptr && is_another) peer->doubt();
  if (seen != nullptr && seen->start != life.start) {
    const auto* started = std::get_if<Started>(&message.body);
    const bool follows = started != nullptr && started->follows == seen->start;
    if (was_rolled_back(life.start, seen->start) || !follows) {
      // Late, or not introduced yet, or from a directory that was rolled back: the receiver can tell.
      send(turn, message.from, StartSeen{seen->incarnation, seen->start}, s.met_write);
      return false;
    }
  }
  s.heard[message.from] = Heard{life, s.now};
  if (s.heard.size() > s.config.heard_max) forget_a_stranger(&s, message.from);
  // Who has lost its log may have met who is in no configuration that is left of it.
  const bool is_to_be_met = seen != nullptr || is_member(s.log.members(), message.from);
  if (life.incarnation.v == 0 || !is_to_be_met) return true;
  if (!note_met(&s.met, {message.from, life.incarnation, life.start}, s.config.met)) return true;
  // Who forgot what it knew of this member's start is to be told again.
  const auto known = s.start_known_to.find(message.from);
  if (known != s.start_known_to.end() && known->second != life.incarnation) {
    s.start_known_to.erase(known);
    s.announce_at = s.now;
  }
  // ... and who forgot asks at once whom it has just met.
  if (!s.life.full && !is_unformed(s) && !knows_starts(s)) s.announce_at = s.now;
  REACHED("raft.start.met");
  trace(turn, "meets ", message.from, " in start ", start_count(life.start));
  s.hard_state_changed = true;
  s.met_write = s.durability.next();
  return true;
}

void announce_start(Turn& turn) {
  announce_to(turn, [&turn](NodeId id) { return is_to_answer(turn.state, id); });
}

void ask_around(Turn& turn) {
  if (!is_member(turn.state.log.members(), turn.state.config.id)) return;
  announce_to(turn, [](NodeId) { return true; });
  note_question(&turn.state);
}

Time announcement_due(const State& s) {
  return s.life.incarnation.v == 0 || is_told_to_all(s) ? Time::max() : s.announce_at;
}

// The answer is a promise: it waits until the start is remembered durably. Of whom is no member here (yet)
// nothing is remembered; it asks again.
void on_started(Turn& turn, const Message& message) {
  const Life& life = message.life;
  if (find_met(turn.state.met, message.from, life.incarnation) == nullptr) return;
  StartSeen seen{life.incarnation, life.start};
  if (!life.full && turn.state.life.full) seen.met = whom_it_has_met(turn.state, message.from);
  send(turn, message.from, std::move(seen), turn.state.met_write);
}

void on_start_seen(Turn& turn, const Message& message, const StartSeen& seen) {
  State& s = turn.state;
  const std::uint64_t start = s.life.start;
  const auto heard = s.heard.find(message.from);
  if (heard != s.heard.end() && heard->second.life.incarnation == message.life.incarnation)
    heard->second.at = s.now;
  if (seen.incarnation != s.life.incarnation) return;
  if (seen.start == start) {
    s.start_known_to[message.from] = message.life.incarnation;
    learn_starts(turn, message, seen);
  } else if (!was_rolled_back(start, seen.start) && has_been_in(s, seen.start)) {
    send(turn, message.from, Started{seen.start});
  } else if ((s.life.full || is_unformed(s)) && !is_known(s, message.from)) {
    disbelieve(turn, message.from, "it has met a start of this directory that this one was never in");
  } else {
    REACHED("raft.life.rolled_back");
    if (seen.start == start_beyond(start))
      return forget(
          turn,
          "another member knows of a later life of this member, in another directory or after a loss: "
          "this directory is an older one");
    forget(turn, "another member has met start " + std::to_string(start_count(seen.start)) +
                     " of this directory, which is at start " + std::to_string(start_count(start)) +
                     " and never was in that one: it was rolled back to an older copy");
  }
}

}  // namespace cairn::raft
