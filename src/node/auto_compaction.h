// AutoCompaction: up to which revision history is compacted without anybody asking, and when: as etcd does,
// in either of its modes. Every member goes on sampling, so that a new leader knows the past; only the leader
// compacts. Owner: Node. Pure: the time is given. Bounded: the samples of a period, ten for the shorter of it
// and an hour, each a number.
//
//   periodic  every tenth of min(period, 1 h) the revision is noted. Once a period has passed, and then every
//             min(period, 1 h), what is older than the period is compacted.
//   revision  every five minutes all but the newest so many revisions are compacted.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/time.h"

namespace cairn::node {

struct AutoCompactionConfig {
  Duration period{};                // > 0: periodic
  std::int64_t keep_revisions = 0;  // > 0: by revision
  Duration revision_interval = std::chrono::minutes(5);
  Duration interval_max = std::chrono::hours(1);  // of the periodic mode
  std::int64_t samples = 10;                      // in such an interval
};

class AutoCompaction {
 public:
  AutoCompaction(const AutoCompactionConfig& config, Time now);
  // As if it had just begun; the same again changes nothing.
  void change(const AutoCompactionConfig& config, Time now);

  // Once a turn. A revision: it is to be compacted at now, and answered() tells of the end.
  std::optional<std::int64_t> pass(Time now, std::int64_t revision, bool leads);
  // Compacted, or it was already; else it is tried again with the next sample.
  void answered(bool compacted);
  Time deadline() const { return next_; }  // Time::max(): it is switched off

 private:
  std::optional<std::int64_t> due(Time now, std::int64_t revision);

  AutoCompactionConfig config_;
  Duration interval_;  // between two looks
  Time next_ = Time::max();
  Time compacted_at_;                   // periodic: or when this began
  bool waits_for_first_ = true;         // a whole period, and not just an hour of it
  std::deque<std::int64_t> revisions_;  // periodic: noted, oldest first
  std::int64_t compacted_ = 0;          // by revision: the last one
  std::optional<std::int64_t> asked_;   // is on its way
  Time asked_at_;
};

}  // namespace cairn::node
