// Replication: proposals, append requests and their replies, the commit rule (thesis 3.5, 3.6, 10.2).
#include <algorithm>

#include "base/check.h"
#include "base/reached.h"
#include "raft/members.h"
#include "raft/quorum.h"
#include "raft/turn.h"

namespace cairn::raft {
namespace {

// What a peer sends is not trusted to be well-formed.
bool well_formed(const Message& message, const AppendRequest& request) {
  Index index = request.prev_index;
  Term term = request.prev_term;
  if (term > message.term) return false;
  for (const Entry& entry : request.entries) {
    index = index.next();
    if (entry.index != index || entry.term < term || entry.term > message.term) return false;
    term = entry.term;
    if (entry.type != EntryType::members) continue;
    if (!entry.data || !decode_members(*entry.data)) return false;
  }
  return true;
}

// Appends what the log does not have yet. An entry that is there already, with the same term, is the same
// entry (3.5): only a real conflict removes something, since a late request may well end before our log does.
void merge_entries(Turn& turn, const std::vector<Entry>& entries, std::size_t from, std::size_t to) {
  State& s = turn.state;
  for (std::size_t i = from; i < to; ++i) {
    const Entry& entry = entries[i];
    if (entry.index <= s.log.last()) {
      if (s.log.matches(entry.index, entry.term)) continue;
      REACHED("raft.append.conflict");
      trace(turn, "entries from ", entry.index, " on conflict with the leader's -> replaced");
      truncate_log(turn, entry.index);
    }
    append_to_log(turn, entry);
  }
}

void tell_state(const State& s, Index asked, AppendReply* reply) {
  reply->state_hash = asked.v == 0 ? 0 : state_hash_at(s, asked);
  if (reply->state_hash != 0) reply->state_index = asked;
}

// What the log holds cannot be what it held: false, and this member is not who it was.
bool remembers(Turn& turn, const Message& message, const AppendRequest& request) {
  State& s = turn.state;
  const bool addressed = message.to_incarnation.v != 0 && message.to_incarnation == s.life.incarnation;
  if (!addressed || request.acknowledged <= s.durability.stable()) return true;
  if (was_told_of_its_term(s)) {
    REACHED("raft.append.not_forgotten");
    trace(turn, "the leader of a term that cannot be has acknowledgements that this member did not give");
    return false;
  }
  forget(turn, "the leader has acknowledgements of this member up to index " +
                   std::to_string(request.acknowledged.v) + ", and its log is durable up to index " +
                   std::to_string(s.durability.stable().v) + " only");
  return false;
}

// The promise that all up to `match` is durable waits for that; confirming a read round promises nothing
// durable.
void acknowledge(Turn& turn, NodeId to, Index match, const AppendRequest& request, Space space) {
  const std::uint64_t read_round = request.read_round;
  const Index stable = turn.state.durability.stable();
  AppendReply reply;
  reply.ok = true;
  reply.match = std::min(match, stable);
  reply.read_round = read_round;
  reply.space = space;
  tell_state(turn.state, request.state_asked, &reply);
  if (match <= stable || read_round != 0) send(turn, to, reply);
  if (match <= stable) return;
  REACHED("raft.append.acknowledged_later");
  reply.match = match;
  reply.read_round = 0;
  send(turn, to, reply, write_covering(turn.state, match));  // D2
}

void refuse(Turn& turn, NodeId to, const AppendRequest& request) {
  const LogTail& log = turn.state.log;
  AppendReply reply;
  reply.match = request.prev_index;
  reply.hint = log.term_boundary(request.prev_index, request.prev_term);
  reply.hint_term = log.term_at(reply.hint).value_or(Term{});
  reply.read_round = request.read_round;
  REACHED("raft.append.refused");
  reply.space = own_space(turn.state);
  trace(turn, "append after ", request.prev_index, " refused: log may agree up to ", reply.hint);
  send(turn, to, reply);
}

AppendRequest request_after(const State& s, const Leader& leader, const Progress& peer, Index prev) {
  AppendRequest request;
  // Only of the incarnation that the request will be addressed to.
  if (addressed(s, peer.id) == peer.incarnation) request.acknowledged = peer.match;
  request.prev_index = prev;
  const auto prev_term = s.log.term_at(prev);
  CHECK(prev_term.has_value() || prev.v == 0);
  request.prev_term = prev_term.value_or(Term{});
  request.commit = s.commit;
  request.read_round = leader.rounds.empty() ? 0 : s.read_round;
  request.prev_chain = s.log.chain_at(prev);
  request.state_index = leader.agreed.index;
  request.state_hash = leader.agreed.hash;
  request.state_asked = leader.poll.index;
  return request;
}

// Sends at most one request to the peer; true when there may be more to send.
bool send_append(Turn& turn, const Leader& leader, Progress* peer) {
  State& s = turn.state;
  const bool heartbeat = std::exchange(peer->heartbeat_due, false);
  if (heartbeat && peer->mode == Progress::Mode::replicate && peer->next < s.log.first()) {
    peer->become_probe(
        peer->match.next());  // the log went on without it, so no request could find out what was lost
  }
  if (!peer->may_send(s.config.inflight_count_max, s.config.inflight_bytes_max)) {
    // A full pipeline is probed at its end: a refusal tells that something was lost. Otherwise index 0 always
    // matches.
    const Index prev = peer->mode == Progress::Mode::replicate ? peer->next.prev() : Index{};
    if (peer->mode == Progress::Mode::replicate) REACHED("raft.append.window_full");
    if (heartbeat) send(turn, peer->id, request_after(s, leader, *peer, prev));
    return false;
  }
  if (peer->next < s.log.first()) {
    offer_snapshot(turn, peer, heartbeat);
    return false;
  }
  const bool entries = peer->next <= s.log.last() &&
                       (peer->space != Space::none || s.log.at(peer->next).type != EntryType::command);
  const bool commit = peer->mode == Progress::Mode::replicate && s.commit > peer->commit_sent;
  if (!entries && !heartbeat && !commit && peer->mode != Progress::Mode::probe) return false;
  AppendRequest request = request_after(s, leader, *peer, peer->next.prev());
  const std::size_t bytes_max = peer->space == Space::none ? 1 : s.config.append_bytes_max;
  if (entries) request.entries = s.log.slice(peer->next, bytes_max);
  const Index last = entries ? request.entries.back().index : peer->next.prev();
  std::size_t bytes = 0;
  for (const Entry& entry : request.entries) bytes += size_bytes(entry);
  peer->commit_sent = s.commit;
  peer->sent(last, bytes);
  send(turn, peer->id, std::move(request));
  return entries && peer->mode == Progress::Mode::replicate && peer->next <= s.log.last();
}

// What was sent ahead has not been taken; the heartbeats find out when there is space. Every request of a
// window is answered so: were one of these answers to end the probing, the next window would follow at once,
// for nothing.
void leave_out_entries(Progress* peer, const AppendReply& reply, bool news) {
  if (reply.space != Space::none || peer->mode == Progress::Mode::snapshot) return;
  if (news && peer->next == peer->match.next()) return;
  peer->become_probe(peer->match.next());
  peer->probe_sent = true;
}

// `verdicts`: of those who proposed.
void propose(Turn& turn, Propose input, Verdicts* verdicts) {
  State& s = turn.state;
  const auto* leader = as_leader(s);
  const std::size_t uncommitted = s.log.bytes_after(s.commit);
  std::optional<Refusal> refusal;
  if (leader == nullptr) {
    refusal = Refusal::not_leader;
  } else if (leader->transfer) {
    refusal = Refusal::transferring;
  } else if (uncommitted >= s.config.uncommitted_bytes_max) {
    refusal = Refusal::overloaded;
  } else if (!takes(s, input)) {
    refusal = Refusal::no_space;
  } else if (outgrows_room(s, input)) {
    refusal = Refusal::busy;
  }
  if (refusal) {
    if (*refusal == Refusal::transferring) REACHED("raft.propose.transferring");
    if (*refusal == Refusal::no_space) REACHED("raft.propose.no_space");
    if (*refusal == Refusal::overloaded) REACHED("raft.propose.overloaded");
    verdicts->refused.push_back(Refused{input.tag, *refusal, s.leader});
    return;
  }
  const Index index = s.log.last().next();
  append_to_log(turn, Entry{s.term, index, EntryType::command, std::move(input.data)});
  verdicts->accepted.push_back(Accepted{input.tag, s.term, index});
}

}  // namespace

const char* why_differs(const State& s, const AppendRequest& request) {
  // Of the entries that are committed here, the last one speaks for those before it.
  if (request.prev_index < s.commit && !request.entries.empty()) {
    const std::uint64_t last =
        std::min<std::uint64_t>(s.commit.v - request.prev_index.v, request.entries.size());
    const Entry& entry = request.entries[last - 1];
    const auto known = s.log.term_at(entry.index);
    if (known && *known != entry.term) return "is followed by other committed entries";
  }
  const auto term = s.log.term_at(request.prev_index);
  if (!term) return nullptr;
  if (*term != request.prev_term)
    return request.prev_index <= s.commit && request.prev_index.v > 0 ? "has another term" : nullptr;
  const std::uint64_t chain = s.log.chain_at(request.prev_index);
  return chain != 0 && request.prev_chain != 0 && chain != request.prev_chain ? "follows other entries"
                                                                              : nullptr;
}

void on_propose(Turn& turn, Propose input) { propose(turn, std::move(input), &turn.out.proposals); }

void on_propose_own(Turn& turn, ProposeOwn input) {
  const State& s = turn.state;
  if (input.term != s.term) {
    REACHED("raft.propose.own_of_another_term");
    turn.out.own.refused.push_back(Refused{input.tag, Refusal::not_leader, s.leader});
    return;
  }
  propose(turn, Propose{input.tag, std::move(input.data), input.frees}, &turn.out.own);
}

// Figure 2, AppendEntries. The door has done "1. Reply false if term < currentTerm"; the rest is marked
// below.
void on_append_request(Turn& turn, const Message& message, const AppendRequest& request) {
  State& s = turn.state;
  if (is_leader(s) || !well_formed(message, request)) {
    trace(turn, "ignores a malformed append request from ", message.from);
    return;
  }
  if (s.leader.v != 0 && s.leader != message.from) {  // one leader a term
    trace(turn, "ignores ", message.from, ", which does not lead term ", s.term);
    return;
  }
  become_follower(turn, message.term, message.from);
  leader_heard(turn);
  if (!remembers(turn, message, request)) return;
  const bool may_convict = !was_told_of_its_term(s);
  if (const char* how = why_differs(s, request)) {  // F3
    if (!may_convict) {
      REACHED("raft.append.not_convicted");
      trace(turn, "the leader of a term that cannot be says that entry ", request.prev_index, ' ', how,
            " here");
      return;
    }
    turn.out.diverged = "the leader's entry " + std::to_string(request.prev_index.v) + ' ' + how + " here";
    trace(turn, turn.out.diverged);
    return;
  }
  if (may_convict && is_known(s, message.from)) compare_state(turn, request);
  const bool extends = request.prev_index >= s.commit;
  if (!extends) REACHED("raft.append.begins_in_committed");
  // "2. Reply false if log doesn't contain an entry at prevLogIndex whose term matches prevLogTerm"
  if (extends && !s.log.matches(request.prev_index, request.prev_term)) {
    refuse(turn, message.from, request);
    return;
  }
  // What is committed here is in the leader's log too (leader completeness), so the logs agree up to our
  // commit.
  const std::uint64_t known = extends ? 0 : s.commit.v - request.prev_index.v;
  const std::size_t from = std::min<std::uint64_t>(known, request.entries.size());
  const std::size_t taken = from + entries_that_fit(s, request.entries, from);
  s.left_out = taken < request.entries.size() ? request.entries[taken].index : Index{};
  // Whoever sends what follows this log has not given it up for a snapshot.
  if (from < request.entries.size()) s.snapshot_left_out = false;
  // "3. If an existing entry conflicts with a new one [...], delete the existing entry and all that follow it
  // 4. Append any new entries not already in the log"
  merge_entries(turn, request.entries, from, taken);
  const Index end{request.prev_index.v + taken};
  const Index match = std::max(end, std::min(s.commit, s.log.last()));
  // "5. If leaderCommit > commitIndex, set commitIndex = min(leaderCommit, index of last new entry)"
  advance_commit(turn, std::min(request.commit, end));
  acknowledge(turn, message.from, match, request,
              taken < request.entries.size() ? Space::none : own_space(s));
}

// How a refusal finds the place where two logs part, in steps of whole terms (thesis 3.3). Terms by index:
//
//   index       1 2 3 4 5 6 7 8 9
//   leader      1 1 2 2 5 5 5 5 5
//   follower    1 1 2 2 2 2 3 3
//
//   sent after  refused with hint           why                                           next probe after
//   9 (term 5)  8, of term 3                its last entry; 9 is not there                4: the last here of
//   a
//                                                                                         term <= 3
//   4 (term 2)  accepted                    equal at 4: all before it is equal            -
//
// The follower names its last entry of a term no later than the one that was asked for (refuse()), the leader
// its own last entry of a term no later than that one: both lie at or behind the last common entry, and each
// round skips at least one term on one side. Without it the leader would have gone back from 9 one by one.
void on_append_reply(Turn& turn, const Message& message, const AppendReply& reply) {
  State& s = turn.state;
  Progress* peer = heard_of(turn, message);
  if (peer == nullptr) return;
  on_space_told(turn, peer, reply.space);
  if (peer->full) on_state_told(turn, peer->id, reply.state_index, reply.state_hash);
  if (reply.read_round > peer->acked_round && reply.read_round <= s.read_round) {
    peer->acked_round = reply.read_round;
    finish_reads(turn);
  }
  if (!reply.ok) {
    const Index agree = s.log.term_boundary(std::min(reply.hint, s.log.last()), reply.hint_term);
    if (peer->refuse(reply.match, agree))
      trace(turn, message.from, " refused ", reply.match, " -> probes at ", peer->next);
    return;
  }
  if (reply.match > s.log.last()) return;  // nothing we ever sent
  const bool news = peer->acknowledge(reply.match);
  if (peer->mode == Progress::Mode::snapshot && peer->match.next() >= s.log.first())
    peer->become_probe(peer->match.next());
  leave_out_entries(peer, reply, news);
  if (!news) return;
  continue_transfer(turn, *peer);
  commit_by_quorum(turn);
}

void on_unreachable(Turn& turn, const Unreachable& input) {
  auto* leader = std::get_if<Leader>(&turn.state.role);
  Progress* peer = leader == nullptr ? nullptr : leader->find(input.peer);
  if (peer == nullptr) return;
  peer->doubt();
  if (peer->mode != Progress::Mode::replicate) return;
  REACHED("raft.append.unreachable");
  trace(turn, input.peer, " is unreachable -> probes at ", peer->match.next());
  peer->become_probe(peer->match.next());
  peer->probe_sent = true;  // the next heartbeat tries again
}

void advance_commit(Turn& turn, Index to) {
  State& s = turn.state;
  if (to <= s.commit) return;
  CHECK(to <= s.log.last());  // C1
  // What was in force before the newest committed configuration cannot be again.
  if (s.log.members_index() > s.commit) s.configurations_changed = true;
  s.commit = to;
  become_full_if_recorded(turn);
  trace(turn, "commits up to ", to);
  while (s.handed < s.commit) {
    s.handed = s.handed.next();
    turn.out.apply.push_back(s.log.at(s.handed));
    if (s.log.at(s.handed).type == EntryType::command) s.stuck_wait = {};
  }
}

void commit_by_quorum(Turn& turn) {
  State& s = turn.state;
  const Leader* leader = as_leader(s);
  if (leader == nullptr) return;
  const Index reached{quorum_value(s.log.members(), [&](NodeId id) {
    // 10.2.1: the own disk is one of the disks, and counts once it has answered.
    // F1: who is not full counts for nothing, a founder before its first entry is durable included.
    if (id == s.config.id) return s.life.full ? s.durability.stable().v : 0;
    const Progress* peer = leader->find(id);
    return peer == nullptr || !peer->full ? 0 : peer->match.v;
  })};
  // 3.6.2: an entry of an earlier term is never committed by counting.
  if (reached <= s.commit || s.log.term_at(reached) != s.term) return;
  advance_commit(turn, reached);
  members_committed(turn);
  record_incarnations(turn);
}

void heartbeat_all(const State& s, Leader* leader) {
  for (Progress& peer : leader->peers) {
    peer.mark(s.log.last(), s.now);
    peer.heartbeat_due = true;
    peer.probe_sent = false;
  }
}

void send_appends(Turn& turn) {
  auto* leader = std::get_if<Leader>(&turn.state.role);
  if (leader == nullptr) return;
  poll_states(&turn.state, leader);
  for (Progress& peer : leader->peers) {
    while (send_append(turn, *leader, &peer)) {
    }
  }
}

}  // namespace cairn::raft
