#include "server/removal.h"

#include <set>

#include "base/check.h"
#include "raft/members.h"

namespace cairn::server {

void Removal::configured(const std::vector<raft::Configuration>& configurations, Time now) {
  CHECK(!configurations.empty());
  if (raft::is_member(configurations.front().members, self_)) was_named_ = true;
  bool is_named = false;
  for (const raft::Configuration& each : configurations)
    is_named = is_named || raft::is_member(each.members, self_);
  if (is_named || !was_named_) {
    left_at_.reset();
  } else if (!left_at_) {
    left_at_ = now;
  }
}

void Removal::told(raft::NodeId by, Time now) { told_.try_emplace(by, now); }

bool Removal::is_certain(const raft::Members& members, Time now) const {
  if (left_at_ && is_old(*left_at_, now)) return true;
  std::set<raft::NodeId> others(members.voters.begin(), members.voters.end());
  others.insert(members.voters_old.begin(), members.voters_old.end());
  others.erase(self_);
  std::size_t certain = 0;
  for (const auto& [by, since] : told_)
    if (others.contains(by) && is_old(since, now)) ++certain;
  return 2 * certain > others.size();
}

}  // namespace cairn::server
