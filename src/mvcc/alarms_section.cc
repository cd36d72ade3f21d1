#include <string>
#include <utility>

#include "mvcc/sections.h"

namespace cairn::mvcc {

void save_alarms(const Contents& contents, StateWriter* to) {
  to->numbers(static_cast<std::uint32_t>(contents.alarms->size()));
  for (const Alarm& alarm : *contents.alarms)
    to->numbers(alarm.member, static_cast<std::uint8_t>(alarm.kind));
}

Status load_alarms(StateReader* from, Storage* storage) {
  const auto count = TRY(from->number<std::uint32_t>());
  if (count > from->limits.alarms_max) return tl::unexpected(malformed(std::to_string(count) + " alarms"));
  AlarmList all;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto member = TRY(from->number<std::uint64_t>());
    const auto kind = TRY(from->number<std::uint8_t>());
    if (!is_alarm_kind(kind)) return tl::unexpected(malformed("an alarm of kind " + std::to_string(kind)));
    const Alarm alarm{member, static_cast<AlarmKind>(kind)};
    if (!all.empty() && all.back() >= alarm) return tl::unexpected(malformed("alarms out of order"));
    all.push_back(alarm);
  }
  storage->alarms.set(std::move(all));
  return {};
}

}  // namespace cairn::mvcc
