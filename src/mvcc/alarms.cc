#include "mvcc/alarms.h"

#include <algorithm>
#include <string>
#include <utility>

#include "mvcc/state_hash.h"

namespace cairn::mvcc {

bool Alarms::stands(AlarmKind kind) const {
  return std::any_of(all_->begin(), all_->end(), [kind](const Alarm& each) { return each.kind == kind; });
}

bool Alarms::stands(const Alarm& alarm) const {
  return std::binary_search(all_->begin(), all_->end(), alarm);
}

Status Alarms::raise(const Alarm& alarm, const Limits& limits) {
  if (stands(alarm)) return {};
  if (all_->size() >= limits.alarms_max)
    return fail(Code::resource_exhausted,
                "there are " + std::to_string(all_->size()) + " alarms already: disarm those that are over");
  AlarmList changed = *all_;
  changed.insert(std::upper_bound(changed.begin(), changed.end(), alarm), alarm);
  set(std::move(changed));
  return {};
}

bool Alarms::clear(const Alarm& alarm) {
  if (!stands(alarm)) return false;
  AlarmList changed = *all_;
  std::erase(changed, alarm);
  set(std::move(changed));
  return true;
}

void Alarms::set(AlarmList all) {
  StateHash hash;
  for (const Alarm& alarm : all) hash.add(alarm.member).add(static_cast<std::uint64_t>(alarm.kind));
  hash_ = all.empty() ? 0 : hash.value();
  all_ = std::make_shared<AlarmList>(std::move(all));
}

}  // namespace cairn::mvcc
