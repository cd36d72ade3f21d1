#include "sim/checks/promises.h"

#include <string>
#include <variant>

namespace cairn::sim {
namespace {

std::string sender(const raft::Message& message) {
  return "member " + std::to_string(message.from.v) + " in term " + std::to_string(message.term.v);
}

}  // namespace

void Promises::send(const raft::Message& message, const LogImage& durable) {
  if (const auto* reply = std::get_if<raft::VoteReply>(&message.body)) {
    if (reply->granted && !reply->pre) vote(message, message.to, durable);
  } else if (const auto* request = std::get_if<raft::VoteRequest>(&message.body)) {
    if (!request->pre) candidacy(message, *request, durable);
  } else if (const auto* append = std::get_if<raft::AppendReply>(&message.body)) {
    if (append->ok) holds(message, append->match, durable, "acknowledges index ");
  } else if (const auto* snapshot = std::get_if<raft::SnapshotReply>(&message.body)) {
    if (snapshot->ok) holds(message, snapshot->index, durable, "acknowledges a snapshot at ");
  }
}

void Promises::vote(const raft::Message& message, raft::NodeId candidate, const LogImage& durable) {
  const auto [found, inserted] = votes_.try_emplace({message.from, message.term}, candidate);
  if (found->second != candidate) {
    judge_.accuse("I2 one vote a term", sender(message) + " votes for " + std::to_string(candidate.v) +
                                            " after having voted for " + std::to_string(found->second.v));
  }
  const raft::HardState& state = durable.hard_state;
  if (state.term > message.term || (state.term == message.term && state.vote == candidate)) return;
  judge_.accuse("I3 promises are durable", sender(message) + " votes for " + std::to_string(candidate.v) +
                                               ", durable is term " + std::to_string(state.term.v) +
                                               " vote " + std::to_string(state.vote.v));
}

void Promises::candidacy(const raft::Message& message, const raft::VoteRequest& request,
                         const LogImage& durable) {
  const bool term_ok = durable.hard_state.term >= message.term;
  const bool log_ok = durable.last() >= request.last_index || durable.last_term() > request.last_term;
  if (term_ok && log_ok) return;
  judge_.accuse("I3 promises are durable", sender(message) + " stands for election with a log up to " +
                                               std::to_string(request.last_index.v) + ", durable is term " +
                                               std::to_string(durable.hard_state.term.v) +
                                               " and a log up to " + std::to_string(durable.last().v));
}

void Promises::holds(const raft::Message& message, raft::Index index, const LogImage& durable,
                     const char* what) {
  if (durable.hard_state.term >= message.term && durable.last() >= index) return;
  judge_.accuse("I3 promises are durable", sender(message) + " " + what + std::to_string(index.v) +
                                               ", durable is term " +
                                               std::to_string(durable.hard_state.term.v) +
                                               " and a log up to " + std::to_string(durable.last().v));
}

}  // namespace cairn::sim
