// Streams over HTTP/2, without a socket: producers wait for room, handlers make clients wait, nobody is
// starved.
#include <gtest/gtest.h>

#include <string>

#include "rpc/http2_fixture.h"

namespace cairn::rpc {
namespace {

constexpr std::size_t kAnswerBytes = 1005;  // what Count sends at a time, with its prefix
constexpr std::string_view kCancel("\0\0\0\x08", 4);

std::string big_endian(std::uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(number >> shift));
  return bytes;
}

// A client that gives its streams no window until it says so; the connection has enough of it.
struct Stalled : SessionFixture {
  explicit Stalled(Limits with = {}) : SessionFixture(with) {
    feed(frame(settings, 0, 0, std::string("\0\4", 2) + big_endian(0)));
    window(0, 1 << 30);
    drained();
    feed(frame(settings, 1, 0, ""));  // it has seen ours, which count from here on
  }
  void window(std::uint32_t stream, std::uint32_t bytes) {
    feed(frame(window_update, 0, stream, big_endian(bytes)));
  }
  void count(std::uint32_t stream, const std::string& messages) {
    open(stream, "/test.Echo/Count");
    feed(frame(data, 0, stream, message(messages)));
  }
};

Limits small_limits() {
  Limits limits;
  limits.stream_unsent_bytes_max = 3000;
  return limits;
}

TEST(Stream, AProducerWaitsForItsClientAndIsToldOfRoom) {
  Stalled f(small_limits());
  f.count(1, "100");
  EXPECT_EQ(f.handler.produced, 3u) << "the third goes beyond the limit";
  f.drained();
  EXPECT_EQ(f.handler.produced, 3u);
  f.window(1, kAnswerBytes);
  EXPECT_EQ(f.drained().of_type[data].size(), kAnswerBytes);
  EXPECT_EQ(f.handler.produced, 3u) << "more than half of the limit is unsent";
  f.window(1, kAnswerBytes);
  f.drained();
  EXPECT_EQ(f.handler.produced, 5u);
  f.window(1, 1 << 20);
  EXPECT_EQ(f.drained().of_type[data].size(), 98 * kAnswerBytes);
  EXPECT_EQ(f.handler.produced, 100u);
  EXPECT_EQ(f.shares.unsent.bytes(), 0u);
  EXPECT_EQ(f.handler.streams_open, 1);
}

// Both sums, one at a time: streams share them, and yet who has nothing unsent may send.
TEST(Stream, WhoReadsIsNotStarvedByThoseWhoDoNot) {
  for (std::size_t Limits::*const sum :
       {&Limits::connection_unsent_bytes_max, &Limits::server_unsent_bytes_max}) {
    Limits limits = small_limits();
    limits.*sum = 5000;
    Stalled f(limits);
    f.count(1, "100");
    EXPECT_EQ(f.handler.produced, 3u);
    f.count(3, "100");
    EXPECT_EQ(f.handler.produced, 5u) << "the sum is reached";
    f.count(5, "100");
    EXPECT_EQ(f.handler.produced, 6u) << "one message, whatever the sum";
    EXPECT_EQ(f.shares.unsent.bytes(), 6 * kAnswerBytes);
    f.window(5, 1 << 20);
    EXPECT_EQ(f.drained().of_type[data].size(), 100 * kAnswerBytes);
    EXPECT_EQ(f.handler.produced, 5u + 100u);
  }
}

TEST(Stream, TheServersSumIsThatOfAllItsConnections) {
  Limits limits = small_limits();
  limits.server_unsent_bytes_max = 1000;
  Stalled f(limits);
  UnsentBytes of_another(limits.connection_unsent_bytes_max, &f.shares.unsent);
  Outflow other(limits, of_another);
  other.set(1000);
  f.count(1, "100");
  EXPECT_EQ(f.handler.produced, 1u);
}

TEST(Stream, WhatIsNotTakenIsNotAskedFor) {
  Limits limits = small_limits();
  limits.stream_window_bytes = 1000;
  Stalled f(limits);
  const std::string one = std::string(94, '0') + "1";  // a hundred bytes with its prefix
  f.count(1, "4");
  for (int i = 0; i < 9; ++i) f.feed(frame(data, 0, 1, message(one)));
  EXPECT_EQ(f.handler.taken.size(), 1u) << "paused: it has four to send, and room for three";
  EXPECT_EQ(f.drained().count[window_update], 0);
  EXPECT_GE(f.shares.requests.bytes(), 900u) << "counted with what arrives";
  f.window(1, 1 << 20);
  const Frames out = f.drained();
  EXPECT_EQ(out.of_type[data].size(), (4 + 9) * kAnswerBytes);
  EXPECT_GE(out.count[window_update], 1);
  EXPECT_EQ(f.handler.taken.size(), 10u);
  EXPECT_LT(f.shares.requests.bytes(), 100u);
}

TEST(Stream, AClientThatSendsBeyondItsWindowIsReset) {
  Limits limits = small_limits();
  limits.stream_window_bytes = 1000;
  Stalled f(limits);
  f.count(1, "4");
  for (int i = 0; i < 11; ++i) f.feed(frame(data, 0, 1, message(std::string(95, '0'))));
  const Frames out = f.drained();
  EXPECT_EQ(out.count[reset] + out.count[goaway], 1);
  EXPECT_EQ(f.session.open_calls(), 0u);
  EXPECT_EQ(f.handler.taken.size(), 1u);
}

TEST(Stream, WhatAllHandlersLeaveUntakenIsBounded) {
  Limits limits = small_limits();
  limits.arriving_request_bytes_max = 20000;
  Stalled f(limits);
  f.count(1, "4");
  f.count(3, "4");
  const std::string large = message(std::string(9000, '0'));
  f.feed(frame(data, 0, 1, large));
  EXPECT_EQ(f.session.open_calls(), 2u);
  f.feed(frame(data, 0, 3, large));
  f.feed(frame(data, 0, 3, large));
  f.window(3, 1 << 20);
  f.drained();
  EXPECT_EQ(f.session.open_calls(), 1u) << "the second was refused";
  EXPECT_LT(f.shares.requests.bytes(), 20000u);
}

TEST(Stream, TheEndOfTheClientsMessagesComesAfterThem) {
  Stalled f(small_limits());
  f.count(1, "4");
  f.feed(frame(data, 0, 1, message("2")));
  f.feed(frame(data, kEndStream, 1, ""));
  EXPECT_EQ(f.handler.taken.size(), 1u);
  f.window(1, 1 << 20);
  const Frames out = f.drained();
  EXPECT_EQ(out.of_type[data].size(), 6 * kAnswerBytes);
  EXPECT_EQ(out.count[headers], 2) << "and trailers";
  EXPECT_EQ(f.session.open_calls(), 0u);
}

TEST(Stream, AMessageThatBreaksOffIsSeenBehindThoseThatWaited) {
  Stalled f(small_limits());
  f.count(1, "4");
  f.feed(frame(data, 0, 1, message("2") + message("3").substr(0, 3)));
  f.feed(frame(data, kEndStream, 1, ""));
  f.window(1, 1 << 20);
  f.drained();
  ASSERT_EQ(f.handler.ends.size(), 1u);
  EXPECT_EQ(f.handler.ends[0], "/test.Echo/Count 13 in 2 out 6000");
}

TEST(Stream, ACancelledOneGivesEverythingBack) {
  Stalled f(small_limits());
  f.count(1, "100");
  f.feed(frame(data, 0, 1, message(std::string(500, '0')) + "\0"));
  f.open(3, "/test.Echo/Keep");
  EXPECT_EQ(f.shares.streams.open(), 2u);
  f.feed(frame(reset, 0, 1, kCancel));
  f.feed(frame(reset, 0, 3, kCancel));
  EXPECT_EQ(f.shares.streams.open(), 0u) << "though the handler has kept the call";
  EXPECT_EQ(f.shares.unsent.bytes(), 0u);
  EXPECT_EQ(f.shares.requests.bytes(), 0u);
  EXPECT_EQ(f.handler.streams_open, 0);
  GrpcCall& kept = *f.handler.held[0];
  EXPECT_TRUE(kept.cancelled());
  kept.pause();
  kept.resume();
  kept.send("", "x");
  EXPECT_TRUE(kept.has_room());
  EXPECT_EQ(f.drained().count[data], 0);
}

TEST(Stream, AServerHasSoManyOpen) {
  Limits limits;
  limits.open_streams_max = 2;
  SessionFixture f(limits);
  f.open(1, "/test.Echo/Stream");
  f.open(3, "/test.Echo/Stream");
  f.open(5, "/test.Echo/Stream");
  f.open(7, "/test.Echo/Hold");
  EXPECT_EQ(f.handler.streams_open, 2);
  EXPECT_EQ(f.drained().count[headers], 1) << "refused; a unary call is no stream";
  f.feed(frame(reset, 0, 1, kCancel));
  f.open(9, "/test.Echo/Stream");
  EXPECT_EQ(f.handler.streams_open, 2);
  EXPECT_EQ(f.drained().count[headers], 0);
}

TEST(Stream, HasNoRoomWhileALongMessageIsUnderWay) {
  SessionFixture f;
  f.open(1, "/test.Echo/Keep");
  GrpcCall& call = *f.handler.held[0];
  call.send("", std::make_unique<Pattern>(200'000, 1, &f.handler.long_seen));
  EXPECT_FALSE(call.has_room());
  f.feed(frame(window_update, 0, 0, big_endian(1 << 20)) + frame(window_update, 0, 1, big_endian(1 << 20)));
  std::string arrived;
  for (int turns = 0; turns < 100 && f.turn_asked; ++turns) {
    f.turn_asked = false;
    f.shares.long_replies.turn();
    arrived += f.drained().of_type[data];
  }
  EXPECT_EQ(arrived.size(), 200'000 + kPrefixBytes);
  EXPECT_TRUE(call.has_room());
  call.send("", "after it");
  EXPECT_EQ(f.drained().of_type[data], message("after it"));
}

TEST(Http2, AnUnknownMethodIsRefusedOnItsHeaders) {
  for (const std::string_view path : {"/test.Echo/None", "/none/None", "/none"}) {
    SessionFixture f;
    f.drained();
    f.open(1, path);
    const Frames out = f.drained();
    EXPECT_EQ(out.count[headers], 1) << path;
    EXPECT_EQ(out.of_type[reset], std::string(4, '\0')) << "the client need not send its message";
    EXPECT_EQ(f.session.open_calls(), 0u);
    EXPECT_TRUE(f.handler.ends.empty()) << "a call that nobody got";
  }
}

TEST(Method, IsRefusedInGrpcGosWords) {
  EXPECT_EQ(unknown_method("/a.B/C", true), "unknown method C for service a.B");
  EXPECT_EQ(unknown_method("/a.B/C", false), "unknown service a.B");
  EXPECT_EQ(unknown_method("/a/b/C", false), "unknown service a/b");
  EXPECT_EQ(unknown_method("/C", true), "malformed method name: \"/C\"");
  EXPECT_EQ(unknown_method("a/C", true), "malformed method name: \"a/C\"");
}

}  // namespace
}  // namespace cairn::rpc
