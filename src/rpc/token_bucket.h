// TokenBucket: how many events of a kind a client may cause: a burst, and so many a second after it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace cairn::rpc {

class TokenBucket {
 public:
  TokenBucket(std::int64_t burst, std::int64_t per_second)
      : burst_(burst), per_second_(per_second), tokens_(burst) {}

  // False when the bucket is empty.
  bool take(Time now) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - refilled_).count();
    if (seconds > 0) {
      tokens_ = seconds >= burst_ ? burst_ : std::min(burst_, tokens_ + seconds * per_second_);
      refilled_ = now;
    }
    if (tokens_ <= 0) return false;
    --tokens_;
    return true;
  }
  void earn(std::int64_t tokens) { tokens_ = std::min(burst_, tokens_ + tokens); }
  void refill() { tokens_ = burst_; }

 private:
  std::int64_t burst_;
  std::int64_t per_second_;
  std::int64_t tokens_;
  Time refilled_{};
};

}  // namespace cairn::rpc
