// FloodGuard: tells work from a flood by the frames of one HTTP/2 connection. A client pays for each frame
// that costs the server more than the client and carries nothing, out of a burst that comes back slowly with
// time and at once with the answers the client takes: who pings once a round trip while it reads a long list,
// or cancels as many calls as it was given answers, does no harm (CVE-2019-9511 to 9518, CVE-2023-44487,
// CVE-2025-8671 do). Owned by its session, on that session's thread. Bounded by construction: three buckets.
#pragma once

#include <cstddef>
#include <cstdint>

#include "rpc/limits.h"
#include "rpc/token_bucket.h"

namespace cairn::rpc {

class FloodGuard {
 public:
  explicit FloodGuard(const Limits& limits);

  // Each is false when this was one too many: the connection ends with ENHANCE_YOUR_CALM.
  // By the head alone, so that what is dropped unread (a window of a closed stream) counts.
  bool frame_arrives(std::uint8_t type, Time now);
  bool empty_data_arrives(Time now) { return control_frames_.take(now); }
  // A reset that the client made the server send costs as much as its own.
  bool reset_is_sent(Time now) { return resets_.take(now); }

  void answer_is_sent();
  // `cut_short`: the client's window was at its end, so that many more frames may carry little.
  void data_is_sent(std::size_t size_bytes, bool cut_short);

 private:
  TokenBucket control_frames_;
  TokenBucket window_updates_;
  TokenBucket resets_;
};

}  // namespace cairn::rpc
