#include "raft/core.h"

#include <algorithm>

#include "base/check.h"
#include "base/match.h"
#include "base/reached.h"
#include "raft/members.h"
#include "raft/turn.h"

namespace cairn::raft {
namespace {

// A sender of an earlier term is told the current one, or it could stay behind for ever: a member that
// pre-votes in vain, or a leader that nobody follows any more.
void answer_stale(Turn& turn, const Message& message) {
  const NodeId to = message.from;
  std::visit(Match{[&](const VoteRequest& request) {
                     send(turn, to, VoteReply{request.pre, false});
                   },
                   [&](const AppendRequest&) { send(turn, to, AppendReply{}); },
                   [&](const SnapshotOffer& offer) {
                     send(turn, to, SnapshotReply{offer.meta.index, false});
                   },
                   [&](const ReadIndexRequest& request) {
                     send(turn, to, ReadIndexReply{request.id, false, Index{}});
                   },
                   [](const auto&) {}},
             message.body);
}

// Takes over a later term, except where the message is only asking. False: the message is done with.
bool take_over_term(Turn& turn, const Message& message) {
  State& s = turn.state;
  if (message.term <= s.term) return true;
  if (const auto* request = std::get_if<VoteRequest>(&message.body)) {
    if (request->pre) return true;
    if (!request->transfer &&
        protects_leader(s)) {  // 4.2.3: a member that was cut off or removed does not disturb
      REACHED("raft.vote.later_term_leader_alive");
      trace(turn, "vote for ", message.from, " in term ", message.term, " refused: the leader is alive");
      send(turn, message.from, VoteReply{});
      return false;
    }
  }
  if (const auto* reply = std::get_if<VoteReply>(&message.body); reply && reply->pre && reply->granted)
    return true;
  trace(turn, "term ", message.term, " from ", message.from, " is later than ", s.term);
  become_follower(turn, message.term, NodeId{});
  return true;
}

void receive(Turn& turn, const Message& message) {
  State& s = turn.state;
  if (message.to != s.config.id || message.from == s.config.id || message.from.v == 0) return;
  if (!is_believed(turn, message) || !is_of_this_cluster(turn, message)) return;
  // From anybody: two who have both been started again would never get to know each other.
  if (const auto* seen = std::get_if<StartSeen>(&message.body)) return on_start_seen(turn, message, *seen);
  // Before anything that it holds against the sender: whoever told it of the term may have said more.
  if (has_strayed(s, message)) return come_back(turn, message);
  if (!fits(turn, message)) return;
  if (std::holds_alternative<Started>(message.body)) return on_started(turn, message);
  if (message.term < s.term) {
    REACHED("raft.receive.earlier_term");
    answer_stale(turn, message);
    return;
  }
  if (!take_over_term(turn, message)) return;
  std::visit(Match{[&](const VoteRequest& body) { on_vote_request(turn, message, body); },
                   [&](const VoteReply& body) { on_vote_reply(turn, message, body); },
                   [&](const AppendRequest& body) { on_append_request(turn, message, body); },
                   [&](const AppendReply& body) { on_append_reply(turn, message, body); },
                   [&](const SnapshotOffer& body) { on_snapshot_offer(turn, message, body); },
                   [&](const SnapshotReply& body) { on_snapshot_reply(turn, message, body); },
                   [&](const TimeoutNow&) { on_timeout_now(turn, message); },
                   [&](const ReadIndexRequest& body) { on_read_index_request(turn, message, body); },
                   [&](const ReadIndexReply& body) { on_read_index_reply(turn, message, body); },
                   [](const Started&) {}, [](const StartSeen&) {}},
             message.body);
}

void on_applied(Turn& turn, const Applied& input) {
  CHECK(input.index <= turn.state.handed);  // C1
  State& s = turn.state;
  s.applied = std::max(s.applied, input.index);
  add_hashes(turn, input.hashes);
  if (input.forget <= s.log.first()) return;
  Index up_to = std::min({input.forget, s.applied, s.unwritten.prev()});
  if (const Leader* leader = as_leader(s)) {
    for (const Progress& peer : leader->peers) {
      if (answers(s, peer)) up_to = std::min(up_to, peer.match);
    }
  }
  s.log.forget(up_to, input.keep_bytes);
}

void tell_configurations(Turn& turn) {
  State& s = turn.state;
  s.configurations_changed = false;
  turn.out.configurations = s.log.configurations_since(s.commit);
}

Time leader_deadline(const State& s, const Leader& leader) {
  Time deadline = leader.peers.empty() ? Time::max() : leader.heartbeat_at;
  if (leader.transfer) deadline = std::min(deadline, leader.transfer->deadline);
  if (const auto oldest = s.durability.oldest_outstanding()) {
    const Time hands_over = *oldest + s.config.election_timeout;
    deadline = std::min(deadline, s.now < hands_over ? hands_over : hands_over + s.config.election_timeout);
  }
  return deadline;
}

}  // namespace

State::State(const Config& config_in, Recovered recovered, Time now_in)
    : config(config_in),
      prng(config_in.seed),
      now(now_in),
      term(recovered.hard_state.term),
      vote(recovered.hard_state.vote),
      vote_incarnation(recovered.hard_state.vote_incarnation),
      life(recovered.hard_state.life),
      met(std::move(recovered.hard_state.met)),
      starts(std::move(recovered.hard_state.starts)),
      has_forgotten(recovered.hard_state.has_forgotten),
      log(recovered.snapshot, recovered.entries, config.hash),
      commit(recovered.snapshot.index),
      handed(recovered.snapshot.index),
      applied(recovered.snapshot.index),
      leader_contact(now_in),
      known_leader_contact(now_in),
      durability(log.last()),
      unwritten(log.last().next()) {
  CHECK(config.id.v != 0 && config.election_timeout > config.heartbeat_interval);
  // A crash between a snapshot and the log's reset to it: make up for it. Of an empty log one cannot tell.
  const bool empty = recovered.entries.empty() && recovered.snapshot.index.v > 0;
  if (empty || !LogTail::fits(recovered.snapshot, recovered.entries)) reset_to = recovered.snapshot;
  // A received snapshot can be durable before the term of its sender is.
  if (log.last_term() > term) {
    REACHED("raft.start.term_from_snapshot");
    enter_term(this, log.last_term());
  }
  // Requests of an earlier life may still be answered: their ids must not come again.
  read_id = static_cast<std::uint64_t>(now.time_since_epoch().count());
}

const char* role_name(const State& state) {
  if (is_leader(state)) return "leader";
  const auto* candidate = std::get_if<Candidate>(&state.role);
  if (candidate != nullptr) return candidate->pre ? "pre-candidate" : "candidate";
  const Members& members = state.log.members();
  if (!is_member(members, state.config.id)) return "non-member";  // not yet, or no more
  return is_voter(members, state.config.id) ? "follower" : "learner";
}

SnapshotMeta snapshot_meta_at(const State& state, Index index) {
  CHECK(index >= state.log.snapshot().index && index <= state.handed);
  if (index == state.log.snapshot().index) return state.log.snapshot();
  return SnapshotMeta{index, *state.log.term_at(index), state.log.members_at(index),
                      state.log.chain_at(index)};
}

std::ostream& operator<<(std::ostream& out, const Members& members) {
  const auto list = [&out](const char* name, const std::vector<NodeId>& nodes) {
    if (nodes.empty()) return;
    out << name << '(';
    for (std::size_t i = 0; i < nodes.size(); ++i) out << (i == 0 ? "" : " ") << nodes[i].v;
    out << ')';
  };
  list("voters=", members.voters);
  list("&&", members.voters_old);
  list(" learners=", members.learners);
  list(" learners_next=", members.learners_next);
  for (const Recorded& each : members.incarnations)
    out << ' ' << each.id.v << (each.founding ? "=founder" : "=") << '#' << each.incarnation.v % 1000;
  return out << (members.auto_leave ? " autoleave" : "");
}

Core::Core(const Config& config, Recovered recovered, Time now)
    : state_(std::make_unique<State>(config, std::move(recovered), now)) {
  Output nothing;
  Turn turn{*state_, nothing};
  become_full_if_recorded(turn);
  reset_election_timer(turn);
  // A member that starts asks soon: a fresh cluster has no leader to wait for, and where there is one, the
  // pre-vote of a member that has just come up is refused and disturbs nobody (thesis 9.6).
  const Duration soonest = config.heartbeat_interval / 2;
  state_->announce_at = now + soonest;
  const auto spread = static_cast<std::uint64_t>((config.election_timeout / 2 - soonest).count());
  state_->election_deadline =
      now + soonest + Duration(static_cast<Duration::rep>(state_->prng.below(spread + 1)));
  const Members& members = state_->log.members();
  const bool alone = members.voters == std::vector<NodeId>{config.id} && !is_joint(members);
  if (alone) state_->election_deadline = now;  // nobody to wait for
}
Core::~Core() = default;
Core::Core(Core&&) noexcept = default;
Core& Core::operator=(Core&&) noexcept = default;

void Core::step(Time now, Input input, Output* out) {
  Turn turn{*state_, *out};
  state_->now = std::max(state_->now, now);
  if (!std::holds_alternative<Returned>(input)) expire_leader(turn);
  std::visit(Match{[&](Tick&) {
                     if (state_->now >= state_->announce_at) announce_start(turn);
                     on_tick(turn);
                     flush(turn);
                   },
                   [&](Returned&) { on_returned(turn); },  //
                   [&](Flush&) { flush(turn); },           //
                   [&](Received& in) { receive(turn, in.message); },
                   [&](Propose& in) { on_propose(turn, std::move(in)); },
                   [&](ProposeOwn& in) { on_propose_own(turn, std::move(in)); },
                   [&](ReadBarrier& in) { on_read_barrier(turn, in); },
                   [&](AbandonReads& in) { on_abandon_reads(turn, in); },
                   [&](ChangeMembers& in) { on_change_members(turn, in); },
                   [&](TransferLeadership& in) { on_transfer(turn, in); },
                   [&](Persisted& in) { on_persisted(turn, in); }, [&](Applied& in) { on_applied(turn, in); },
                   [&](SnapshotSaved& in) { on_snapshot_saved(turn, in); },
                   [&](SnapshotSent& in) { on_snapshot_sent(turn, in); },
                   [&](SnapshotNotTaken&) { on_snapshot_not_taken(turn); },
                   [&](Unreachable& in) { on_unreachable(turn, in); },
                   [&](ConnectionLost& in) { on_connection_lost(turn, in); }},
             input);
  if (state_->configurations_changed) tell_configurations(turn);
}

Time Core::deadline() const {
  const State& s = *state_;
  if (const Leader* leader = as_leader(s)) return std::min(leader_deadline(s, *leader), announcement_due(s));
  Time deadline = std::min(s.election_deadline, announcement_due(s));
  if (s.leader.v != 0) deadline = std::min(deadline, leader_lease_end(s));
  if (s.now < leader_missed_at(s)) deadline = std::min(deadline, leader_missed_at(s));
  return deadline;
}

const State& Core::state() const { return *state_; }

}  // namespace cairn::raft
