// Replies that are made while they are sent: whole whatever the windows, in turns, within limits, and gone at
// once when nobody wants them any more.
#include "rpc/long_replies.h"

#include "rpc/client.h"
#include "rpc/http2_fixture.h"

namespace cairn::rpc {
namespace {

using namespace std::chrono_literals;

constexpr char kEnhanceYourCalm = 11;
constexpr std::size_t kInitialWindow = 65535;

std::string expected(std::size_t size) { return message("head" + Pattern::whole(size)); }

struct LongFixture : SessionFixture {
  explicit LongFixture(std::size_t bytes, Limits with = {}) : SessionFixture(with) {
    handler.long_bytes = bytes;
  }
  void ask(std::uint32_t stream) {
    open(stream, "/test.Echo/Long");
    feed(frame(data, kEndStream, stream, message("")));
  }
  // What the loop does: turns as long as they are asked for, and everything sent that may be.
  std::string run() {
    std::string out;
    for (std::size_t before = 1; turn_asked || out.size() != before;) {
      before = out.size();
      if (std::exchange(turn_asked, false)) shares.long_replies.turn();
      session.collect(&out, out.size() + (std::size_t{64} << 10));
    }
    return out;
  }
};

// The DATA payloads of one stream.
std::string data_of(std::string_view bytes, std::uint32_t stream) {
  std::string found;
  const auto at = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i]));
  };
  while (bytes.size() >= 9) {
    const std::size_t size = (at(0) << 16) | (at(1) << 8) | at(2);
    if (at(3) == data && at(8) == stream) found.append(bytes.substr(9, size));
    bytes.remove_prefix(9 + size);
  }
  return found;
}

TEST(LongReply, OneThatTurnsOutSmallIsSentAtOnce) {
  LongFixture f(1000);
  f.ask(1);
  EXPECT_FALSE(f.turn_asked);
  EXPECT_EQ(f.handler.long_seen.alive, 0);
  const Frames out = f.drained();
  EXPECT_EQ(out.of_type[data], expected(1000));
  EXPECT_EQ(out.count[headers], 2);
  EXPECT_EQ(f.handler.ends.at(0), "/test.Echo/Long 0 in 0 out 1004");
}

TEST(LongReply, IsWholeWhateverTheWindow) {
  for (const std::uint32_t window : {1u, 7u, 100u, 9999u}) {
    Limits limits;
    limits.long_reply_piece_bytes = 1000;
    limits.window_update_burst = 50000;  // a window of a byte is a flood otherwise
    LongFixture f(20000, limits);
    f.handler.long_measures = 5;
    f.feed(initial_window(window));
    f.ask(1);
    std::string out = f.run();
    while (f.session.open_calls() > 0 && !f.session.finished()) {
      f.feed(grant(1, window));
      out += f.run();
      ASSERT_LE(f.handler.long_seen.read_bytes, data_of(out, 1).size() + 1000)
          << "made before it could be sent";
    }
    EXPECT_EQ(data_of(out, 1), expected(20000)) << window;
    EXPECT_EQ(f.handler.long_seen.measures, 5);
    EXPECT_LE(f.handler.long_seen.largest_read, 1000u);
    EXPECT_EQ(f.shares.long_replies.open(), 0u);
    EXPECT_EQ(f.handler.ends.at(0), "/test.Echo/Long 0 in 0 out 20004");
  }
}

TEST(LongReply, TwoTakeTurns) {
  Limits limits;
  limits.long_reply_piece_bytes = 1000;
  LongFixture f(10000, limits);
  f.ask(1);
  f.ask(3);
  std::string out;
  std::vector<std::size_t> lead;  // of the first over the second, after every turn
  while (std::exchange(f.turn_asked, false)) {
    const std::size_t turns = f.handler.turns.size();
    f.shares.long_replies.turn();
    EXPECT_EQ(f.handler.turns.size(), turns + 1) << "one reply a turn";
    f.session.collect(&out, out.size() + 100000);
    lead.push_back(data_of(out, 1).size() - data_of(out, 3).size());
  }
  EXPECT_GE(lead.size(), 20u);
  for (const std::size_t bytes : lead) EXPECT_LE(bytes, 1010u);
  out += f.run();
  EXPECT_EQ(data_of(out, 1), expected(10000));
  EXPECT_EQ(data_of(out, 3), expected(10000));
  for (const std::size_t bytes : f.handler.turns) EXPECT_LE(bytes, 1000u);
}

TEST(LongReply, LetsGoOfItsDataAsSoonAsTheClientCancels) {
  LongFixture f(1 << 20);
  f.ask(1);
  f.run();
  EXPECT_EQ(f.handler.long_seen.alive, 1);
  f.feed(frame(reset, 0, 1, big_endian(8)));
  EXPECT_EQ(f.handler.long_seen.alive, 0) << "although the handler still has the call";
  EXPECT_EQ(f.shares.long_replies.open(), 0u);
  EXPECT_EQ(f.handler.ends.at(0).substr(0, 17), "/test.Echo/Long 1") << "cancelled";
  f.run();
}

TEST(LongReply, LetsGoOfItsDataWhenTheConnectionIsLost) {
  Limits limits;
  EchoHandler handler;
  handler.long_bytes = 1 << 20;
  Shares shares(limits, [] {});
  struct Silent : Session::Owner {
    void wake() override {}
  } owner;
  {
    Http2Session session(limits, handler, shares, owner, Time{});
    session.receive(std::string(kPreface) + frame(settings, 0, 0, "") +
                        frame(headers, kEndHeaders, 1, request_headers("/test.Echo/Long")) +
                        frame(data, kEndStream, 1, message("")),
                    Time{});
    EXPECT_EQ(shares.long_replies.open(), 1u);
    EXPECT_EQ(handler.long_seen.alive, 1);
  }
  EXPECT_EQ(shares.long_replies.open(), 0u);
  EXPECT_EQ(handler.long_seen.alive, 0);
  shares.long_replies.turn();  // nobody is left to have one
}

TEST(LongReply, BeyondTheLimitsIsRefused) {
  for (const bool of_connection : {true, false}) {
    Limits limits;
    (of_connection ? limits.long_replies_per_connection_max : limits.long_replies_max) = 2;
    LongFixture f(1 << 20, limits);
    f.ask(1);
    f.ask(3);
    f.run();
    f.ask(5);
    f.run();
    ASSERT_EQ(f.handler.ends.size(), 1u);
    EXPECT_EQ(f.handler.ends[0].substr(0, 17), "/test.Echo/Long 8");
    EXPECT_EQ(f.handler.long_seen.alive, 2);
    f.feed(frame(reset, 0, 1, big_endian(8)));
    f.ask(7);
    EXPECT_EQ(f.handler.long_seen.alive, 2) << "a place was free again";
  }
}

TEST(LongReply, AReaderThatStallsIsCut) {
  Limits limits;
  LongFixture f(1 << 20, limits);
  f.ask(1);
  EXPECT_EQ(data_of(f.run(), 1).size(), kInitialWindow);
  const Time began = f.now;
  for (; f.now - began <= limits.long_reply_timeout; f.now += 1s) {
    f.session.check_time(f.now);
    ASSERT_EQ(f.handler.long_seen.alive, 1);
  }
  f.now += 1s;
  f.session.check_time(f.now);
  EXPECT_EQ(f.handler.long_seen.alive, 0);
  EXPECT_EQ(f.shares.long_replies.open(), 0u);
  const Frames out = split(f.run());
  EXPECT_EQ(out.count[reset], 1);
  EXPECT_EQ(out.of_type[reset].back(), kEnhanceYourCalm);
  EXPECT_EQ(f.handler.ends.at(0).substr(0, 17), "/test.Echo/Long 8");
}

TEST(LongReply, AReaderThatHasTakenNothingYetHasTheWholeTimeToBegin) {
  LongFixture f(1 << 20);
  f.feed(initial_window(0));
  f.ask(1);
  EXPECT_EQ(data_of(f.run(), 1), "");
  f.session.check_time(f.now);
  f.session.check_time(f.now + f.limits.long_reply_timeout);
  EXPECT_EQ(f.handler.long_seen.alive, 1);
  f.session.check_time(f.now + f.limits.long_reply_timeout + 1s);
  EXPECT_EQ(f.handler.long_seen.alive, 0);
}

TEST(LongReply, AReaderThatTricklesIsCutAndOneThatKeepsUpIsNot) {
  Limits limits;
  limits.long_reply_bytes_per_second_min = 1000;
  for (const std::uint32_t rate : {500u, 1100u}) {
    LongFixture f(1 << 20, limits);
    f.feed(grant(0, 1 << 30));
    f.feed(initial_window(1));
    f.ask(1);
    f.run();
    const Time began = f.now;
    for (; f.handler.long_seen.alive == 1 && f.now - began < 300s; f.now += 1s) {
      f.feed(grant(1, rate));
      f.run();
      f.session.check_time(f.now);
    }
    if (rate < 1000)
      EXPECT_LT(f.now - began, 65s) << "30 s are given, and 30 s more for what was taken in 60";
    else
      EXPECT_EQ(f.now - began, 300s);
  }
}

TEST(LongReply, WithoutAMinimalRateAReaderMayTrickle) {
  Limits limits;
  limits.long_reply_bytes_per_second_min = 0;
  LongFixture f(1 << 20, limits);
  f.feed(grant(0, 1 << 30));
  f.feed(initial_window(1));
  f.ask(1);
  f.run();
  for (int i = 0; i < 300; ++i) {
    f.feed(grant(1, 1));
    f.run();
    f.session.check_time(f.now += 1s);
  }
  EXPECT_EQ(f.handler.long_seen.alive, 1);
}

TEST(LongReply, ASlowServerCutsNobody) {
  LongFixture f(1 << 20);
  f.handler.long_measures = 1000;
  f.ask(1);
  for (int i = 0; i < 100; ++i) {
    f.now += 1s;
    f.session.check_time(f.now);
  }
  EXPECT_EQ(f.handler.long_seen.alive, 1) << "it has not had a turn for a long time";
}

TEST(LongReply, ARefusalSaysWhatIsWrong) {
  ServerFixture large;
  large.handler.long_bytes = std::size_t{1} << 31;
  GrpcClient client(large.io, "127.0.0.1", large.port);
  const GrpcResult refused = call_and_wait(large.io, client, "/test.Echo/Long", "");
  EXPECT_EQ(refused.code, Code::resource_exhausted);
  EXPECT_EQ(refused.status_message,
            "grpc: trying to send message larger than max (2147483652 vs. 2147483647)");
  EXPECT_EQ(large.handler.long_seen.alive, 0);
  EXPECT_EQ(large.handler.long_seen.reads, 0);

  Limits limits;
  limits.long_replies_max = 0;
  ServerFixture busy(limits);
  busy.handler.long_bytes = 1 << 20;
  GrpcClient other(busy.io, "127.0.0.1", busy.port);
  EXPECT_EQ(call_and_wait(busy.io, other, "/test.Echo/Long", "").status_message,
            "etcdserver: too many requests");
}

TEST(LongReply, OthersAreServedMeanwhile) {
  ServerFixture server;
  server.handler.long_bytes = std::size_t{64} << 20;
  server.handler.long_measures = 50;
  GrpcClient lists(server.io, "127.0.0.1", server.port);
  GrpcClient others(server.io, "127.0.0.1", server.port);
  bool listed = false;
  std::size_t received = 0;
  lists.call("/test.Echo/Long", "", [&](const GrpcReply& reply) {
    EXPECT_EQ(reply.code, Code::ok) << reply.status_message;
    received = reply.message.size();
    listed = true;
  });
  int served = 0;
  std::function<void()> again = [&] {
    others.call("/test.Echo/Unary", "x", [&](const GrpcReply& reply) {
      EXPECT_EQ(reply.code, Code::ok);
      if (listed) return;
      ++served;
      again();
    });
  };
  again();
  ASSERT_TRUE(run_until(server.io, [&] { return listed && others.open_calls() == 0; }));
  EXPECT_EQ(received, 4 + server.handler.long_bytes);
  EXPECT_GT(served, 100);
  EXPECT_GE(server.handler.turns.size(), 1000u);
}

}  // namespace
}  // namespace cairn::rpc
