// SnapshotSchedule: when a snapshot of the state is cut, which one is on its way to the disk, and when one
// that failed is tried again. Decides; whoever asks cuts it. Owner: Node. Bounded: one snapshot is on its way
// at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/time.h"
#include "raft/types.h"

namespace cairn::node {

class SnapshotSchedule {
 public:
  struct Limits {
    std::uint64_t log_bytes_min;  // or the size of the state, if larger
    Duration retry_interval;      // after one that failed
  };
  // What lies on the disk at the start: the newest snapshot's size, and the log behind it.
  SnapshotSchedule(const Limits& limits, std::uint64_t size_bytes, std::uint64_t log_bytes)
      : limits_(limits), log_bytes_(log_bytes), size_bytes_(size_bytes) {}

  void applied(std::uint64_t log_bytes) { log_bytes_ += log_bytes; }
  void want() { wanted_ = true; }               // a follower needs more log than memory holds
  void lost() { lost_ = true; }                 // what is durable no longer covers what the log has dropped
  void has_room(Time now) { retry_at_ = now; }  // one that failed may succeed now
  void installed(std::uint64_t size_bytes);     // one from the leader has replaced the state
  void saved();
  void failed(Time now);

  // applied: where the state stands. newest: the last snapshot's index.
  bool is_due(Time now, raft::Index applied, raft::Index newest) const;
  void begin(raft::Index applied, std::uint64_t size_bytes);

  // The log from here on stays in memory, since the snapshot on its way does not replace it.
  std::optional<raft::Index> saving() const;
  std::uint64_t size_bytes() const { return size_bytes_; }  // of the state, in the newest snapshot

 private:
  struct Saving {
    raft::Index index;
    std::uint64_t log_bytes = 0;          // of the log that it replaces
    std::uint64_t size_before_bytes = 0;  // of the snapshot before
  };

  const Limits limits_;
  std::uint64_t log_bytes_;  // applied since the newest snapshot
  std::uint64_t size_bytes_;
  std::optional<Saving> saving_;
  bool wanted_ = false, lost_ = false;
  Time retry_at_;
};

}  // namespace cairn::node
