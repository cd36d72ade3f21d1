#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "rpc/client.h"
#include "rpc/rpc_fixture.h"

namespace cairn::rpc {
namespace {

using namespace std::chrono_literals;

struct Ended {
  bool done = false;
  Code code = Code::unknown;
  std::string status_message;
};

GrpcDone note(Ended& ended) {
  return [&ended](const GrpcReply& reply) { ended = {true, reply.code, std::string(reply.status_message)}; };
}

TEST(Grpc, AnswersAUnaryCall) {
  ServerFixture f;
  GrpcClient client(f.io, "127.0.0.1", f.port);
  const GrpcResult result = call_and_wait(f.io, client, "/test.Echo/Unary", "hello");
  EXPECT_EQ(result.code, Code::ok) << result.status_message;
  EXPECT_EQ(result.message, "hello");
}

TEST(Grpc, AnEmptyMessageIsAMessage) {
  ServerFixture f;
  GrpcClient client(f.io, "127.0.0.1", f.port);
  const GrpcResult result = call_and_wait(f.io, client, "/test.Echo/Unary", "");
  EXPECT_EQ(result.code, Code::ok) << result.status_message;
  EXPECT_EQ(f.handler.unary_calls, 1);
}

// Buffers of one byte, windows of a few: everything arrives, only in more steps.
TEST(Grpc, TheSmallestLimitsCarryEveryMessage) {
  Limits limits;
  limits.input_bytes = limits.write_bytes_max = limits.kept_out_bytes = limits.kept_sent_bytes = 1;
  limits.stream_window_bytes = 1;
  limits.connection_window_bytes = 1;
  limits.streams_per_connection_max = 1;
  limits.connections_max = 1;
  limits.long_reply_piece_bytes = 1;
  GrpcClient::Options options;
  options.input_bytes = options.write_bytes_max = 1;
  options.stream_window_bytes = 1;
  options.connection_window_bytes = 1;
  options.streams_max = 1;
  ServerFixture f(limits);
  GrpcClient client(f.io, "127.0.0.1", f.port, options);
  for (const std::size_t size : {0, 1, 2, 300}) {
    const GrpcResult result = call_and_wait(f.io, client, "/test.Echo/Unary", std::string(size, 'x'));
    EXPECT_EQ(result.code, Code::ok) << result.status_message;
    EXPECT_EQ(result.message, std::string(size, 'x'));
  }
}

TEST(Grpc, AMessageBeyondTheClientsLimitEndsTheCall) {
  ServerFixture f;
  GrpcClient::Options options;
  options.message_bytes_max = 1;
  GrpcClient client(f.io, "127.0.0.1", f.port, options);
  EXPECT_EQ(call_and_wait(f.io, client, "/test.Echo/Unary", "x").code, Code::ok);
  EXPECT_EQ(call_and_wait(f.io, client, "/test.Echo/Unary", "xx").code, Code::cancelled);
}

// A message of Count is 1,005 bytes.
TEST(Grpc, AClientThatGrantsNoWindowsIsOneThatReadsNothing) {
  for (const bool grants : {true, false}) {
    ServerFixture f;
    GrpcClient::Options options;
    options.stream_window_bytes = 3000;
    options.grants_windows = grants;
    GrpcClient client(f.io, "127.0.0.1", f.port, options);
    int received = 0;
    const auto stream = client.open_stream(
        "/test.Echo/Count", {}, [&](std::string_view) { ++received; }, [](const GrpcReply&) {});
    client.write(stream, "100");
    const int expected = grants ? 100 : 2;
    EXPECT_TRUE(run_until(f.io, [&] { return received == expected; }));
    EXPECT_EQ(call_and_wait(f.io, client, "/test.Echo/Unary", "x").message, "x") << "other calls go on";
    EXPECT_EQ(received, expected);
  }
}

TEST(Grpc, ListensOnIpv6) {
  boost::asio::io_context io;
  EchoHandler handler;
  Server server(io, {}, handler);
  const auto port = server.listen("::1", 0);
  if (!port) GTEST_SKIP() << "no IPv6 here: " << port.error().message;
  GrpcClient client(io, "::1", *port);
  EXPECT_EQ(call_and_wait(io, client, "/test.Echo/Unary", "six").message, "six");
}

TEST(Grpc, CarriesMessagesOfTheLargestSizeBothWays) {
  ServerFixture f;
  GrpcClient client(f.io, "127.0.0.1", f.port);
  std::string big(Limits{}.message_bytes_max, 'x');
  big[big.size() / 2] = 'y';
  const GrpcResult result = call_and_wait(f.io, client, "/test.Echo/Unary", big);
  EXPECT_EQ(result.code, Code::ok) << result.status_message;
  EXPECT_TRUE(result.message == big);
}

TEST(Grpc, RefusesAMessageOverTheLimitInGrpcGosWords) {
  Limits limits;
  limits.message_bytes_max = 1000;
  ServerFixture f(limits);
  GrpcClient client(f.io, "127.0.0.1", f.port);
  const GrpcResult result = call_and_wait(f.io, client, "/test.Echo/Unary", std::string(1001, 'x'));
  EXPECT_EQ(result.code, Code::resource_exhausted);
  EXPECT_EQ(result.status_message, "grpc: received message larger than max (1001 vs. 1000)");
  EXPECT_EQ(f.handler.unary_calls, 0);
  EXPECT_EQ(call_and_wait(f.io, client, "/test.Echo/Unary", std::string(1000, 'x')).code, Code::ok);
}

TEST(Grpc, SendsAnErrorWithItsMessage) {
  ServerFixture f;
  GrpcClient client(f.io, "127.0.0.1", f.port);
  const std::string text = "100% wrong: \xc3\xa9\n";
  const GrpcResult result = call_and_wait(f.io, client, "/test.Echo/Fail", text);
  EXPECT_EQ(result.code, Code::failed_precondition);
  EXPECT_EQ(result.status_message, text);
}

TEST(Grpc, RefusesAPathThatNamesNoMethod) {
  ServerFixture f;
  GrpcClient client(f.io, "127.0.0.1", f.port);
  const GrpcResult result = call_and_wait(f.io, client, "/nothing", "");
  EXPECT_EQ(result.code, Code::unimplemented);
  EXPECT_EQ(result.status_message, "malformed method name: \"/nothing\"");
  EXPECT_EQ(call_and_wait(f.io, client, "/test.Echo/None", "").code, Code::unimplemented);
}

TEST(Grpc, HandsOutMetadataAndDeadline) {
  ServerFixture f;
  std::string token, absent;
  std::optional<Time> deadline;
  f.handler.observe = [&](GrpcCall& call) {
    token = call.metadata("token");
    absent = call.metadata("none");
    deadline = call.deadline();
  };
  GrpcClient client(f.io, "127.0.0.1", f.port);
  const Time before = std::chrono::steady_clock::now();
  ASSERT_EQ(call_and_wait(f.io, client, "/test.Echo/Unary", "x", {{"token", "secret"}}, 7s).code, Code::ok);
  EXPECT_EQ(token, "secret");
  EXPECT_EQ(absent, "");
  ASSERT_TRUE(deadline.has_value());
  EXPECT_GE(*deadline, before + 7s);
  EXPECT_LE(*deadline, std::chrono::steady_clock::now() + 7s);
}

TEST(Grpc, RefusesHeadersOverTheLimit) {
  Limits limits;
  limits.header_bytes_max = 2000;
  ServerFixture f(limits);
  GrpcClient client(f.io, "127.0.0.1", f.port);
  const GrpcResult result = call_and_wait(f.io, client, "/test.Echo/Unary", "x",
                                          {{"a", std::string(1500, 'a')}, {"b", std::string(500, 'b')}});
  EXPECT_EQ(result.code, Code::resource_exhausted);
  EXPECT_EQ(f.handler.unary_calls, 0);
  EXPECT_EQ(call_and_wait(f.io, client, "/test.Echo/Unary", "x").code, Code::ok);
}

TEST(Grpc, AnswersManyCallsOnManyConnections) {
  ServerFixture f;
  std::vector<std::unique_ptr<GrpcClient>> clients;
  constexpr int kConnections = 5, kCalls = 3000;  // more than may be open at once
  int answered = 0;
  for (int c = 0; c < kConnections; ++c) {
    clients.push_back(std::make_unique<GrpcClient>(f.io, "127.0.0.1", f.port));
    for (int i = 0; i < kCalls; ++i) {
      const std::string text = std::to_string(c) + "-" + std::to_string(i);
      clients.back()->call("/test.Echo/Unary", text, [&answered, text](const GrpcReply& reply) {
        EXPECT_EQ(reply.code, Code::ok);
        EXPECT_EQ(reply.message, text);
        ++answered;
      });
    }
  }
  EXPECT_TRUE(run_until(f.io, [&] { return answered == kConnections * kCalls; })) << answered;
  EXPECT_EQ(f.server.connections(), static_cast<std::size_t>(kConnections));
}

TEST(Grpc, ALateAnswerReachesItsCall) {
  ServerFixture f;
  GrpcClient client(f.io, "127.0.0.1", f.port);
  std::string first, second;
  client.call("/test.Echo/Hold", "1", [&](const GrpcReply& reply) { first = reply.message; });
  client.call("/test.Echo/Hold", "2", [&](const GrpcReply& reply) { second = reply.message; });
  ASSERT_TRUE(run_until(f.io, [&] { return f.handler.held.size() == 2; }));
  f.handler.held[1]->send("he", "ad2");
  f.handler.held[1]->finish(Code::ok, "");
  ASSERT_TRUE(run_until(f.io, [&] { return second == "head2"; }));
  EXPECT_EQ(first, "");
  f.handler.held[0]->send("", "one");
  f.handler.held[0]->finish(Code::ok, "");
  EXPECT_TRUE(run_until(f.io, [&] { return first == "one"; }));
}

TEST(Grpc, ACallOutlivesItsConnection) {
  ServerFixture f;
  auto client = std::make_unique<GrpcClient>(f.io, "127.0.0.1", f.port);
  client->call("/test.Echo/Hold", "1", [](const GrpcReply&) {});
  ASSERT_TRUE(run_until(f.io, [&] { return f.handler.held.size() == 1; }));
  EXPECT_FALSE(f.handler.held[0]->cancelled());
  client.reset();
  ASSERT_TRUE(run_until(f.io, [&] { return f.handler.held[0]->cancelled(); }));
  EXPECT_EQ(f.handler.held[0]->method(), "/test.Echo/Hold");
  f.handler.held[0]->send("", "nobody listens");
  f.handler.held[0]->finish(Code::ok, "");
  EXPECT_TRUE(run_until(f.io, [&] { return f.server.connections() == 0; }));
}

TEST(Grpc, ACancelledCallLeavesTheOthersAlone) {
  ServerFixture f;
  GrpcClient client(f.io, "127.0.0.1", f.port);
  Ended ended;
  const auto id = client.open_stream(
      "/test.Echo/Keep", {}, [](std::string_view) {}, note(ended));
  ASSERT_TRUE(run_until(f.io, [&] { return f.handler.streams_open == 1; }));
  client.cancel(id);
  ASSERT_TRUE(run_until(f.io, [&] { return f.handler.streams_open == 0 && ended.done; }));
  EXPECT_TRUE(f.handler.held[0]->cancelled());
  EXPECT_EQ(ended.code, Code::cancelled);
  EXPECT_EQ(call_and_wait(f.io, client, "/test.Echo/Unary", "still here").message, "still here");
}

TEST(Grpc, AStreamCarriesMessagesBothWaysUntilBothSidesEnd) {
  ServerFixture f;
  GrpcClient client(f.io, "127.0.0.1", f.port);
  std::vector<std::string> received;
  Ended ended;
  const auto id = client.open_stream(
      "/test.Echo/Stream", {}, [&](std::string_view message) { received.emplace_back(message); },
      note(ended));
  std::vector<std::string> sent;
  for (std::size_t i = 0; i < 50; ++i) {
    sent.push_back(std::string(i * 997, static_cast<char>('a' + i % 26)));
    client.write(id, sent.back());
  }
  ASSERT_TRUE(run_until(f.io, [&] { return received.size() == sent.size(); }));
  EXPECT_TRUE(received == sent);
  EXPECT_FALSE(ended.done);
  client.write(id, "last");
  client.half_close(id);
  ASSERT_TRUE(run_until(f.io, [&] { return ended.done; }));
  EXPECT_EQ(ended.code, Code::ok);
  EXPECT_EQ(received.back(), "last");
  EXPECT_TRUE(run_until(f.io, [&] { return f.handler.streams_open == 0; }));
}

TEST(Grpc, TheServerMayEndAStreamFirst) {
  ServerFixture f;
  GrpcClient client(f.io, "127.0.0.1", f.port);
  Ended ended;
  std::string received;
  client.open_stream(
      "/test.Echo/Keep", {}, [&](std::string_view message) { received = message; }, note(ended));
  ASSERT_TRUE(run_until(f.io, [&] { return f.handler.held.size() == 1; }));
  f.handler.held[0]->send("", "bye");
  f.handler.held[0]->finish(Code::unavailable, "going away");
  ASSERT_TRUE(run_until(f.io, [&] { return ended.done; }));
  EXPECT_EQ(received, "bye");
  EXPECT_EQ(ended.code, Code::unavailable);
  EXPECT_EQ(ended.status_message, "going away");
  EXPECT_TRUE(run_until(f.io, [&] { return f.handler.streams_open == 0; }));
}

// A handler that takes nothing makes the client keep what it writes; one that reads on gets all of it.
TEST(Grpc, AHandlerThatPausesThrottlesTheClient) {
  Limits limits;
  limits.stream_window_bytes = 64 << 10;
  ServerFixture f(limits);
  GrpcClient client(f.io, "127.0.0.1", f.port);
  std::size_t received = 0;
  const auto id = client.open_stream(
      "/test.Echo/Keep", {}, [&](std::string_view message) { received += message.size(); },
      [](const GrpcReply&) {});
  ASSERT_TRUE(run_until(f.io, [&] { return f.handler.held.size() == 1; }));
  f.handler.held[0]->pause();
  const std::string message(1000, 'x');
  for (int i = 0; i < 1000; ++i) client.write(id, message);
  ASSERT_TRUE(run_until(f.io, [&] { return client.unsent_bytes(id) <= 1005 * 1000 - (64 << 10); }));
  ASSERT_EQ(call_and_wait(f.io, client, "/test.Echo/Unary", "x").code, Code::ok) << "others are not held up";
  EXPECT_EQ(client.unsent_bytes(id), 1005 * 1000 - (64 << 10));
  EXPECT_EQ(received, 0u);
  f.handler.held[0]->resume();
  EXPECT_TRUE(run_until(f.io, [&] { return received == 1000 * 1000; }));
  EXPECT_EQ(client.unsent_bytes(id), 0u);
}

TEST(Grpc, AStreamWhoseClientDoesNotReadIsCutOffAtTheLimit) {
  Limits limits;
  limits.stream_out_bytes_max = 8 << 20;
  ServerFixture f(limits);
  GrpcClient client(f.io, "127.0.0.1", f.port);
  Ended ended;
  client.open_stream(
      "/test.Echo/Keep", {}, [](std::string_view) {}, note(ended));
  ASSERT_TRUE(run_until(f.io, [&] { return f.handler.held.size() == 1; }));
  const auto call = f.handler.held[0];
  const std::string message(1 << 20, 'x');
  int sent = 0;
  for (; !call->cancelled() && sent < 100; ++sent)
    call->send("", message);  // the loop does not run: nothing leaves
  EXPECT_EQ(sent, 8);
  ASSERT_TRUE(run_until(f.io, [&] { return ended.done; }));
  EXPECT_NE(ended.code, Code::ok);
  EXPECT_EQ(f.handler.streams_open, 0);
}

TEST(Drain, LetsACallInProgressEndAndRefusesNewConnections) {
  ServerFixture f;
  GrpcClient busy(f.io, "127.0.0.1", f.port);
  GrpcClient idle(f.io, "127.0.0.1", f.port);
  ASSERT_EQ(call_and_wait(f.io, idle, "/test.Echo/Unary", "x").code, Code::ok);
  Ended ended;
  busy.call("/test.Echo/Hold", "1", note(ended));
  ASSERT_TRUE(run_until(f.io, [&] { return f.handler.held.size() == 1; }));
  f.server.drain();
  ASSERT_TRUE(run_until(f.io, [&] { return f.server.connections() == 1; }));
  GrpcClient late(f.io, "127.0.0.1", f.port);
  EXPECT_EQ(call_and_wait(f.io, late, "/test.Echo/Unary", "x").code, Code::unavailable);
  EXPECT_FALSE(ended.done);
  f.handler.held[0]->send("", "in time");
  f.handler.held[0]->finish(Code::ok, "");
  ASSERT_TRUE(run_until(f.io, [&] { return f.server.connections() == 0; }));
  ASSERT_TRUE(run_until(f.io, [&] { return ended.done; }));
  EXPECT_EQ(ended.code, Code::ok) << ended.status_message;
}

TEST(Close, EndsEverythingAtOnce) {
  ServerFixture f;
  GrpcClient client(f.io, "127.0.0.1", f.port);
  Ended ended;
  client.call("/test.Echo/Hold", "1", note(ended));
  ASSERT_TRUE(run_until(f.io, [&] { return f.handler.held.size() == 1; }));
  f.server.close();
  ASSERT_TRUE(run_until(f.io, [&] { return ended.done && f.server.connections() == 0; }));
  EXPECT_EQ(ended.code, Code::unavailable);
  EXPECT_TRUE(f.handler.held[0]->cancelled());
}

TEST(Close, MayBeCalledByAHandler) {
  ServerFixture f;
  f.handler.observe = [&](GrpcCall&) { f.server.close(); };
  GrpcClient client(f.io, "127.0.0.1", f.port);
  EXPECT_EQ(call_and_wait(f.io, client, "/test.Echo/Unary", "x").code, Code::unavailable);
  EXPECT_TRUE(run_until(f.io, [&] { return f.server.connections() == 0; }));
}

TEST(Listen, SaysThatThePortIsInUseAndWhatToDo) {
  ServerFixture f;
  Server second(f.io, {}, f.handler);
  const auto port = second.listen("127.0.0.1", f.port);
  ASSERT_FALSE(port.has_value());
  EXPECT_EQ(port.error().code, Code::unavailable);
  EXPECT_NE(port.error().message.find("in use"), std::string::npos) << port.error().message;
  EXPECT_EQ(second.listen("localhorst", 0).error().code, Code::invalid_argument);
}

TEST(Listen, ServesSeveralAddresses) {
  ServerFixture f;
  const auto second = f.server.listen("127.0.0.1", 0);
  ASSERT_TRUE(second.has_value());
  for (const std::uint16_t port : {f.port, *second}) {
    GrpcClient client(f.io, "127.0.0.1", port);
    EXPECT_EQ(call_and_wait(f.io, client, "/test.Echo/Unary", "x").message, "x");
  }
}

TEST(GrpcClient, SaysWhenNobodyListens) {
  boost::asio::io_context io;
  std::uint16_t port = 0;
  {
    ServerFixture f;
    port = f.port;
  }
  GrpcClient client(io, "127.0.0.1", port);
  const GrpcResult result = call_and_wait(io, client, "/test.Echo/Unary", "x");
  EXPECT_EQ(result.code, Code::unavailable);
  EXPECT_NE(result.status_message.find("cannot connect"), std::string::npos) << result.status_message;
}

TEST(GrpcClient, HandsOutAnAnswerInPiecesAndKeepsNothing) {
  ServerFixture f;
  GrpcClient client(f.io, "127.0.0.1", f.port);
  const std::string text(300'000, 'x');
  std::string received;
  std::size_t largest = 0;
  Ended ended;
  client.call_in_pieces(
      "/test.Echo/Unary", text,
      [&](std::string_view piece) {
        received.append(piece);
        largest = std::max(largest, piece.size());
      },
      [&](const GrpcReply& reply) {
        EXPECT_EQ(reply.message, "");
        ended = {true, reply.code, ""};
      });
  ASSERT_TRUE(run_until(f.io, [&] { return ended.done; }));
  EXPECT_EQ(ended.code, Code::ok);
  EXPECT_TRUE(received == text);
  EXPECT_LT(largest, text.size());
}

TEST(GrpcClient, ConnectsAgainAfterADisconnection) {
  ServerFixture f;
  GrpcClient client(f.io, "127.0.0.1", f.port);
  ASSERT_EQ(call_and_wait(f.io, client, "/test.Echo/Unary", "x").code, Code::ok);
  client.close();
  EXPECT_EQ(call_and_wait(f.io, client, "/test.Echo/Unary", "again").message, "again");
}

// It ends while the session writes the reset.
TEST(GrpcClient, MayBeClosedWhenACancelledCallEnds) {
  ServerFixture f;
  GrpcClient client(f.io, "127.0.0.1", f.port);
  ASSERT_EQ(call_and_wait(f.io, client, "/test.Echo/Unary", "x").code, Code::ok);
  int ended = 0;
  const auto closes = [&](const GrpcReply&) {
    ended += 1;
    client.close();
  };
  const auto id = client.open_stream(
      "/test.Echo/Bidi", {}, [](std::string_view) {}, closes);
  client.open_stream(
      "/test.Echo/Bidi", {}, [](std::string_view) {}, closes);
  client.cancel(id);
  EXPECT_TRUE(run_until(f.io, [&] { return ended == 2; }));
}

TEST(GrpcClient, MayBeUsedAndClosedFromItsCallbacks) {
  ServerFixture f;
  GrpcClient client(f.io, "127.0.0.1", f.port);
  std::string second;
  client.call("/test.Echo/Unary", "1", [&](const GrpcReply&) {
    client.close();
    client.call("/test.Echo/Unary", "2", [&](const GrpcReply& reply) { second = reply.message; });
  });
  EXPECT_TRUE(run_until(f.io, [&] { return second == "2"; }));
}

}  // namespace
}  // namespace cairn::rpc
