// Both sides: what a busy client sends is no flood, however much of it there is; what costs us more than its
// sender ends the connection.
#include "rpc/flood_guard.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <string>

#include "rpc/http2_fixture.h"

namespace cairn::rpc {
namespace {

constexpr FrameType kPriority{2};
constexpr int kPadded = 8, kAck = 1;
constexpr int kMany = 5000;
const std::string kPing = frame(ping, 0, 0, "12345678");

std::string cancel(std::uint32_t stream) { return frame(reset, 0, stream, big_endian(NGHTTP2_CANCEL)); }
std::string message_frame(std::uint32_t stream, std::string_view text, int flags = 0) {
  return frame(data, flags, stream, message(text));
}

void expect_alive(SessionFixture* f, std::uint32_t stream) {
  f->open(stream, "/test.Echo/Unary");
  f->feed(message_frame(stream, "alive", kEndStream));
  EXPECT_EQ(f->drained().of_type[data], message("alive"));
  EXPECT_FALSE(f->session.finished());
}

void expect_calmed(SessionFixture* f) {
  const Frames out = f->drained();
  EXPECT_TRUE(f->session.finished());
  ASSERT_EQ(out.count[goaway], 1);
  EXPECT_EQ(out.of_type[goaway].substr(4, 4), big_endian(NGHTTP2_ENHANCE_YOUR_CALM));
}

// grpc-go measures the bandwidth with a ping a round trip: a list of 60 MB takes hundreds of them, and one
// answer.
TEST(FloodGuard, AReaderMayPingAndGiveWindowForEveryFrameItReads) {
  SessionFixture f;
  f.open(1, "/test.Echo/Stream");
  for (int i = 0; i < kMany && !f.session.finished(); ++i) {
    f.feed(message_frame(1, "event"));
    EXPECT_EQ(f.drained().count[data], 1);
    f.feed(kPing + grant(0, 5) + grant(1, 5));
  }
  expect_alive(&f, 3);
}

TEST(FloodGuard, AllCallsThatMayBeOpenCanBeCancelledAtOnce) {
  SessionFixture f;
  const auto calls = static_cast<std::uint32_t>(f.limits.streams_per_connection_max);
  for (std::uint32_t i = 0; i < calls; ++i) f.open(2 * i + 1, "/test.Echo/Stream");
  std::string cancels;
  for (std::uint32_t i = 0; i < calls; ++i) cancels += cancel(2 * i + 1);
  f.feed(cancels);
  EXPECT_EQ(f.session.open_calls(), 0u);
  f.drained();
  expect_alive(&f, 2 * calls + 1);
}

TEST(FloodGuard, WhoIsAnsweredMayCancel) {  // a watch that is created, read and given up
  SessionFixture f;
  std::uint32_t id = 1;
  for (int i = 0; i < kMany && !f.session.finished(); ++i, id += 2) {
    f.open(id, "/test.Echo/Stream");
    f.feed(message_frame(id, "event"));
    f.drained();
    f.feed(cancel(id));
  }
  expect_alive(&f, id);
}

TEST(FloodGuard, WhoIsNeverAnsweredMayNot) {
  SessionFixture f;
  std::uint32_t id = 1;
  for (; id < 2 * kMany && !f.session.finished(); id += 2) {
    f.open(id, "/test.Echo/Stream");
    f.feed(cancel(id));
  }
  expect_calmed(&f);
  EXPECT_LE(id / 2, static_cast<std::uint32_t>(f.limits.reset_burst) + 1);
}

TEST(FloodGuard, WindowsGivenForNothingEndTheConnection) {
  for (const std::uint32_t stream : {0U, 1U, 3U}) {  // the connection's, of a closed stream, of an open one
    SessionFixture f;
    expect_alive(&f, 1);
    f.open(3, "/test.Echo/Stream");
    int sent = 0;
    for (; sent < kMany && !f.session.finished(); ++sent) f.feed(grant(stream, 1));
    expect_calmed(&f);
    EXPECT_LE(sent, f.limits.window_update_burst + 1) << stream;
  }
}

// CVE-2019-9511: a long answer that is taken byte by byte costs a frame for each.
TEST(FloodGuard, ADribbledWindowEndsTheConnection) {
  SessionFixture f;
  f.feed(initial_window(0));
  f.open(1, "/test.Echo/Unary");
  f.feed(message_frame(1, std::string(100'000, 'x'), kEndStream));
  int sent = 0;
  for (; sent < kMany && !f.session.finished(); ++sent) {
    f.feed(grant(1, 1));
    if (!f.session.finished()) f.drained();
  }
  EXPECT_LE(sent, f.limits.window_update_burst + 1);
}

TEST(FloodGuard, FramesThatCarryNothingEndTheConnection) {
  const std::string empty(1, '\0');
  for (const std::string& nothing :
       {kPing, frame(ping, kAck, 0, "12345678"), frame(settings, 0, 0, ""),
        frame(kPriority, 0, 1, big_endian(0) + "x"), frame(data, 0, 1, ""), frame(data, kPadded, 1, empty)}) {
    SessionFixture f;
    f.open(1, "/test.Echo/Stream");
    f.drained();
    int sent = 0;
    for (; sent < kMany && !f.session.finished(); ++sent) {
      f.feed(nothing);
      if (!f.session.finished() && sent % 50 == 0) f.drained();  // the client reads what it caused
    }
    f.drained();
    EXPECT_TRUE(f.session.finished()) << static_cast<int>(nothing[3]);
    EXPECT_LE(sent, f.limits.control_frame_burst + 1) << static_cast<int>(nothing[3]);
  }
}

// HPACK bomb: a byte may stand for a field of 4 KiB. Beyond the limit fields are counted, no more read.
TEST(FloodGuard, FieldsBeyondTheLimitAreNotLookedAt) {
  SessionFixture f;
  f.drained();
  std::string block = request_headers("/test.Echo/Unary");
  for (std::size_t bytes = 0; bytes < f.limits.header_bytes_max; bytes += 100)
    block += literal("a", std::string(100, 'v'));
  ASSERT_LT(block.size(), std::size_t{1} << 15);
  f.feed(frame(headers, kEndStream, 1, block.substr(0, 16000)));
  f.feed(frame(continuation, kEndHeaders, 1, block.substr(16000) + literal("A NAME THAT IS NONE", "x")));
  const Frames out = f.drained();
  EXPECT_EQ(out.count[reset], 0) << "refused as malformed: the last field was read";
  EXPECT_EQ(out.count[headers], 1) << "the refusal";
  EXPECT_EQ(f.handler.unary_calls, 0);
}

TEST(FloodGuard, TrailersCountAsHeadersDo) {
  SessionFixture f;
  f.open(1, "/test.Echo/Unary");
  f.feed(message_frame(1, "x"));
  std::string block;
  for (int i = 0; i < 150; ++i) block += literal("a", std::string(100, 'v'));
  f.feed(frame(headers, kEndHeaders | kEndStream, 1, block));
  EXPECT_EQ(f.drained().count[reset], 1);
  EXPECT_EQ(f.handler.unary_calls, 0);
}

}  // namespace
}  // namespace cairn::rpc
