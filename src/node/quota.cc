#include "node/quota.h"

#include <utility>

#include "base/reached.h"

namespace cairn::node {

void Quota::change(std::uint64_t bytes) {
  if (std::exchange(limits_.bytes, bytes) == bytes) return;
  refused_ = false;
  over_since_.reset();
}

// Beyond the quota alone is no reason: after it was disarmed, the alarm comes again with the next write, as
// etcd's.
void Quota::pass(Time now, const MemoryUse& use, std::uint64_t puts, bool stands) {
  used_bytes_ = use.all_bytes();
  const bool has_grown = std::exchange(puts_, puts) != puts;
  const bool is_over = limits_.bytes != 0 && used_bytes_ > limits_.bytes;
  if (is_over && has_grown && !over_since_) over_since_ = now;
  if (!is_over || stands) over_since_.reset();
  if (stands) refused_ = false;
}

bool Quota::begin_alarm(Time now) {
  const bool is_wanted = refused_ || (over_since_ && now - *over_since_ >= limits_.patience);
  if (!is_wanted || asked_ || now < retry_at_) return false;
  REACHED("node.quota.alarm");
  asked_ = true;
  retry_at_ = now + limits_.retry_interval;
  return true;
}

void Quota::answered(bool raised) {
  asked_ = false;
  if (!raised) return;
  refused_ = false;
  over_since_.reset();
}

}  // namespace cairn::node
