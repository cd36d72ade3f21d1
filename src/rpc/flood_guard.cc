#include "rpc/flood_guard.h"

#include <nghttp2/nghttp2.h>

namespace cairn::rpc {
namespace {

// grpc-go measures the bandwidth with one ping a round trip, which is at most one for each frame it reads.
constexpr std::int64_t kPingsForData = 1;
// One for the stream and one for the connection, twice; and as many for each 4 KiB, which is the least that
// clients at work give back.
constexpr std::int64_t kWindowUpdatesForFrame = 4;
constexpr std::size_t kBytesForWindowUpdate = 2048;
// Less in a frame that the client's window cut short is no work but a dribble (CVE-2019-9511).
constexpr std::size_t kDribbleBytes = 1024;

}  // namespace

FloodGuard::FloodGuard(const Limits& limits)
    : control_frames_(limits.control_frame_burst, limits.control_frames_per_second),
      window_updates_(limits.window_update_burst, limits.control_frames_per_second),
      resets_(limits.reset_burst, limits.resets_per_second) {}

bool FloodGuard::frame_arrives(std::uint8_t type, Time now) {
  switch (type) {
    case NGHTTP2_DATA:          // the client's window bounds them; empty_data_arrives() the others
    case NGHTTP2_HEADERS:       // streams_per_connection_max bounds them
    case NGHTTP2_CONTINUATION:  // continuations_max
      return true;
    case NGHTTP2_WINDOW_UPDATE:
      return window_updates_.take(now);
    case NGHTTP2_RST_STREAM:
      return resets_.take(now);
    default:
      return control_frames_.take(now);
  }
}

void FloodGuard::answer_is_sent() {
  control_frames_.refill();
  window_updates_.refill();
  resets_.earn(1);
}

void FloodGuard::data_is_sent(std::size_t size_bytes, bool cut_short) {
  if (cut_short && size_bytes < kDribbleBytes) return;
  control_frames_.earn(kPingsForData);
  window_updates_.earn(kWindowUpdatesForFrame +
                       static_cast<std::int64_t>(size_bytes / kBytesForWindowUpdate));
}

}  // namespace cairn::rpc
