// For the tests of HTTP/2: frames written and read by hand, and a session without a socket.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "rpc/http2_session.h"
#include "rpc/rpc_fixture.h"

namespace cairn::rpc {

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
enum FrameType : std::uint8_t {
  data = 0,
  headers = 1,
  reset = 3,
  settings = 4,
  ping = 6,
  goaway = 7,
  window_update = 8,
  continuation = 9
};
inline constexpr int kEndStream = 1, kEndHeaders = 4;

inline std::string frame(FrameType type, int flags, std::uint32_t stream, std::string_view payload) {
  std::string bytes;
  for (int shift = 16; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(payload.size() >> shift));
  bytes.push_back(static_cast<char>(type));
  bytes.push_back(static_cast<char>(flags));
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(stream >> shift));
  return bytes.append(payload);
}

inline std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}

inline std::string grant(std::uint32_t stream, std::uint32_t bytes) {
  return frame(window_update, 0, stream, big_endian(bytes));
}

inline std::string initial_window(std::uint32_t bytes) {
  return frame(settings, 0, 0, std::string("\0\4", 2) + big_endian(bytes));
}

inline std::string literal(std::string_view name,
                           std::string_view value) {  // HPACK, never indexed, not compressed
  std::string field(1, '\x10');
  field.push_back(static_cast<char>(name.size()));
  field.append(name);
  field.push_back(static_cast<char>(value.size()));
  return field.append(value);
}

inline std::string request_headers(std::string_view path, std::string_view method = "POST",
                                   std::string_view content_type = "application/grpc") {
  return literal(":method", method) + literal(":scheme", "http") + literal(":path", path) +
         literal(":authority", "a") + literal("content-type", content_type) + literal("te", "trailers");
}

inline std::string message(std::string_view text) {
  std::string bytes;
  append_message(&bytes, "", text);
  return bytes;
}

struct Frames {
  int count[256] = {};
  std::string of_type[256];  // payloads, one after the other
};

inline Frames split(std::string_view bytes) {
  Frames found;
  const auto at = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i]));
  };
  while (bytes.size() >= 9) {
    const std::size_t size = (at(0) << 16) | (at(1) << 8) | at(2);
    ++found.count[at(3)];
    found.of_type[at(3)].append(bytes.substr(9, size));
    bytes.remove_prefix(9 + size);
  }
  EXPECT_TRUE(bytes.empty());
  return found;
}

struct SessionFixture : Session::Owner {
  explicit SessionFixture(Limits with = {}) : limits(with), session(limits, handler, shares, *this, now) {
    feed(std::string(kPreface) + frame(settings, 0, 0, ""));
  }
  void wake() override {}
  void feed(std::string_view bytes) { session.receive(bytes, now); }
  Frames drained() {
    std::string out, part;
    do {
      part.clear();
      session.collect(&part, std::size_t{64} << 10);
      out += part;
    } while (!part.empty());
    return split(out);
  }
  void open(std::uint32_t stream, std::string_view path) {
    feed(frame(headers, kEndHeaders, stream, request_headers(path)));
  }
  Time now{std::chrono::hours(1000)};
  Limits limits;
  EchoHandler handler;
  bool turn_asked = false;
  Shares shares{limits, [this] { turn_asked = true; }};
  Http2Session session;
};

}  // namespace cairn::rpc
