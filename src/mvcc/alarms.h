// Alarms: what is wrong with which member until somebody says that it is not any more, as part of the
// replicated state: what is refused meanwhile, every member refuses. NOSPACE refuses what may make the state
// larger, CORRUPT every write of keys; reads go on. Every change makes a new list, which views and others
// share. Threading: one writer; a list may be read anywhere. Bound: Limits::alarms_max.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "mvcc/limits.h"

namespace cairn::mvcc {

enum class AlarmKind : std::uint8_t { no_space = 1, corrupt = 2 };  // numbered as etcd's

struct Alarm {
  std::uint64_t member = 0;
  AlarmKind kind = AlarmKind::no_space;
  auto operator<=>(const Alarm&) const = default;
};

using AlarmList = std::vector<Alarm>;  // ascending, each once

class Alarms {
 public:
  const std::shared_ptr<const AlarmList>& all() const { return all_; }
  bool any() const { return !all_->empty(); }
  bool stands(AlarmKind kind) const;
  bool stands(const Alarm& alarm) const;

  // One that stands already stays as it is. A refusal changes nothing.
  Status raise(const Alarm& alarm, const Limits& limits);
  bool clear(const Alarm& alarm);               // false: it does not stand
  void set(AlarmList all);                      // ascending
  std::uint64_t hash() const { return hash_; }  // 0: none

 private:
  std::shared_ptr<const AlarmList> all_ = std::make_shared<AlarmList>();
  std::uint64_t hash_ = 0;
};

inline bool is_alarm_kind(std::uint64_t number) {
  return number == static_cast<std::uint64_t>(AlarmKind::no_space) ||
         number == static_cast<std::uint64_t>(AlarmKind::corrupt);
}

}  // namespace cairn::mvcc
