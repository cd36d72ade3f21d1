// Limits that only a client who means harm or is broken meets: each at a small value of its own. Up to it
// nothing happens, beyond it the connection or the call ends.
#include <gtest/gtest.h>

#include <string>

#include "rpc/http1_session.h"
#include "rpc/http2_fixture.h"

namespace cairn::rpc {
namespace {

using namespace std::chrono_literals;

void reset_a_stream(SessionFixture* f, std::uint32_t id) {
  f->open(id, "/test.Echo/Stream");
  f->feed(frame(reset, 0, id, std::string_view("\0\0\0\x08", 4)));
  f->drained();
}

TEST(RpcLimits, SoManyResetsAtOnce) {
  Limits limits;
  limits.reset_burst = 3;
  limits.resets_per_second = 1;
  SessionFixture f(limits);
  std::uint32_t id = 1;
  for (int i = 0; i < 3; ++i, id += 2) reset_a_stream(&f, id);
  EXPECT_FALSE(f.session.finished());
  for (int i = 0; i < 2; ++i, id += 2) reset_a_stream(&f, id);
  EXPECT_TRUE(f.session.finished());
}

TEST(RpcLimits, ControlFramesAreCountedAndForgottenAtTheirRate) {
  Limits limits;
  limits.control_frame_burst = 4;
  limits.control_frames_per_second = 2;
  SessionFixture f(limits);
  const auto pings = [&f](int count) {
    for (int i = 0; i < count; ++i) f.feed(frame(ping, 0, 0, "12345678"));
    f.drained();
  };
  f.now += 10s;  // the fixture's own SETTINGS is one
  pings(4);
  EXPECT_FALSE(f.session.finished());
  f.now += 1s;
  pings(2);
  EXPECT_FALSE(f.session.finished()) << "two have come back";
  pings(1);
  EXPECT_TRUE(f.session.finished());
}

TEST(RpcLimits, SoManyWindowUpdatesForNothing) {
  Limits limits;
  limits.window_update_burst = 3;
  SessionFixture f(limits);
  const std::string update = frame(window_update, 0, 0, std::string_view("\0\0\0\1", 4));
  for (int i = 0; i < 3; ++i) f.feed(update);
  f.drained();
  EXPECT_FALSE(f.session.finished());
  f.feed(update);
  f.drained();
  EXPECT_TRUE(f.session.finished());
}

TEST(RpcLimits, AcksThatTheClientDoesNotReadEndTheConnection) {
  Limits limits;
  limits.outbound_acks_max = 3;
  for (const int unread : {2, 20}) {
    SessionFixture f(limits);
    f.drained();
    for (int i = 0; i < unread; ++i) f.feed(frame(ping, 0, 0, "12345678"));
    f.drained();
    EXPECT_EQ(f.session.finished(), unread == 20) << unread;
  }
}

TEST(RpcLimits, ASettingsFrameHasSoManyEntries) {
  Limits limits;
  limits.settings_entries_max = 2;
  const std::string entry("\0\5\0\0\x40\0", 6);  // the largest frame: 16 KiB
  for (const int entries : {2, 3}) {
    SessionFixture f(limits);
    std::string payload;
    for (int i = 0; i < entries; ++i) payload += entry;
    f.feed(frame(settings, 0, 0, payload));
    f.drained();
    EXPECT_EQ(f.session.finished(), entries == 3) << entries;
  }
}

TEST(RpcLimits, AHeaderBlockHasSoManyContinuations) {
  Limits limits;
  limits.continuations_max = 2;
  for (const int continuations : {2, 4}) {
    SessionFixture f(limits);
    f.feed(frame(headers, 0, 1, request_headers("/test.Echo/Stream")));
    for (int i = 1; i <= continuations; ++i)
      f.feed(frame(continuation, i == continuations ? kEndHeaders : 0, 1, literal("a", "b")));
    EXPECT_EQ(f.session.finished(), continuations == 4) << continuations;
  }
}

TEST(RpcLimits, ARequestMayTakeAsLongAsItsRateAllows) {
  Limits limits;
  limits.header_timeout = 5s;
  limits.request_bytes_per_second_min = 10;
  SessionFixture f(limits);
  f.open(1, "/test.Echo/Unary");
  f.feed(frame(data, 0, 1, message(std::string(200, 'x')).substr(0, 100)));
  f.drained();
  f.now += 5s + 10s;  // its header, and a hundred bytes
  f.session.check_time(f.now);
  EXPECT_EQ(f.session.open_calls(), 1U);
  f.now += 1s;
  f.session.check_time(f.now);
  EXPECT_EQ(f.drained().count[headers], 1);
  EXPECT_EQ(f.session.open_calls(), 0U);
}

TEST(RpcLimits, WithoutAMinimalRateARequestMayTakeAsLongAsItLikes) {
  struct Owner final : Session::Owner {
    void wake() override {}
  } owner;
  Limits limits;
  limits.request_bytes_per_second_min = limits.long_reply_bytes_per_second_min = 0;
  SessionFixture f(limits);
  f.open(1, "/test.Echo/Unary");
  f.feed(frame(data, 0, 1, message(std::string(200, 'x')).substr(0, 100)));
  f.drained();
  f.now += 24h * 365;
  f.session.check_time(f.now);
  EXPECT_EQ(f.session.open_calls(), 1U);
  EchoHandler handler;
  Shares shares(limits, [] {});
  Http1Session http1(limits, handler, shares, owner, f.now);
  http1.receive("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc", f.now);
  http1.check_time(f.now + 24h * 365);
  std::string out;
  http1.collect(&out, 1000);
  EXPECT_EQ(out, "");
}

TEST(RpcLimits, ADrainingServerWaitsSoLongForTheClientToNotice) {
  Limits limits;
  limits.drain_notice = 3s;
  SessionFixture f(limits);
  f.drained();
  f.session.drain(f.now);
  EXPECT_EQ(f.drained().count[goaway], 1) << "the announcement";
  f.now += 3s - 1ms;
  f.session.check_time(f.now);
  EXPECT_EQ(f.drained().count[goaway], 0);
  EXPECT_FALSE(f.session.finished());
  f.now += 1ms;
  f.session.check_time(f.now);
  EXPECT_EQ(f.drained().count[goaway], 1) << "the last word";
  EXPECT_TRUE(f.session.finished());
}

TEST(RpcLimits, BehindAnHttp1RequestInProgressSoMuchMayWait) {
  struct Owner final : Session::Owner {
    void wake() override {}
  } owner;
  Limits limits;
  limits.http1_waiting_bytes_max = 100;
  EchoHandler handler;
  Shares shares(limits, [] {});
  const Time now{std::chrono::hours(1000)};
  Http1Session session(limits, handler, shares, owner, now);
  session.receive("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n", now);
  EXPECT_TRUE(session.wants_input());
  session.receive(std::string(99, 'x'), now);
  EXPECT_TRUE(session.wants_input());
  session.receive("x", now);
  EXPECT_FALSE(session.wants_input());
}

TEST(RpcLimits, ForTheLastAnswerOfAConnectionTheServerLingers) {
  Limits limits;
  limits.linger_timeout = 1ms;
  limits.check_interval_min = limits.check_interval_max = 1ms;
  ServerFixture f(limits);
  RawClient client(f.io, f.port);
  client.send("GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(client.wait_for("GET /last"));
  // The client neither closes nor reads on: the server waits no longer than that for it.
  EXPECT_TRUE(run_until(f.io, [&f] { return f.server.connections() == 0; }));
}

}  // namespace
}  // namespace cairn::rpc
