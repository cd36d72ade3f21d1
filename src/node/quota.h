// Quota: how much memory keys, their history and the log may take at this member, and when it tells the
// cluster that they take more: by an alarm in the replicated state, which refuses everybody's writes at every
// member until somebody disarms it. What one member has in memory decides no more than that, and what its own
// clients may begin. Owner: Node. Pure: time and sizes are given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/time.h"
#include "node/status.h"

namespace cairn::node {

class Quota {
 public:
  struct Limits {
    std::uint64_t bytes = 0;    // 0: none
    Duration retry_interval{};  // after an alarm that has not been raised
    // Beyond it for so long before the alarm is raised without a refusal: who catches up passes through what
    // the others have long made room for.
    Duration patience{};
  };
  explicit Quota(const Limits& limits) : limits_(limits) {}

  std::uint64_t bytes() const { return limits_.bytes; }
  // What was refused under another quota is no reason for an alarm any more.
  void change(std::uint64_t bytes);

  // Whether a write that makes the state larger, with a request of so many bytes, would be one too many. What
  // a key costs beside its bytes is etcd's guess, too.
  bool is_exceeded_by(std::size_t request_bytes) const {
    return limits_.bytes != 0 && used_bytes_ + kBesideBytes + request_bytes > limits_.bytes;
  }
  void refused() { refused_ = true; }  // such a one

  // Once a turn: what is used, how many puts have been applied so far, and whether this member's alarm
  // stands.
  void pass(Time now, const MemoryUse& use, std::uint64_t puts, bool stands);
  // Once a turn, afterwards. True: it is to be raised now, and answered() tells of the end.
  bool begin_alarm(Time now);
  void answered(bool raised);

 private:
  static constexpr std::size_t kBesideBytes = 256;

  Limits limits_;
  std::uint64_t used_bytes_ = 0, puts_ = 0;
  bool refused_ = false;            // a write, and no alarm stands
  std::optional<Time> over_since_;  // the first put beyond the quota, while it is and no alarm stands
  bool asked_ = false;              // it is on its way
  Time retry_at_;
};

}  // namespace cairn::node
