#include "sim/checks/state_hash.h"

#include <string>

namespace cairn::sim {

void StateHashes::applied(raft::NodeId member, const mvcc::View& view) {
  const std::uint64_t index = view.applied_index();
  std::uint64_t& sampled_at = sampled_at_[member];
  const bool due = index >= sampled_at + kEvery;
  if (due) sampled_at = index / kEvery * kEvery;  // members are due at the same places
  if (due || hashes_.count(index) != 0) compare(member, view);
}

void StateHashes::compare(raft::NodeId member, const mvcc::View& view) {
  const std::uint64_t hash = view.hash();
  const auto [found, inserted] = hashes_.try_emplace(view.applied_index(), hash);
  if (found->second == hash) return;
  judge_.accuse("I6 equal states", "member " + std::to_string(member.v) + " has another state at index " +
                                       std::to_string(view.applied_index()) + " than a member before it");
}

}  // namespace cairn::sim
