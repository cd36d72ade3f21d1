// Elections: timers, pre-vote and vote (thesis 3.4, 9.6), leader stickiness and quorum check (6.2, 4.2.3),
// transfer (3.10).
#include <algorithm>

#include "base/check.h"
#include "base/reached.h"
#include "raft/members.h"
#include "raft/quorum.h"
#include "raft/turn.h"

namespace cairn::raft {
namespace {

bool up_to_date(const LogTail& log, const VoteRequest& request) {  // thesis 3.6.1
  return request.last_term > log.last_term() ||
         (request.last_term == log.last_term() && request.last_index >= log.last());
}

void become_leader(Turn& turn) {
  State& s = turn.state;
  CHECK(s.vote == s.config.id && s.durability.is_durable(s.term_write));  // E3
  const auto& candidate = std::get<Candidate>(s.role);
  const std::vector<Recorded> founders = candidate.form ? ballot_for(s, candidate) : std::vector<Recorded>();
  Leader leader;
  leader.term_start = s.log.last().next();
  leader.heartbeat_at = s.now + s.config.heartbeat_interval;
  s.role = std::move(leader);
  s.hurried_until = Time{};
  s.leader = s.config.id;
  members_changed(turn);
  // 3.6.2: an own entry is what lets the entries of earlier terms commit, and reads begin. The very first
  // entry of a log carries the initial members: one who joins later, knowing nobody, learns them by
  // replication alone.
  const bool first = s.log.last().v == 0;
  Members members = s.log.members();
  if (!founders.empty()) found(&members, founders);
  append_to_log(turn, Entry{s.term, s.log.last().next(), first ? EntryType::members : EntryType::noop,
                            first ? encode(members) : nullptr});
  for (Progress& peer : std::get<Leader>(s.role).peers) peer.mark(s.log.last(), s.now);
  trace(turn, "quorum of votes -> leader of term ", s.term, ", first own entry ", s.log.last());
}

// Since when a majority has not been heard by this leader.
Time quorum_heard_at(const State& s, const Leader& leader) {
  const auto heard = static_cast<Duration::rep>(quorum_value(s.log.members(), [&](NodeId id) {
    const Progress* peer = leader.find(id);
    const Time contact = peer == nullptr ? s.now : peer->last_full_contact;
    return static_cast<std::uint64_t>(contact.time_since_epoch().count());
  }));
  return Time(Duration(heard));
}

// Whether somebody would be judged within the grace for what this member was not there to hear.
bool would_judge(const State& s, Duration grace) {
  const Time end = s.now + grace;
  if (const auto* leader = std::get_if<Leader>(&s.role))
    return end - quorum_heard_at(s, *leader) >= s.config.election_timeout;
  return s.election_deadline < end || (s.leader.v != 0 && s.leader_contact < end - s.config.election_timeout);
}

// A leader that cannot reach a majority, or whose disk hangs, is in the way of one that can.
void check_leadership(Turn& turn, Leader* leader) {
  State& s = turn.state;
  const auto oldest = s.durability.oldest_outstanding();
  if (oldest && s.now >= *oldest + 2 * s.config.election_timeout) {
    REACHED("raft.leader.disk_hangs");
    step_down(turn, "own disk hangs");
    return;
  }
  relieve_leader(turn, leader);
  let_another_try(turn, leader);
  if (s.now < leader->heartbeat_at) return;
  const bool has_listened = s.now >= s.returned_at + s.config.heartbeat_interval;
  if (has_listened && s.now - quorum_heard_at(s, *leader) >= s.config.election_timeout) {
    REACHED("raft.leader.no_quorum");
    step_down(turn, "no contact with a quorum for an election timeout");
    return;
  }
  leader->heartbeat_at = s.now + s.config.heartbeat_interval;
  heartbeat_all(s, leader);
  begin_reads(turn, true);
}

}  // namespace

// The voter with the longest log among those that answer: a hung one may well have all there is.
NodeId best_successor(const State& s, const Leader& leader, Space space) {
  const Progress* best = nullptr;
  const auto rank = [&](const Progress& peer) {
    return std::pair(s.now - peer.last_contact < 3 * s.config.heartbeat_interval, peer.match);
  };
  for (const Progress& peer : leader.peers) {
    if (!std::binary_search(s.log.members().voters.begin(), s.log.members().voters.end(), peer.id)) continue;
    if (!peer.full || peer.space > space) continue;
    if (best == nullptr || rank(peer) > rank(*best)) best = &peer;
  }
  return best == nullptr ? NodeId{} : best->id;
}

// A disk that has not finished a write for an election timeout cannot make this member's promises durable in
// time.
bool disk_answers(const State& state) {
  const auto oldest = state.durability.oldest_outstanding();
  return !oldest || state.now < *oldest + state.config.election_timeout;
}

bool could_lead(const State& state) {
  const bool remembers = state.life.full || is_unformed(state);  // F1
  return remembers && state.log.may_be_voter(state.config.id, state.commit);
}

bool may_campaign(const State& state) {
  return could_lead(state) && disk_answers(state) && takes_first_entry(state);
}

void reset_election_timer(Turn& turn) {
  State& s = turn.state;
  // A dead leader cannot be disturbed: where the first attempt fails, by a split vote or because the others
  // had not noticed yet, the next one need not wait as long as for a leader that may be only slow.
  const Duration least = s.now < s.hurried_until ? s.config.election_timeout / 4 : s.config.election_timeout;
  const auto spread = static_cast<std::uint64_t>(least.count());
  s.election_timeout = least + Duration(static_cast<Duration::rep>(s.prng.below(spread)));
  s.election_deadline = s.now + s.election_timeout;
}

void leader_heard(Turn& turn) {
  State& s = turn.state;
  s.leader_contact = s.now;
  s.leader_lost = false;
  // Who is introduced only is followed, and keeps nobody from electing another.
  if (!is_known(s, s.leader)) return;
  s.known_leader_contact = s.now;
  s.election_deadline = s.now + s.election_timeout;
}

bool protects_leader(const State& state) {
  if (is_leader(state)) return true;
  return state.leader.v != 0 && !state.leader_lost && is_known(state, state.leader);  // E5
}

Time leader_lease_end(const State& state) { return state.leader_contact + state.config.election_timeout; }

// Also by those who may not stand, and so would name it for ever: clients are sent to whom a member names.
void expire_leader(Turn& turn) {
  State& s = turn.state;
  if (is_leader(s) || s.leader.v == 0 || s.now < leader_lease_end(s)) return;
  REACHED("raft.leader.not_heard");
  trace(turn, "has not heard leader ", s.leader, " for an election timeout");
  fail_reads(turn);
  s.leader = NodeId{};
  s.leader_lost = false;
}

void become_follower(Turn& turn, Term term, NodeId leader) {
  State& s = turn.state;
  const bool same_role = std::holds_alternative<Follower>(s.role);
  if (same_role && term == s.term && leader == s.leader) return;
  fail_reads(turn);
  if (leader.v != 0 || is_leader(s)) s.leader_contact = s.now;
  if (is_leader(s)) s.known_leader_contact = s.now;
  // The vote of a term lasts as long as the term, whatever role this member takes meanwhile: E2.
  if (term > s.term) enter_term(&s, term);
  if (!same_role) s.role = Follower{};
  s.leader_was_known = leader.v != 0 && is_known(s, leader);
  s.leader = leader;
  s.leader_lost = false;
  if (leader.v != 0) s.hurried_until = Time{};
  reset_election_timer(turn);
  if (leader.v != 0) {
    trace(turn, "follows ", leader, " in term ", s.term);
  } else {
    trace(turn, "follower in term ", s.term);
  }
}

void step_down(Turn& turn, const char* why) {
  trace(turn, why, " -> steps down");
  become_follower(turn, turn.state.term, NodeId{});
}

void campaign(Turn& turn, bool pre, bool transfer) {
  State& s = turn.state;
  announce_start(turn);  // who does not know this start hears no request
  note_question(&s);
  fail_reads(turn);
  s.leader = NodeId{};
  s.leader_lost = false;
  Candidate candidate;
  if (auto* before = std::get_if<Candidate>(&s.role)) candidate.founders = std::move(before->founders);
  candidate.pre = pre;
  candidate.transfer = transfer;
  candidate.form = is_unformed(s);
  if (pre) {
    candidate.votes[s.config.id] = true;  // costs nothing and promises nothing
    candidate.founders.clear();
    if (candidate.form) candidate.founders[s.config.id] = s.life.incarnation;
  } else {
    change_hard_state(turn, s.term.next(), s.config.id, s.life.incarnation);
    candidate.vote_write = s.term_write;
  }
  VoteRequest request;
  request.pre = pre;
  request.transfer = transfer;
  request.last_index = s.log.last();
  request.last_term = s.log.last_term();
  request.form = candidate.form;
  request.ballot = ballot_for(s, candidate);
  s.role = std::move(candidate);
  reset_election_timer(turn);
  trace(turn, pre ? "asks for pre-votes for term " : "candidate in term ", pre ? s.term.next() : s.term,
        request.form ? " to form the cluster" : "");
  for (const NodeId voter : all_members(s.log.members())) {
    if (voter == s.config.id || !is_voter(s.log.members(), voter)) continue;
    if (request.form && !pre && !std::get<Candidate>(s.role).founders.contains(voter)) continue;
    // A vote request waits for the own vote to be durable (D1): a candidate that forgot its term might ask
    // again in the same term with a shorter log, and take old grants for new ones.
    pre ? send_with_term(turn, voter, s.term.next(), request) : send(turn, voter, request);
  }
  count_votes(turn);
}

void count_votes(Turn& turn, bool patient) {
  State& s = turn.state;
  const auto& candidate = std::get<Candidate>(s.role);
  const Tally tally =
      candidate.form ? count_founders(s, candidate, patient) : quorum_vote(s.log.members(), [&](NodeId id) {
        const auto vote = candidate.votes.find(id);
        if (vote == candidate.votes.end()) return Tally::pending;
        return vote->second ? Tally::won : Tally::lost;
      });
  if (tally == Tally::pending) return;
  if (tally == Tally::lost) {
    if (candidate.pre) REACHED("raft.election.pre_vote_lost");
    if (!candidate.pre) REACHED("raft.election.lost");
    trace(turn, candidate.pre ? "pre-vote lost" : "election lost");
    become_follower(turn, s.term, NodeId{});
  } else if (candidate.pre) {
    campaign(turn, false, false);
  } else {
    become_leader(turn);
  }
}

// Figure 2, RequestVote: "1. Reply false if term < currentTerm" has been done at the door (core.cc). "2. If
// votedFor is null or candidateId, and candidate's log is at least as up-to-date as receiver's log, grant
// vote": `voted` and up_to_date(). What stands between is Cairn's: a leader that is alive is not disturbed,
// and who has forgotten promises nothing.
//
// Whether this member is a voter is not asked. A learner that has just been promoted may not have the entry
// yet that says so, while the candidate has it, and counts its vote: were it refused, a majority of the new
// configuration might never come together. Who counts whose vote is the candidate's business (count_votes).
void on_vote_request(Turn& turn, const Message& message, const VoteRequest& request) {
  State& s = turn.state;
  VoteReply reply;
  reply.pre = request.pre;
  const char* why = "granted";
  const bool voted =
      s.vote.v != 0 && (s.vote != message.from || s.vote_incarnation != message.life.incarnation);
  const char* formation = request.form ? why_not_form(s, message, request) : nullptr;
  if (request.pre ? message.term <= s.term : voted) {
    REACHED("raft.vote.given_or_late");
    why = request.pre ? "refused: not a later term" : "refused: voted for another";
  } else if (formation != nullptr) {
    why = formation;
  } else if (!request.form && !s.life.full && !was_founded_with(s, request)) {
    why = "refused: has forgotten";  // F1
  } else if (!request.transfer && protects_leader(s)) {
    REACHED("raft.vote.leader_alive");
    why = "refused: the leader is alive";
  } else if (!request.pre && is_leader(s)) {
    why = "refused: leads this term";
  } else if (!up_to_date(s.log, request)) {
    REACHED("raft.vote.log_behind");
    why = "refused: its log is behind";
  } else {
    reply.granted = true;
  }
  trace(turn, request.pre ? "pre-vote for " : "vote for ", message.from, " in term ", message.term, " ", why);
  if (request.pre && reply.granted) {
    send_with_term(turn, message.from, message.term, reply);
    return;
  }
  WriteSeq after;
  if (reply.granted) {
    if (s.vote != message.from) change_hard_state(turn, s.term, message.from, message.life.incarnation);
    after = s.term_write;
    s.election_deadline = s.now + s.election_timeout;
  }
  send(turn, message.from, reply, after);  // D2
}

void on_vote_reply(Turn& turn, const Message& message, const VoteReply& reply) {
  auto* candidate = std::get_if<Candidate>(&turn.state.role);
  if (candidate == nullptr || candidate->pre != reply.pre) return;
  if (reply.pre && reply.granted && message.term != turn.state.term.next()) return;
  if (candidate->form && reply.granted) {
    if (message.life.full) return;  // has been formed: what it grants is something else
    const auto founder = candidate->founders.emplace(message.from, message.life.incarnation).first;
    // On its way to the ballot a newer life counts; once the ballot has been cast, only who is on it.
    if (candidate->pre) founder->second = message.life.incarnation;
    if (founder->second != message.life.incarnation) return;
  }
  // An unformed one grants this to everybody.
  const bool refuses = candidate->form && reply.pre && !reply.granted && !message.life.full;
  if (!refuses) turn.state.cannot_found.erase(message.from);
  if (refuses && is_member(turn.state.log.members(), message.from))
    turn.state.cannot_found.insert(message.from);
  candidate->votes.emplace(message.from, reply.granted);
  count_votes(turn);
}

void on_timeout_now(Turn& turn, const Message& message) {
  if (!std::holds_alternative<Follower>(turn.state.role) || !may_campaign(turn.state)) return;
  if (message.from != turn.state.leader) return;  // nobody else may say so
  REACHED("raft.transfer.told");
  trace(turn, "leader ", message.from, " hands over");
  campaign(turn, false, true);
}

void on_transfer(Turn& turn, const TransferLeadership& input) {
  State& s = turn.state;
  auto* leader = std::get_if<Leader>(&s.role);
  if (leader == nullptr || leader->transfer) return;
  const NodeId to = input.to.v == 0 ? best_successor(s, *leader, Space::none) : input.to;
  const Progress* peer = leader->find(to);
  if (peer == nullptr || !is_voter(s.log.members(), to) || !peer->full) {
    trace(turn, "no transfer to ", to, ": not another voter, or it has forgotten");
    return;
  }
  // 3.10: no new proposals meanwhile, so that the successor can catch up; given up after an election timeout.
  leader->transfer = Transfer{to, s.now + s.config.election_timeout, false};
  trace(turn, "transfers leadership to ", to);
  continue_transfer(turn, *peer);
}

void continue_transfer(Turn& turn, const Progress& peer) {
  State& s = turn.state;
  auto* leader = std::get_if<Leader>(&s.role);
  if (leader == nullptr || !leader->transfer || leader->transfer->told || leader->transfer->to != peer.id)
    return;
  if (peer.match < s.log.last()) return;
  leader->transfer->told = true;
  send(turn, peer.id, TimeoutNow{});
}

void on_connection_lost(Turn& turn, const ConnectionLost& input) {
  State& s = turn.state;
  if (is_leader(s)) {
    on_unreachable(turn, Unreachable{input.peer});
    return;
  }
  if (input.peer != s.leader || !std::holds_alternative<Follower>(s.role)) return;
  // Voters take turns, so that the first has finished before the second would get into its way.
  const Duration slot = s.config.election_timeout / 200;
  Duration wait = slot;
  for (const NodeId voter : s.log.members().voters) {
    if (voter < s.config.id && voter != input.peer) wait += 2 * slot;
  }
  wait += Duration(static_cast<Duration::rep>(s.prng.below(static_cast<std::uint64_t>(slot.count()) + 1)));
  s.leader_lost = true;
  s.hurried_until = s.now + s.config.election_timeout;
  s.election_deadline = std::min(s.election_deadline, s.now + wait);
  REACHED("raft.election.connection_lost");
  trace(turn, "connection to leader ", input.peer, " closed -> asks for a pre-vote soon");
}

void on_returned(Turn& turn) {
  State& s = turn.state;
  const Duration grace = s.config.heartbeat_interval;
  // Once: who is late ever again must not believe for ever in a leader that is not there. Who is late by so
  // little that nobody is judged for it keeps the excuse for an absence that needs one.
  if (s.now < s.excused_until || !would_judge(s, grace)) return;
  s.excused_until = s.now + 2 * s.config.election_timeout;
  s.returned_at = s.now;
  s.election_deadline = std::max(s.election_deadline, s.now + grace);
  if (s.leader.v != 0)
    s.leader_contact = std::max(s.leader_contact, s.now + grace - s.config.election_timeout);
  REACHED("raft.election.returned");
  trace(turn, "was away -> listens before it judges");
}

void on_tick(Turn& turn) {
  State& s = turn.state;
  if (auto* leader = std::get_if<Leader>(&s.role)) {
    if (leader->transfer && s.now >= leader->transfer->deadline) {
      REACHED("raft.transfer.given_up");
      trace(turn, "transfer to ", leader->transfer->to, " given up");
      leader->transfer.reset();
    }
    check_leadership(turn, leader);
    return;
  }
  if (s.now < s.election_deadline) return;
  if (may_campaign(s)) {
    trace(turn, "election timeout");
    const auto* candidate = std::get_if<Candidate>(&s.role);
    if (candidate != nullptr && candidate->form && candidate->pre) {
      count_votes(turn, false);
      if (s.now < s.election_deadline) return;
    }
    campaign(turn, true, false);
  } else {
    if (could_lead(s)) REACHED("raft.election.own_disk_hangs");
    reset_election_timer(turn);
    ask_around(turn);
  }
}

}  // namespace cairn::raft
