// gRPC over HTTP/2, the parts above the frames: the five-byte message prefix, grpc-timeout, grpc-message.
// Pure functions and one reader; nothing here knows a connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace cairn::rpc {

inline constexpr std::size_t kPrefixBytes = 5;  // one flag byte, four bytes of length, big-endian

inline constexpr std::size_t kMessageBytesMax = 0x7fffffff;  // of any message sent, as in grpc-go

// Appends the prefix of a message of that size, which must be <= kMessageBytesMax.
void append_prefix(std::string* out, std::size_t size);
// Appends one message made of two pieces, prefix in front.
void append_message(std::string* out, std::string_view head, std::string_view body);

// "100m" is 100 milliseconds. Nothing when malformed (at most eight digits and a unit of H M S m u n).
std::optional<Duration> parse_timeout(std::string_view text);
// The largest unit that keeps eight digits is chosen, rounding up, so that a timeout never shrinks to
// nothing.
std::string format_timeout(Duration timeout);

// grpc-message travels percent-encoded: printable ASCII but '%' stays, every other byte becomes %XX.
std::string encode_status_message(std::string_view message);
std::string decode_status_message(std::string_view encoded);

// "application/grpc", alone or followed by '+' or ';'.
bool is_grpc_content_type(std::string_view value);

// The decimal text of a code, in static storage.
std::string_view code_text(Code code);

// MessageReader: cuts the bytes of one stream into messages.
// A message that arrives whole is handed out without a copy; only a split one is collected.
// Bounded: the length is compared with bytes_max before a byte of the message is kept.
class MessageReader {
 public:
  enum class Step { need_more, message, too_large, compressed };

  explicit MessageReader(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // Takes bytes off the front of *input until one message is complete or the input is used up. *message is
  // valid until the next call and no longer than the input. After too_large or compressed the reader is
  // spent.
  Step next(std::string_view* input, std::string_view* message);
  // The same without collecting: *piece is what the input holds of the message, possibly nothing; with
  // Step::message it is the last one. One reader is asked for pieces only, or for messages only.
  Step next_piece(std::string_view* input, std::string_view* piece);
  // Makes the message returned last outlive the input.
  std::string_view hold(std::string_view message);
  // The memory that it keeps.
  std::size_t held_bytes() const { return buffer_.capacity(); }
  // Gives that memory back; what was returned or held is gone.
  void release();
  // Part of a message has arrived.
  bool in_message() const { return prefix_size_ > 0; }
  // The length in the prefix of the message that is being read, or was refused.
  std::uint32_t length() const { return length_; }

 private:
  Step read_prefix(std::string_view* input);

  std::size_t bytes_max_;
  char prefix_[kPrefixBytes] = {};
  std::size_t prefix_size_ = 0;
  std::uint32_t length_ = 0;
  std::uint32_t passed_ = 0;  // of the message that is handed out in pieces
  std::string buffer_;
  bool handed_out_ = false;  // the message in buffer_ has been returned
};

}  // namespace cairn::rpc
