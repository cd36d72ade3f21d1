// Members that forget (docs/adr/0013): whose memory speaks in a message, who counts, and the way back.
#include "raft/life.h"

#include "base/reached.h"
#include "raft/members.h"
#include "raft/turn.h"

namespace cairn::raft {
namespace {

bool is_reply(const Body& body) {
  return std::holds_alternative<VoteReply>(body) || std::holds_alternative<AppendReply>(body) ||
         std::holds_alternative<SnapshotReply>(body) || std::holds_alternative<ReadIndexReply>(body) ||
         std::holds_alternative<TimeoutNow>(body);
}

// The record of this incarnation is in the log, durably, and known to be committed; or the log begins with
// the list of founders and this is one of them.
const Recorded* own_record(const State& s) {
  const auto names_me = [&s](const Recorded* mine) {
    return mine != nullptr && mine->incarnation == s.life.incarnation;
  };
  const Index stable = std::max(s.durability.stable(), s.log.snapshot().index);
  const Index known = std::max(std::min(s.commit, stable), s.log.snapshot().index);
  const Recorded* mine = recorded(s.log.members_at(known), s.config.id);
  if (names_me(mine)) return mine;
  const Recorded* founder = recorded(s.log.members_at(stable), s.config.id);
  return names_me(founder) && founder->founding ? founder : nullptr;
}

// It claims to remember everything, by an earlier record than the one that this log has of its sender.
bool is_superseded(const State& s, const Message& message) {
  const Recorded* newest = recorded(s.log.members(), message.from);
  return message.life.full && newest != nullptr && newest->incarnation != message.life.incarnation &&
         newest->number > message.life.recorded;
}

// Enough are there, now, to commit a record. Without them it would stay in this log alone, and it is held
// against the directory that the member had before: should that be put back, untouched, all that was
// acknowledged may need it, while the life that came between has never counted.
bool has_quorum_now(const State& s, const Leader& leader) {
  return quorum_vote(s.log.members(), [&](NodeId id) {
           const Progress* peer = leader.find(id);
           const bool counts = id == s.config.id ? s.life.full : peer != nullptr && counts_now(s, *peer);
           return counts ? Tally::won : Tally::pending;
         }) == Tally::won;
}

}  // namespace

bool is_unformed(const State& state) {
  // Who is to join a cluster is not among its founders: it waits for those who know of it.
  return !state.life.full && !state.has_forgotten && state.log.last().v == 0 &&
         state.log.snapshot().index.v == 0 && is_voter(state.log.members(), state.config.id);
}

void change_life(Turn& turn, const Life& life) {
  State& s = turn.state;
  s.life = life;
  s.hard_state_changed = true;
  s.life_write = s.durability.next();  // nothing is said in this life before it is durable
}

namespace {

void learn_founding(Turn& turn) {
  State& s = turn.state;
  if (s.life.founded != 0) return;
  Life life = s.life;
  life.founded = s.log.members_at(std::max(s.commit, s.log.snapshot().index)).founded;
  if (life.founded != 0) change_life(turn, life);
}

}  // namespace

void become_full_if_recorded(Turn& turn) {
  State& s = turn.state;
  learn_founding(turn);
  const Recorded* mine = s.life.full ? nullptr : own_record(s);
  if (mine == nullptr) return;
  // What it knew of others' starts has come back, or an older copy would be no such thing to it. Those who
  // founded the cluster have known nothing before.
  if (!mine->founding && !knows_starts(s)) return REACHED("raft.life.knows_no_starts");
  // Told of a term that no entry comes near, it can still begin anew (has_strayed); full, it could not.
  if (was_told_of_its_term(s)) return;
  Life life = s.life;
  life.full = true;
  life.recorded = mine->number;
  s.has_forgotten = false;
  change_life(turn, life);
  REACHED("raft.life.full_again");
  trace(turn, "is on record -> full");
}

void forget(Turn& turn, const std::string& why) {
  State& s = turn.state;
  trace(turn, why, " -> a new incarnation, not full");
  turn.out.forgot = why;
  s.held.clear();  // promises of who this is no more
  become_follower(turn, s.term, NodeId{});
  Life life;
  life.incarnation = Incarnation{s.prng.next() | 1U};
  life.start = next_start(0, s.prng.next());
  life.full = false;
  // What is left of the log is of that founding still, and the leader of another one would replace it.
  life.founded = s.life.founded;
  s.has_forgotten = true;
  change_life(turn, life);
  s.starts = {life.start};
  s.start_known_to.clear();
  s.starts_learnt_from.clear();
  s.announce_at = s.now;
}

bool is_of_this_cluster(Turn& turn, const Message& message) {
  State& s = turn.state;
  const bool other =
      message.life.founded != 0 && s.life.founded != 0 && message.life.founded != s.life.founded;
  if (!other) {
    s.other_founding.erase(message.from);
    return true;
  }
  REACHED("raft.life.of_another_founding");
  if (is_member(s.log.members(), message.from)) s.other_founding[message.from] = s.now;
  disbelieve(
      turn, message.from,
      "its data is of another founding of this cluster: one of the two directories is from an earlier one, "
      "and has to be emptied or moved away");
  return false;
}

bool fits(Turn& turn, const Message& message) {
  State& s = turn.state;
  // An answer to who this was speaks of what this member does not know.
  if (is_reply(message.body) && message.to_incarnation != s.life.incarnation) return false;
  if (is_superseded(s, message)) {
    // The life goes on that the cluster has recorded the end of: an older copy of the directory.
    REACHED("raft.life.superseded");
    send(turn, message.from, StartSeen{message.life.incarnation, start_beyond(message.life.start)});
    return false;
  }
  return meet(turn, message);
}

Progress* heard_of(Turn& turn, const Message& message) {
  State& s = turn.state;
  // Not full, and another came after it: to record this one would end the life of that one.
  const Life& life = message.life;
  if (!life.full && is_over(s.met, message.from, life.incarnation)) {
    REACHED("raft.life.over");
    send(turn, message.from, StartSeen{life.incarnation, start_beyond(life.start)});
    return nullptr;
  }
  const auto find = [&s, &message]() {
    auto* leader = std::get_if<Leader>(&s.role);
    return leader == nullptr ? nullptr : leader->find(message.from);
  };
  Progress* peer = find();
  if (peer == nullptr) return nullptr;
  const bool counted = peer->full;
  if (peer->heard(message.life, s.log.last().next(), s.now)) {
    trace(turn, peer->id, " has forgotten what it acknowledged");
    peer->become_probe(peer->next);
  }
  if (!peer->full) {
    record_incarnations(turn);
  } else if (!counted) {
    commit_by_quorum(turn);  // what it acknowledged before counts as well
  }
  return find();  // these two may change the members, and who leads
}

void record_incarnations(Turn& turn) {
  State& s = turn.state;
  const Leader* leader = as_leader(s);
  if (leader == nullptr || !may_change_members(s)) return;
  Members members = s.log.members();
  for (const Progress& peer : leader->peers) {
    // Only who is there, too: the directory of another may have been put back since it spoke.
    if (peer.full || !peer.current || peer.incarnation.v == 0) continue;
    const Recorded* known = recorded(members, peer.id);
    if (known == nullptr || known->incarnation != peer.incarnation)
      record(&members, {peer.id, peer.incarnation, false, known == nullptr ? 1 : known->number + 1});
  }
  if (members == s.log.members()) return;
  if (!has_quorum_now(s, *leader)) {
    REACHED("raft.life.not_recorded_without_a_quorum");
    return;
  }
  trace(turn, "records who has forgotten");
  append_to_log(turn, Entry{s.term, s.log.last().next(), EntryType::members, encode(members)});
}

}  // namespace cairn::raft
