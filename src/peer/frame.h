// Frames: how messages lie on a peer connection (docs/format/peer.md). No socket in here: FrameReader is fed
// with whatever bytes arrived, so that tests and the fuzzer drive the same code as the network. Errors:
// invalid_argument says what is wrong with the stream; after one the connection cannot be used any more.
// Bounded: a frame's length is compared with the limit before anything is allocated for it, and the buffer
// grows with the bytes that really arrive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "peer/limits.h"
#include "raft/types.h"

namespace cairn::peer {

enum class FrameType : std::uint8_t {
  hello = 1,
  hello_answer = 2,
  message = 3,
  note = 4,
  heartbeat = 5,
  snapshot_begin = 6,
  snapshot_next = 7,
  snapshot_chunk = 8,
  snapshot_done = 9,
  snapshot_failed = 10,
};

inline constexpr std::size_t kFrameHeaderBytes = 16;
inline constexpr std::uint16_t kProtocolVersion = 4;

// Writing: const auto at = begin_frame(&out, type); append the payload to out; end_frame(&out, at).
std::size_t begin_frame(std::string* out, FrameType type);
void end_frame(std::string* out, std::size_t at);
void put_frame(std::string* out, FrameType type, std::string_view payload);

struct Frame {
  FrameType type = FrameType::heartbeat;
  std::string_view payload;  // valid until the reader's next prepare()
};

class FrameReader {
 public:
  // Takes payloads of a hello's size, until set_limit() says more.
  explicit FrameReader(const Limits& limits = {})
      : limits_(limits), payload_bytes_max_(limits.hello_frame_bytes_max) {}

  void set_limit(std::size_t payload_bytes_max) { payload_bytes_max_ = payload_bytes_max; }
  std::span<char> prepare();         // room to read into; never empty
  void commit(std::size_t arrived);  // that many bytes of it were filled
  // The next whole frame, or nothing yet.
  Result<std::optional<Frame>> next();

 private:
  const Limits limits_;
  std::size_t payload_bytes_max_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
  std::size_t wanted_ = 0;  // whole size of the frame at begin_, once its header has been checked
};

enum class ConnectionKind : std::uint8_t { messages = 1, snapshot = 2 };

// By who may not be in the receiver's configuration yet: a later one names both.
struct Introduction {
  raft::Position by;  // where that one stands in the log
  std::string host;   // where it says that the sender is reached
  std::uint16_t port = 0;
  bool operator==(const Introduction&) const = default;
};

struct Hello {
  std::uint16_t version = kProtocolVersion;
  ConnectionKind kind = ConnectionKind::messages;
  std::uint64_t cluster_id = 0;
  raft::NodeId from, to;
  std::optional<Introduction> introduction{};
};
void put_hello(std::string* out, const Hello& hello);  // a whole frame
Result<Hello> decode_hello(std::string_view payload, const Limits& limits = {});

// refusal: null when the hello was accepted; else cut to Limits::reason_bytes_max.
void put_hello_answer(std::string* out, const std::string* refusal, const Limits& limits);  // a whole frame
// Ok, or the other side's reason to refuse.
Status decode_hello_answer(std::string_view payload, const Limits& limits);

struct SnapshotBegin {
  std::string_view manifest;
  std::uint64_t chunks = 0;
  raft::Message offer;
};
void put_snapshot_begin(std::string* out, const SnapshotBegin& begin);  // a whole frame
Result<SnapshotBegin> decode_snapshot_begin(std::string_view payload, const Limits& limits);

}  // namespace cairn::peer
