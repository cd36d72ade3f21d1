#include "node/own_proposals.h"

#include <utility>

#include "base/check.h"
#include "base/reached.h"
#include "node/command_codec.h"

namespace cairn::node {

// This turn's, where there is room for one more of its kind.
OwnProposals::Entry& OwnProposals::entry_for(const OwnProposal& proposal) {
  const bool append = !gathered_.empty() && gathered_.back().term == proposal.term &&
                      gathered_.back().frees == proposal.frees &&
                      gathered_.back().batch.size() + proposal.request.size() <= limits_.batch_bytes;
  if (!append) gathered_.push_back({{}, {}, proposal.term, proposal.frees});
  return gathered_.back();
}

void OwnProposals::propose(OwnProposal proposal, const Standing& standing) {
  CHECK(proposal.done != nullptr);
  const std::size_t size = proposal.request.size();
  const bool is_full =
      pending_.size() >= limits_.count || (!pending_.empty() && pending_bytes_ + size > limits_.bytes);
  if (is_full) {
    REACHED("node.own.full");
    return telling_.push_back({std::move(proposal.done),
                               {.kind = OwnOutcome::Kind::refused, .refusal = raft::Refusal::overloaded}});
  }
  Entry& entry = entry_for(proposal);
  const std::uint64_t id = next_id_++;
  append_command({.request_id = id,
                  .time_unix_ms = standing.wall_ms,
                  .idempotency_key = {},
                  .caller = {.kind = mvcc::Caller::Kind::cluster},
                  .only_in_term = proposal.term.v},
                 proposal.kind, proposal.request, &entry.batch);
  entry.ids.push_back(id);
  pending_[id] = {proposal.term, size, std::move(proposal.done)};
  pending_bytes_ += size;
}

void OwnProposals::send(const Standing& standing) {
  for (Entry& entry : std::exchange(gathered_, {})) {
    if (!standing.leads() || entry.term != standing.term) {
      REACHED("node.own.outdated");
      refuse(entry.ids, raft::Refusal::not_leader);
      continue;
    }
    const std::uint64_t tag = ++last_tag_;
    std::string data = clock_.entry_head(standing) + entry.batch;
    proposed_.emplace(tag, std::move(entry.ids));
    core_.step(raft::ProposeOwn{tag, entry.term, make_bytes(std::move(data)), entry.frees});
  }
}

void OwnProposals::refused(const raft::Refused& proposal) {
  const auto found = proposed_.find(proposal.tag);
  CHECK(found != proposed_.end());
  refuse(found->second, proposal.reason);
  proposed_.erase(found);
}

void OwnProposals::refuse(const std::vector<std::uint64_t>& ids, raft::Refusal why) {
  for (const std::uint64_t id : ids) finish(id, {.kind = OwnOutcome::Kind::refused, .refusal = why});
}

void OwnProposals::done(std::uint64_t request_id, mvcc::Outcome outcome) {
  finish(request_id, {.kind = OwnOutcome::Kind::applied, .applied = std::move(outcome)});
}

void OwnProposals::outlived(raft::Term applied) {
  finish_all([applied](const Pending& pending) { return pending.term < applied; },
             OwnOutcome::Kind::outlived);
}

void OwnProposals::obscured(raft::Term installed) {
  finish_all([installed](const Pending& pending) { return pending.term <= installed; },
             OwnOutcome::Kind::unknown);
}

template <class Over>
void OwnProposals::finish_all(Over is_over, OwnOutcome::Kind kind) {
  std::vector<std::uint64_t> over;
  for (const auto& [id, pending] : pending_)
    if (is_over(pending)) over.push_back(id);
  for (const std::uint64_t id : over) finish(id, {.kind = kind});
}

void OwnProposals::finish(std::uint64_t id, OwnOutcome outcome) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  pending_bytes_ -= found->second.size_bytes;
  telling_.push_back({std::move(found->second.done), std::move(outcome)});
  pending_.erase(found);
}

void OwnProposals::end_turn() {
  // Who is told may propose again.
  for (Told& told : std::exchange(telling_, {})) told.done(std::move(told.outcome));
}

}  // namespace cairn::node
