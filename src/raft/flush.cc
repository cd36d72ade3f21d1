// Durable writes and the promises that wait for them: D1, D2.
#include <algorithm>

#include "base/check.h"
#include "base/reached.h"
#include "raft/turn.h"

namespace cairn::raft {
namespace {

Message message_to(const State& s, NodeId to, Term term, Body body) {
  return Message{s.config.id, to, term, std::move(body), s.life, addressed(s, to)};
}

// Acknowledgements of one turn say the same thing ever more strongly: the last one is enough.
bool replaces(const Message& older, const Message& newer) {
  if (older.to != newer.to || older.term != newer.term || older.to_incarnation != newer.to_incarnation)
    return false;
  const auto* a = std::get_if<AppendReply>(&older.body);
  const auto* b = std::get_if<AppendReply>(&newer.body);
  return a != nullptr && b != nullptr && a->ok && b->ok && a->match <= b->match &&
         a->read_round <= b->read_round;
}

void describe_write(Turn& turn, const LogWrite& write) {
  if (!turn.state.config.trace) return;
  std::ostringstream line;
  line << "write #" << write.seq << ':';
  if (write.hard_state) line << " term " << write.hard_state->term << " vote " << write.hard_state->vote;
  if (write.hard_state && !write.hard_state->life.full) line << " not full";
  if (write.reset_to) line << " reset to " << write.reset_to->index;
  if (!write.entries.empty())
    line << " entries " << write.entries.front().index << '-' << write.entries.back().index;
  if (write.drop_before) line << " drop before " << *write.drop_before;
  turn.out.trace.push_back(line.str());
}

void send_after(Turn& turn, Message message, WriteSeq wait_for) {
  State& s = turn.state;
  if (s.durability.is_durable(wait_for)) {
    turn.out.send.push_back(std::move(message));
    return;
  }
  REACHED("raft.message.held");
  const auto end = s.held.upper_bound(wait_for);
  if (end != s.held.begin()) {
    const auto newest = std::prev(end);
    if (newest->first == wait_for && replaces(newest->second, message)) {
      newest->second = std::move(message);
      return;
    }
  }
  s.held.emplace_hint(end, wait_for, std::move(message));
}

}  // namespace

Incarnation addressed(const State& s, NodeId to) {
  const auto heard = s.heard.find(to);
  return heard == s.heard.end() ? Incarnation{} : heard->second.life.incarnation;
}

void send_with_term(Turn& turn, NodeId to, Term term, Body body) {
  send_after(turn, message_to(turn.state, to, term, std::move(body)), turn.state.life_write);
}

void send(Turn& turn, NodeId to, Body body, WriteSeq after) {
  const State& s = turn.state;
  // D1: no message carries what could be forgotten
  send_after(turn, message_to(s, to, s.term, std::move(body)), std::max({after, s.term_write, s.life_write}));
}

void change_hard_state(Turn& turn, Term term, NodeId vote, Incarnation vote_incarnation) {
  State& s = turn.state;
  if (term != s.term) enter_term(&s, term);
  CHECK(s.vote.v == 0 || s.vote == vote);  // E2
  s.vote = vote;
  s.vote_incarnation = vote_incarnation;
  s.hard_state_changed = true;
  s.term_write = s.durability.next();
}

void enter_term(State* s, Term term) {
  CHECK(term > s->term);  // E1
  s->term = term;
  s->vote = NodeId{};
  s->vote_incarnation = Incarnation{};
  s->hard_state_changed = true;
  s->term_write = s->durability.next();
}

void append_to_log(Turn& turn, Entry entry) {
  const bool members = entry.type == EntryType::members;
  turn.state.log.append(std::move(entry));
  if (members) members_changed(turn);
}

void withdraw_promises(Turn& turn, Index from) {
  std::erase_if(turn.state.held, [from](const auto& held) {
    const auto* reply = std::get_if<AppendReply>(&held.second.body);
    const bool withdrawn = reply != nullptr && reply->ok && reply->match >= from;
    if (withdrawn) REACHED("raft.message.withdrawn");
    return withdrawn;
  });
}

void truncate_log(Turn& turn, Index from) {
  State& s = turn.state;
  CHECK(from > s.commit);  // C2
  const Index members_index = s.log.members_index();
  s.log.truncate_from(from);
  s.durability.truncate_from(from);
  withdraw_promises(turn, from);
  s.unwritten = std::min(s.unwritten, from);
  if (s.log.members_index() == members_index) return;
  REACHED("raft.members.rolled_back");
  members_changed(turn);
}

WriteSeq write_covering(const State& state, Index index) {
  if (index <= state.durability.stable()) return WriteSeq{};
  // Entries already handed out are covered by the newest write at the latest, later ones by this turn's.
  return index < state.unwritten ? state.durability.issued() : state.durability.next();
}

void flush(Turn& turn) {
  State& s = turn.state;
  begin_reads(turn, false);
  send_appends(turn);
  const bool entries = s.unwritten <= s.log.last();
  if (!entries && !s.hard_state_changed && !s.reset_to && !s.drop_before) return;
  LogWrite write;
  write.seq = s.durability.next();
  if (s.hard_state_changed)
    write.hard_state =
        HardState{s.term, s.vote, s.vote_incarnation, s.life, s.met, s.starts, s.has_forgotten};
  write.reset_to = std::move(s.reset_to);
  if (entries) write.entries = s.log.slice(s.unwritten, s.log.bytes_after(s.unwritten.prev()));
  write.drop_before = s.drop_before;
  const std::uint64_t size = s.log.bytes_after(s.unwritten.prev()) + s.config.write_overhead_bytes;
  s.durability.issue(s.log.last(), size, s.now);
  describe_write(turn, write);
  s.hard_state_changed = false;
  s.reset_to.reset();
  s.drop_before.reset();
  s.unwritten = s.log.last().next();
  turn.out.write.push_back(std::move(write));
}

void on_persisted(Turn& turn, const Persisted& input) {
  State& s = turn.state;
  if (input.seq >= s.durability.persisted()) room_reported(turn, input.room);
  if (input.seq <= s.durability.persisted()) return;
  s.durability.persist(input.seq);
  const auto end = s.held.upper_bound(input.seq);
  for (auto at = s.held.begin(); at != end; ++at) turn.out.send.push_back(std::move(at->second));
  s.held.erase(s.held.begin(), end);
  if (auto* candidate = std::get_if<Candidate>(&s.role)) {
    if (!candidate->pre && s.durability.is_durable(candidate->vote_write)) {
      candidate->votes[s.config.id] = true;
      trace(turn, "write #", input.seq, " durable -> own vote counts");
      count_votes(turn);
    }
  }
  become_full_if_recorded(turn);
  commit_by_quorum(turn);
}

}  // namespace cairn::raft
