#include "sim/checks/elections.h"

#include <string>

namespace cairn::sim {

bool Elections::lead(raft::NodeId member, raft::Term term) {
  const auto [found, inserted] = leaders_.try_emplace(term, member);
  if (found->second != member) {
    judge_.accuse("I1 one leader a term", "members " + std::to_string(found->second.v) + " and " +
                                              std::to_string(member.v) + " both lead term " +
                                              std::to_string(term.v));
  }
  return inserted;
}

}  // namespace cairn::sim
