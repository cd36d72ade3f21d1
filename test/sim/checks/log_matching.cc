#include "sim/checks/log_matching.h"

#include <string>

namespace cairn::sim {

bool same_bytes(const Bytes& a, const Bytes& b) {
  if (a == b) return true;
  const std::string empty;
  return (a ? *a : empty) == (b ? *b : empty);
}

void LogMatching::append(raft::NodeId member, const std::vector<raft::Entry>& entries, const LogImage& log) {
  for (const raft::Entry& entry : entries) {
    const auto previous = log.term_at(entry.index.prev());
    if (!previous) {
      judge_.accuse("I4 log matching", "member " + std::to_string(member.v) + " appends index " +
                                           std::to_string(entry.index.v) + " behind a hole");
      return;
    }
    const auto [found, inserted] =
        facts_.try_emplace({entry.index, entry.term}, Fact{*previous, entry.type, entry.data});
    if (inserted) continue;
    const Fact& fact = found->second;
    if (fact.previous_term == *previous && fact.type == entry.type && same_bytes(fact.data, entry.data))
      continue;
    judge_.accuse("I4 log matching", "member " + std::to_string(member.v) + " holds another entry (index " +
                                         std::to_string(entry.index.v) + ", term " +
                                         std::to_string(entry.term.v) + ") than somebody before it");
  }
}

}  // namespace cairn::sim
