// Strangers: who is in none of the configurations that count here, and speaks by an introduction alone
// (docs/adr/0030); and the way back of a member that somebody has told of a term which its cluster has not.
#include "base/reached.h"
#include "raft/members.h"
#include "raft/turn.h"

namespace cairn::raft {
namespace {

// A leader that cannot be one of the cluster that this member knows: what is committed here it would have.
const char* contradiction(const State& s, const Message& message) {
  const auto* request = std::get_if<AppendRequest>(&message.body);
  if (request == nullptr || message.term < s.term) return nullptr;  // late ones are refused for that
  const bool addressed = message.to_incarnation.v != 0 && message.to_incarnation == s.life.incarnation;
  if (s.life.full && addressed && request->acknowledged > s.durability.stable())
    return "has entries which this member acknowledged, and lacks";
  return why_differs(s, *request);
}

// Whether it would take over the term of this message: core.cc.
bool lifts_term(const State& s, const Message& message) {
  if (message.term <= s.term) return false;
  // What introduces a start must not wait for what cannot be heard before it.
  if (std::holds_alternative<Started>(message.body) || std::holds_alternative<StartSeen>(message.body))
    return false;
  if (const auto* request = std::get_if<VoteRequest>(&message.body)) return !request->pre;
  const auto* reply = std::get_if<VoteReply>(&message.body);
  return reply == nullptr || !reply->pre || !reply->granted;
}

// Whoever is there is to be able to elect a leader, whatever strangers say, and as fast as they may say it: a
// candidacy gets the time that votes take, and a term as well.
bool disturbs_elections(State* s, const Message& message) {
  const Duration timeout = s->config.election_timeout;
  const Time began = s->election_deadline - s->election_timeout;
  if (std::holds_alternative<Candidate>(s->role) && s->now < began + timeout / 2) return true;
  if (!lifts_term(*s, message)) return false;
  if (s->stranger_lifted_at && s->now < *s->stranger_lifted_at + timeout) return true;
  s->stranger_lifted_at = s->now;
  return false;
}

}  // namespace

bool is_known(const State& s, NodeId id) {
  // A leader that hands over once its own removal is committed is in none any more.
  if (id == s.leader && s.leader_was_known) return true;
  if (is_member(s.log.members(), id)) return true;
  for (const Configuration& each : s.log.configurations_since(s.commit)) {
    if (is_member(each.members, id)) return true;
  }
  return false;
}

Time strangers_heard_from(const State& s) {
  if (is_leader(s)) return Time::max();
  for (const Configuration& each : s.log.configurations_since(s.commit)) {
    if (!each.members.voters.empty())
      return s.known_leader_contact + s.config.strangers_after_timeouts * s.config.election_timeout;
  }
  return Time::min();  // who is to join knows nobody, and waits for whoever knows of it
}

void disbelieve(Turn& turn, NodeId who, std::string why) {
  REACHED("raft.stranger.disbelieved");
  trace(turn, "does not believe ", who, ": ", why);
  turn.out.disbelieved.push_back({who, std::move(why)});
}

bool is_believed(Turn& turn, const Message& message) {
  State& s = turn.state;
  if (is_known(s, message.from)) return true;
  const Time from = strangers_heard_from(s);
  if (s.now < from) {
    REACHED("raft.stranger.not_heard");
    trace(turn, "does not hear ", message.from, ", which no configuration here names");
    return false;
  }
  if (std::holds_alternative<TimeoutNow>(message.body)) return false;  // who hands over knows to whom
  if (const char* how = contradiction(s, message)) {
    disbelieve(turn, message.from, std::string("the log that it sends as a leader ") + how + " here");
    return false;
  }
  const bool knows_nobody = from == Time::min();
  if (knows_nobody || !disturbs_elections(&s, message)) return true;
  REACHED("raft.stranger.too_soon");
  return false;
}

// Not full, so that nothing it has said counts; and ahead of who counts by more terms than elections raise,
// so that it was told so by somebody who lied. The others would refuse whatever it says, for ever.
bool has_strayed(const State& s, const Message& message) {
  if (s.life.full || !message.life.full || message.term >= s.term) return false;
  return s.term.v - message.term.v > s.config.terms_ahead_max;
}

void come_back(Turn& turn, const Message& message) {
  State& s = turn.state;
  std::ostringstream why;
  why << "it was told of term " << s.term << ", where member " << message.from << " speaks of term "
      << message.term << ": whoever said so was no member";
  if (s.log.last_term() > message.term && s.log.last_term().v - message.term.v > s.config.terms_ahead_max) {
    REACHED("raft.life.holds_what_was_never_elected");
    turn.out.diverged = why.str() + ", and it holds entries of that term";
    return;
  }
  REACHED("raft.life.strayed");
  const bool founds = is_unformed(s);
  forget(turn, why.str());
  s.has_forgotten = !founds;  // it knew nothing before either
  s.term = s.log.last_term();
  s.vote = NodeId{};
  s.vote_incarnation = Incarnation{};
  s.term_write = s.durability.next();
}

}  // namespace cairn::raft
