#include "server/removal.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "raft/members.h"

namespace cairn::server {

void Removal::configured(const std::vector<raft::Configuration>& configurations, Time now) {
  CHECK(!configurations.empty());
  const auto is_named_anywhere = [&configurations](raft::NodeId id) {
    return std::any_of(configurations.begin(), configurations.end(),
                       [id](const auto& each) { return raft::is_member(each.members, id); });
  };
  std::erase_if(hearing_, [&](raft::NodeId id) { return !is_named_anywhere(id); });
  if (hearing_.empty() && !unheard_since_) unheard_since_ = now;
  if (raft::is_member(configurations.front().members, self_)) was_named_ = true;
  const bool is_named = is_named_anywhere(self_);
  if (is_named || !was_named_) {
    left_at_.reset();
  } else if (!left_at_) {
    left_at_ = now;
  }
}

void Removal::told(raft::NodeId by, Time now) { told_.try_emplace(by, now); }

void Removal::heard(raft::NodeId by) {
  told_.erase(by);
  hearing_.insert(by);
  unheard_since_.reset();
}

void Removal::unheard(raft::NodeId by, Time now) {
  if (hearing_.erase(by) > 0 && hearing_.empty()) unheard_since_ = now;
}

bool Removal::is_certain(const raft::Members& members, Time now) const {
  if (left_at_ && now - *left_at_ >= limits_.certain_after) return true;
  std::set<raft::NodeId> others(members.voters.begin(), members.voters.end());
  others.insert(members.voters_old.begin(), members.voters_old.end());
  others.erase(self_);
  std::size_t certain = 0;
  bool is_all_that_is_left = false;
  for (const auto& [by, since] : told_) {
    // Who knows nobody took its id from one that lagged behind, and named it by one that has been removed
    // since.
    if (!members.voters.empty() && !others.contains(by)) continue;
    if (now - since >= limits_.certain_after) ++certain;
    if (unheard_since_ && now - std::max(since, *unheard_since_) >= limits_.certain_when_unheard)
      is_all_that_is_left = true;
  }
  return is_all_that_is_left || (!members.voters.empty() && 2 * certain > others.size());
}

}  // namespace cairn::server
