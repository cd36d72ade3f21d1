#include "sim/checks/recovery.h"

#include <algorithm>
#include <optional>
#include <string>

namespace cairn::sim {
namespace {

constexpr const char* kInvariant = "I11 durable means durable";

std::string text(const raft::HardState& state) {
  return "term " + std::to_string(state.term.v) + " vote " + std::to_string(state.vote.v);
}

bool same_promises(const raft::HardState& a, const raft::HardState& b) {
  return a.term == b.term && a.vote == b.vote;
}

bool was_asked(const Ledger& before, const raft::HardState& found, const raft::Recovered& recovered) {
  if (same_promises(found, before.durable.hard_state)) return true;
  // A snapshot may arrive before the term of its last entry does: recovery takes the term from it. No vote
  // can have been given in a term that was not durable.
  if (found.vote.v == 0 && found.term == recovered.snapshot.term &&
      found.term > before.durable.hard_state.term) {
    return true;
  }
  return std::any_of(before.pending.begin(), before.pending.end(), [&](const raft::LogWrite& write) {
    return write.hard_state && same_promises(*write.hard_state, found);
  });
}

bool was_asked(const Ledger& before, const raft::Entry& found) {
  if (before.durable.term_at(found.index) == found.term) return true;
  for (const raft::LogWrite& write : before.pending) {
    for (const raft::Entry& entry : write.entries) {
      if (entry.index == found.index && entry.term == found.term) return true;
    }
  }
  return false;
}

}  // namespace

void check_recovery(Judge& judge, raft::NodeId member, const Ledger& before, const raft::Recovered& recovered,
                    bool is_damaged) {
  const std::string who = "member " + std::to_string(member.v) + " recovered ";
  if (!was_asked(before, recovered.hard_state, recovered)) {
    judge.accuse(kInvariant,
                 who + text(recovered.hard_state) + ", durable was " + text(before.durable.hard_state));
  }
  // A damaged snapshot costs nothing where an older one and the log behind it are whole.
  if (recovered.snapshot.index < before.snapshot && !is_damaged) {
    judge.accuse(kInvariant, who + "a snapshot at " + std::to_string(recovered.snapshot.index.v) +
                                 ", durable was one at " + std::to_string(before.snapshot.v));
  }
  raft::Index promised = before.durable.last();  // up to here nothing may be missing
  for (const raft::LogWrite& write : before.pending) {
    if (write.reset_to) return;  // anything between the old log and the snapshot is right
    if (!write.entries.empty()) promised = std::min(promised, write.entries.front().index.prev());
  }
  // A received snapshot of which the core had not heard yet: if the log contradicts it, what lies in the log
  // from there on was never committed, and the log goes on behind the snapshot.
  const std::optional<raft::Term> there = before.durable.term_at(recovered.snapshot.index);
  if (there && *there != recovered.snapshot.term) promised = std::min(promised, recovered.snapshot.index);
  const raft::Index last = recovered.entries.empty()
                               ? recovered.snapshot.index
                               : std::max(recovered.entries.back().index, recovered.snapshot.index);
  if (last < promised) {
    judge.accuse(kInvariant, who + "a log up to " + std::to_string(last.v) + ", durable was up to " +
                                 std::to_string(promised.v));
  }
  for (const raft::Entry& entry : recovered.entries) {
    if (entry.index <= before.durable.base || was_asked(before, entry)) continue;
    judge.accuse(kInvariant, who + "index " + std::to_string(entry.index.v) + " of term " +
                                 std::to_string(entry.term.v) + ", which was never written there");
  }
}

}  // namespace cairn::sim
