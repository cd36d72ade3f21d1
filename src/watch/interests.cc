#include "watch/interests.h"

#include <algorithm>

#include "base/check.h"

namespace cairn::watch {

Interest* Interests::find_or_add(std::string_view first, std::string_view end) {
  if (end.empty()) {
    auto found = keys_.find(first);
    if (found == keys_.end()) {
      found = keys_.emplace(std::string(first), std::make_unique<Interest>()).first;
      found->second->range.first = found->first;
    }
    return found->second.get();
  }
  auto* const node = ranges_.find_or_add(first, end);
  if (node->value == nullptr) {
    node->value = std::make_unique<Interest>();
    node->value->range = node->range;
    node->value->node = node;
  }
  return node->value.get();
}

Group* Interests::join(std::string_view first, std::string_view end, const Wants& wants) {
  Interest* const interest = find_or_add(first, end);
  for (const auto& group : interest->groups) {
    if (group->wants != wants) continue;
    ++group->counted;
    return group.get();
  }
  interest->groups.push_back(std::make_unique<Group>());
  Group* const group = interest->groups.back().get();
  group->interest = interest;
  group->wants = wants;
  group->counted = 1;
  return group;
}

void Interests::leave(Group* group) {
  if (--group->counted > 0) return;
  CHECK(group->current.empty());
  Interest* const interest = group->interest;
  std::erase_if(interest->groups, [group](const auto& each) { return each.get() == group; });
  if (!interest->groups.empty()) return;
  if (interest->node == nullptr) {
    keys_.erase(keys_.find(interest->range.first));
    return;
  }
  ranges_.erase(interest->node);
}

}  // namespace cairn::watch
