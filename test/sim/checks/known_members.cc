#include "sim/checks/known_members.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "raft/members.h"

namespace cairn::sim {

void KnownMembers::applied(raft::NodeId member, const mvcc::View& view) const {
  const auto after = configured_.upper_bound(raft::Index{view.applied_index()});
  if (after == configured_.begin()) return;  // still as it was begun
  const std::vector<raft::NodeId> configured = raft::all_members(std::prev(after)->second);
  const mvcc::MemberMap& known = view.members();
  if (std::equal(configured.begin(), configured.end(), known.begin(), known.end(),
                 [](raft::NodeId id, const auto& each) { return id.v == each.first; }))
    return;
  judge_.accuse("I25 one list of members",
                "member " + std::to_string(member.v) + ": its state of entry " +
                    std::to_string(view.applied_index()) + " knows " + std::to_string(known.size()) +
                    " members, the configuration has " + std::to_string(configured.size()));
}

}  // namespace cairn::sim
