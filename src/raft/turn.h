// Turn: the state and the output of one step, handed through the functions that carry it out: a part of what
// core.h calls the driver's turn, in which many steps end with a Flush. Private to raft/. Each group of
// messages and rules has its file, named below.
#pragma once

#include <sstream>

#include "raft/quorum.h"
#include "raft/state.h"

namespace cairn::raft {

struct Turn {
  State& state;
  Output& out;
};

// One line of the story: what happened and why. Costs nothing unless Config::trace is set.
template <class... Parts>
void trace(Turn& turn, const Parts&... parts) {
  if (!turn.state.config.trace) return;
  std::ostringstream line;
  (line << ... << parts);
  turn.out.trace.push_back(line.str());
}
template <class Tag>
std::ostream& operator<<(std::ostream& out, Strong<Tag> value) {
  return out << value.v;
}
std::ostream& operator<<(std::ostream& out, const Members& members);

// ---- flush.cc: durable writes and promises ----
// Leaves at once, or when the current term and `after` are durable.
void send(Turn& turn, NodeId to, Body body, WriteSeq after = WriteSeq{});
Incarnation addressed(const State& state, NodeId to);  // by the next message; 0: not known
void send_with_term(Turn& turn, NodeId to, Term term,
                    Body body);  // pre-votes: neither term nor promise is our own
void change_hard_state(Turn& turn, Term term, NodeId vote, Incarnation vote_incarnation = {});
void enter_term(State* state, Term term);  // a later one, in which no vote has been given
void append_to_log(Turn& turn, Entry entry);
void truncate_log(Turn& turn, Index from);
// Acknowledgements of entries from `from` on that still wait: the log will not be what they would say. They
// were for a leader whose time is over.
void withdraw_promises(Turn& turn, Index from);
// The promise that the log up to `index` is durable may be made after this write.
WriteSeq write_covering(const State& state, Index index);
void flush(Turn& turn);
void on_persisted(Turn& turn, const Persisted& input);

// ---- life.cc: members that forget ----
void change_life(Turn& turn, const Life& life);
void become_full_if_recorded(Turn& turn);
void forget(Turn& turn, const std::string& why);  // what this member knew is not complete
// The same members may have founded a cluster of this name before: false, and nothing of it is believed.
bool is_of_this_cluster(Turn& turn, const Message& message);
bool fits(Turn& turn, const Message& message);  // the lives that it speaks of; false: it is done with
// What is known of the sender of a reply, brought up to date; null when that is none of this leader's peers.
Progress* heard_of(Turn& turn, const Message& message);
void record_incarnations(Turn& turn);  // of those who have forgotten, as soon as that may be proposed

// ---- strangers.cc ----
bool is_known(const State& state, NodeId id);  // in a configuration that counts, or led from within one
bool is_believed(Turn& turn, const Message& message);  // as far as its sender goes; false: it is done with
void disbelieve(Turn& turn, NodeId who, std::string why);
bool has_strayed(const State& state, const Message& message);  // its sender's term says so
void come_back(Turn& turn, const Message& message);

// ---- starts.cc ----
bool meet(Turn& turn, const Message& message);  // false: another start of its sender is known, and it is told
void announce_start(Turn& turn);                // to those who have not confirmed that they know it
// Whoever has no leader, and may not ask for votes, learns from the answers who is there: waits.cc.
void ask_around(Turn& turn);
// A majority of the others has told one that forgot whom they have met.
bool knows_starts(const State& state);
Time announcement_due(const State& state);
void on_started(Turn& turn, const Message& message);
void on_start_seen(Turn& turn, const Message& message, const StartSeen& seen);

// ---- formation.cc ----
bool was_founded_with(const State& state, const VoteRequest& request);  // the candidate's log says so
// Null: the vote may be given, as far as the formation goes.
const char* why_not_form(const State& state, const Message& message, const VoteRequest& request);
std::vector<Recorded> ballot_for(const State& state, const Candidate& candidate);
// patient: those who did not answer yet may still do so.
Tally count_founders(const State& state, const Candidate& candidate, bool patient);

// ---- compare.cc ----
std::uint64_t state_hash_at(const State& state, Index index);  // 0: not known (any more)
void add_hashes(Turn& turn, const std::vector<StateHash>& hashes);
void compare_state(Turn& turn, const AppendRequest& request);
void poll_states(State* state, Leader* leader);
void on_state_told(Turn& turn, NodeId from, Index index, std::uint64_t hash);

// ---- waits.cc ----
void note_question(State* state);  // the other voters were asked for a sign of life
Time leader_missed_at(const State& state);

// ---- space.cc ----
void room_reported(Turn& turn, const Room& room);
// How many of the entries from `from` on the log takes.
std::size_t entries_that_fit(const State& state, const std::vector<Entry>& entries, std::size_t from);
bool takes(const State& state, const Propose& proposal);  // a leader, from its clients
// More than the disk is known to have room for would be under way: not before some of that is there.
bool outgrows_room(const State& state, const Propose& proposal);
bool takes_first_entry(const State& state);  // a leader to be
void on_space_told(Turn& turn, Progress* peer, Space space);
// A leader whose disk hangs, or has no room where others' have, hands over.
void relieve_leader(Turn& turn, Leader* leader);

// ---- stuck.cc ----
void let_another_try(Turn& turn, Leader* leader);  // by one that commits nothing, while a voter is silent

// ---- election.cc ----
NodeId best_successor(const State& state, const Leader& leader, Space space);  // 0: nobody has that much
// A member that its newest configuration leaves out may still be needed until that is committed: perhaps
// nobody else has a log that the others would vote for (thesis 4.2.2).
bool could_lead(const State& state);
bool may_campaign(const State& state);  // ... and its disk answers, and has room
void reset_election_timer(Turn& turn);
void leader_heard(Turn& turn);  // it lives
void become_follower(Turn& turn, Term term, NodeId leader);
void campaign(Turn& turn, bool pre, bool transfer);
void count_votes(Turn& turn, bool patient = true);
void on_vote_request(Turn& turn, const Message& message, const VoteRequest& request);
void on_vote_reply(Turn& turn, const Message& message, const VoteReply& reply);
void on_timeout_now(Turn& turn, const Message& message);
void on_transfer(Turn& turn, const TransferLeadership& input);
void continue_transfer(Turn& turn, const Progress& peer);
void on_connection_lost(Turn& turn, const ConnectionLost& input);
bool protects_leader(const State& state);   // heard from it within an election timeout (thesis 4.2.3)
Time leader_lease_end(const State& state);  // a leader that is not heard of until then is named no more: E5
void expire_leader(Turn& turn);
void step_down(Turn& turn, const char* why);
void on_returned(Turn& turn);
void on_tick(Turn& turn);

// ---- append.cc ----
// Why this member cannot be one of those that the leader leads; nullptr: it can. Who is right is not asked:
// the leader has a quorum's votes for its log.
const char* why_differs(const State& state, const AppendRequest& request);
void on_propose(Turn& turn, Propose input);
void on_propose_own(Turn& turn, ProposeOwn input);
void on_append_request(Turn& turn, const Message& message, const AppendRequest& request);
void on_append_reply(Turn& turn, const Message& message, const AppendReply& reply);
void on_unreachable(Turn& turn, const Unreachable& input);
void advance_commit(Turn& turn, Index to);
void commit_by_quorum(Turn& turn);
void send_appends(Turn& turn);  // to every peer that something is due to
void heartbeat_all(const State& state, Leader* leader);

// ---- snapshot.cc ----
void offer_snapshot(Turn& turn, Progress* peer, bool heartbeat);  // heartbeat: one is due
void on_snapshot_offer(Turn& turn, const Message& message, const SnapshotOffer& offer);
void on_snapshot_reply(Turn& turn, const Message& message, const SnapshotReply& reply);
void on_snapshot_saved(Turn& turn, const SnapshotSaved& input);
void on_snapshot_sent(Turn& turn, const SnapshotSent& input);
void on_snapshot_not_taken(Turn& turn);

// ---- read.cc ----
void on_read_barrier(Turn& turn, const ReadBarrier& input);
void on_read_index_request(Turn& turn, const Message& message, const ReadIndexRequest& request);
void on_read_index_reply(Turn& turn, const Message& message, const ReadIndexReply& reply);
void begin_reads(Turn& turn, bool again);  // at the end of a turn, and at a heartbeat (again)
void finish_reads(Turn& turn);             // rounds that a quorum has confirmed
void fail_reads(Turn& turn);               // the role is about to change
void on_abandon_reads(Turn& turn, const AbandonReads& input);

// ---- change.cc ----
void on_change_members(Turn& turn, const ChangeMembers& input);
void members_changed(Turn& turn);    // the newest configuration in the log is another one
void members_committed(Turn& turn);  // commit moved: leave a joint configuration, step down when removed

}  // namespace cairn::raft
