#include "node/quota.h"

#include <utility>

#include "base/reached.h"

namespace cairn::node {

// Beyond the quota alone is no reason: after it was disarmed, the alarm comes again with the next write, as
// etcd's.
void Quota::pass(const MemoryUse& use, std::uint64_t puts, bool stands) {
  used_bytes_ = use.all_bytes();
  const bool has_grown = std::exchange(puts_, puts) != puts;
  if (limits_.bytes != 0 && has_grown && used_bytes_ > limits_.bytes) wanted_ = true;
  if (stands) wanted_ = false;
}

bool Quota::begin_alarm(Time now) {
  if (!wanted_ || asked_ || now < retry_at_) return false;
  REACHED("node.quota.alarm");
  asked_ = true;
  retry_at_ = now + limits_.retry_interval;
  return true;
}

void Quota::answered(bool raised) {
  asked_ = false;
  if (raised) wanted_ = false;
}

}  // namespace cairn::node
