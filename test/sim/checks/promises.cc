#include "sim/checks/promises.h"

#include <string>
#include <variant>

#include "peer/plausible.h"

namespace cairn::sim {
namespace {

constexpr raft::Term kTermCeiling{1U << 20U};  // no simulation is that long

std::string sender(const raft::Message& message) {
  return "member " + std::to_string(message.from.v) + " in term " + std::to_string(message.term.v);
}

}  // namespace

void Promises::send(const raft::Message& message, const Ledger& ledger) {
  const raft::Term ceiling = lies_ ? raft::Term{std::uint64_t{1} << 43U} : kTermCeiling;
  if (const Status said = peer::plausible(message, {}, ceiling); !said)
    judge_.accuse("I23 plausible", sender(message) + ": " + said.error().message);
  memory(message, ledger);
  if (const auto* reply = std::get_if<raft::VoteReply>(&message.body)) {
    if (reply->granted && !reply->pre) vote(message, message.to, ledger);
  } else if (const auto* request = std::get_if<raft::VoteRequest>(&message.body)) {
    if (!request->pre) candidacy(message, *request, ledger);
  } else if (const auto* append = std::get_if<raft::AppendReply>(&message.body)) {
    if (append->ok) holds(message, append->match, ledger, "acknowledges index ");
  } else if (const auto* snapshot = std::get_if<raft::SnapshotReply>(&message.body)) {
    if (snapshot->ok) holds(message, snapshot->index, ledger, "acknowledges a snapshot at ");
  }
}

void Promises::memory(const raft::Message& message, const Ledger& ledger) {
  // One that was made before the member was full may leave after it: it claims less than is true.
  const raft::Life& durable = ledger.durable.hard_state.life;
  const bool is_same = durable.incarnation == message.life.incarnation && durable.start == message.life.start;
  if (!is_same || (message.life.full && !durable.full)) {
    judge_.accuse("I3 promises are durable", sender(message) + " speaks in a life that is not durable");
  }
  if (message.life.full) return;
  const auto* reply = std::get_if<raft::VoteReply>(&message.body);
  const auto* request = std::get_if<raft::VoteRequest>(&message.body);
  if ((reply == nullptr || !reply->granted) && request == nullptr) return;
  if (request != nullptr && request->form) {
    if (ledger.durable.hard_state.has_forgotten)
      judge_.accuse("F1 who has forgotten founds nothing", sender(message) + " forms a cluster");
    return;
  }
  // A founder may vote as long as it has nothing, and be sent the log while the vote becomes durable, which a
  // hung disk may draw out for terms: from the leader of that term or of a later one, so that the vote is
  // late.
  const LogImage& log = ledger.durable;
  const bool had_nothing =
      !log.hard_state.has_forgotten && (log.last().v == 0 || log.last_term() >= message.term);
  if (reply != nullptr && had_nothing) return;
  judge_.accuse("F1 who has forgotten is not full",
                sender(message) + (reply != nullptr ? " votes" : " stands") + " without being full");
}

void Promises::vote(const raft::Message& message, raft::NodeId candidate, const Ledger& ledger) {
  const auto [found, inserted] =
      votes_.try_emplace({message.from, message.life.incarnation, message.term}, candidate);
  if (found->second != candidate) {
    judge_.accuse("I2 one vote a term", sender(message) + " votes for " + std::to_string(candidate.v) +
                                            " after having voted for " + std::to_string(found->second.v));
  }
  const raft::HardState& state = ledger.durable.hard_state;
  if (state.term > message.term || (state.term == message.term && state.vote == candidate)) return;
  judge_.accuse("I3 promises are durable", sender(message) + " votes for " + std::to_string(candidate.v) +
                                               ", durable is term " + std::to_string(state.term.v) +
                                               " vote " + std::to_string(state.vote.v));
}

void Promises::candidacy(const raft::Message& message, const raft::VoteRequest& request,
                         const Ledger& ledger) {
  const bool term_ok = ledger.durable.hard_state.term >= message.term;
  const bool log_ok =
      ledger.durable_last() >= request.last_index || ledger.durable.last_term() > request.last_term;
  if (term_ok && log_ok) return;
  judge_.accuse("I3 promises are durable", sender(message) + " stands for election with a log up to " +
                                               std::to_string(request.last_index.v) + ", durable is term " +
                                               std::to_string(ledger.durable.hard_state.term.v) +
                                               " and a log up to " + std::to_string(ledger.durable_last().v));
}

void Promises::holds(const raft::Message& message, raft::Index index, const Ledger& ledger,
                     const char* what) {
  if (ledger.durable.hard_state.term >= message.term && ledger.durable_last() >= index) return;
  judge_.accuse("I3 promises are durable", sender(message) + " " + what + std::to_string(index.v) +
                                               ", durable is term " +
                                               std::to_string(ledger.durable.hard_state.term.v) +
                                               " and a log up to " + std::to_string(ledger.durable_last().v));
}

}  // namespace cairn::sim
