// State: every field of the core. Readable by status pages, tests and invariants; changed only by raft/*.cc.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>

#include "base/prng.h"
#include "raft/core.h"
#include "raft/durability.h"
#include "raft/log.h"
#include "raft/role.h"

namespace cairn::raft {

// The last that was heard of a member.
struct Heard {
  Life life;
  Time at;
};

struct State {
  State(const Config& config_in, Recovered recovered, Time now_in);

  Config config;
  Prng prng;
  Time now;

  // Raft's persistent state. What is on disk may lag behind: see durability, term_write, life_write,
  // met_write and unwritten.
  Term term;
  NodeId vote;
  Incarnation vote_incarnation;
  Life life;
  std::vector<Met> met;
  std::vector<std::uint64_t> starts;
  bool has_forgotten;
  LogTail log;

  Index commit;   // everything up to here is decided
  Index handed;   // ... and was given to the driver in Output::apply or Output::install
  Index applied;  // ... and was applied by the driver

  // Compared with the others': compare.cc. Contiguous.
  std::deque<StateHash> hashes;
  StateHash expected;  // what a majority has; index 0: nothing said yet

  // For words only: members that are of another founding, and when they last said so; that form no cluster.
  std::map<NodeId, Time> other_founding;
  std::set<NodeId> cannot_found;
  std::map<NodeId, Heard> heard;        // of each sender
  std::set<NodeId> starts_learnt_from;  // while not full: whose StartSeen::met this member has taken over
  std::map<NodeId, Incarnation> start_known_to;  // who remembers this start durably, and in which life
  Time announce_at;                              // the others are told of it, next

  Role role;
  NodeId leader;                  // of this term; 0: not known
  bool leader_was_known = false;  // it was in a configuration that counts, when it began to lead this member
  Time leader_contact;  // when a leader, this one or the one before, was last heard of; at first: the start
  Time known_leader_contact;               // of those alone that are in a configuration that counts
  std::optional<Time> stranger_lifted_at;  // the term, by who is in none of those
  Time asked, asked_before;  // when the others were last asked for a sign of life, and the time before that
  bool leader_lost =
      false;           // its process closed the connection: do not protect it against elections any more
  Time returned_at;    // from an absence in which it could hear nobody: Returned
  Time excused_until;  // until then another absence is no excuse
  Time hurried_until;  // after a leader was lost so: elections are repeated sooner
  Time election_deadline;
  Duration election_timeout;  // randomized anew for every election

  // Durable writes. The current turn's changes become the write durability.next().
  Durability durability;
  WriteSeq term_write;              // with it, term and vote are durable
  WriteSeq life_write;              // with it, in whose life they are
  WriteSeq met_write;               // with it, whom this member has met
  bool hard_state_changed = false;  // in this turn
  // Which configurations count has changed since the driver was told; it knows nothing yet.
  bool configurations_changed = true;
  std::optional<SnapshotMeta> reset_to;
  std::optional<Index> drop_before;
  Index dropped;    // the disk was told to drop what is before
  Index unwritten;  // the first entry that is in no write yet
  // Promises, by the write that must be durable before they may be made.
  std::multimap<WriteSeq, Message> held;
  Index left_out;  // by a follower: the first entry for which there was no room, the last time
  // ... nor for the snapshot that it needs instead: nothing more comes before there is.
  bool snapshot_left_out = false;
  Duration stuck_wait{};  // before another is let try to lead: doubled with each time that was in vain
  Room room;              // of the log when the newest write to finish had; not counting what is under way

  std::uint64_t read_round = 0;  // the newest; never reused
  std::uint64_t read_id = 0;  // of the newest ReadIndexRequest; never reused, not even by a restarted member
};

// Reads of State, for drivers.
inline const Leader* as_leader(const State& state) { return std::get_if<Leader>(&state.role); }
inline bool is_leader(const State& state) { return as_leader(state) != nullptr; }
// A leader's peer: it has been heard of within an election timeout.
inline bool answers(const State& state, const Progress& peer) {
  return state.now < peer.last_contact + state.config.election_timeout;
}
// ... and remembers all that it has promised, in the process that runs now. What it has acknowledged before
// counts all the same; but whoever relies on it for what comes, or says that all is well, asks this.
inline bool counts_now(const State& state, const Progress& peer) {
  return peer.full && peer.current && answers(state, peer);
}
const char* role_name(const State& state);
// No election has led to its term, so far is it from what its entries say: somebody who lied has.
inline bool was_told_of_its_term(const State& state) {
  return state.term.v - state.log.last_term().v > state.config.terms_ahead_max;
}
// Of a leader: whether a change of the members may begin. One at a time, and none before an own entry is
// committed: else two leaders could act on configurations whose majorities do not overlap (thesis 4.1 and its
// 2015 correction).
bool may_change_members(const State& state);
// Knows nothing and has promised nothing: a member of a cluster that has not been formed.
bool is_unformed(const State& state);
// That what others claim is measured by: 0 of one that is not full, whose own one is worth nothing.
inline Term settled_term(const State& state) { return state.life.full ? state.term : Term{}; }
// Until then no message is heard of who is in none of the configurations that count.
Time strangers_heard_from(const State& state);
bool disk_answers(const State& state);  // its writes end within an election timeout
Space own_space(const State& state);
// Of a follower: from which index on its disk has no room for commands, or for the snapshot with them, so
// that it cannot apply them. Nothing: it has room.
std::optional<Index> no_room_from(const State& state);
// A leader takes the commands of clients only so far as it and a quorum of disks have space for them.
Space space_for_commands(const State& state);
// What a snapshot of the state machine at `index` is called. index: between the newest snapshot and what was
// applied.
SnapshotMeta snapshot_meta_at(const State& state, Index index);

}  // namespace cairn::raft
