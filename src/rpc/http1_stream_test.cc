// Answers over HTTP/1.1 that are streams.
#include <gtest/gtest.h>

#include <string>

#include "rpc/http1_session.h"
#include "rpc/rpc_fixture.h"

namespace cairn::rpc {
namespace {

const std::string kPiece = "3e8\r\n" + std::string(1000, 'c') + "\r\n";
constexpr std::string_view kLast = "0\r\n\r\n";

struct Http1Fixture : Session::Owner {
  explicit Http1Fixture(Limits with = {}) : limits(with), session(limits, handler, shares, *this, now) {}
  void wake() override { ++wakes; }
  void get(const std::string& target, const std::string& version = "1.1", const std::string& method = "GET") {
    session.receive(method + " " + target + " HTTP/" + version + "\r\nHost: a\r\n\r\n", now);
  }
  std::string collected() {
    std::string out;
    session.collect(&out, std::size_t{64} << 10);
    return out;
  }
  std::string all() {
    std::string out;
    for (int last = -1; last != wakes;) {
      last = wakes;
      out += collected();
    }
    return out;
  }
  Time now{std::chrono::hours(1000)};
  Limits limits;
  EchoHandler handler;
  Shares shares{limits, [] {}};
  int wakes = 0;
  Http1Session session;
};

Limits small_limits() {
  Limits limits;
  limits.stream_unsent_bytes_max = 3000;
  return limits;
}

TEST(Http1Stream, IsChunkedAndLeavesTheConnectionUsable) {
  ServerFixture f;
  RawClient client(f.io, f.port);
  client.send("GET /count/3 HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(client.wait_for(kLast));
  EXPECT_EQ(
      without_date(client.received()),
      "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n6\r\nfirst \r\n" +
          kPiece + kPiece + kPiece + std::string(kLast));
  EXPECT_EQ(f.handler.streams_open, 0);
  client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(client.wait_for("GET /next "));
}

TEST(Http1Stream, AProducerWaitsForItsClientAndIsToldOfRoom) {
  Http1Fixture f(small_limits());
  f.get("/count/100");
  EXPECT_EQ(f.handler.produced, 3u);
  EXPECT_GE(f.shares.unsent.bytes(), 3000u);
  f.get("/behind");
  EXPECT_EQ(f.handler.produced, 3u) << "nothing has left";
  std::string out = f.collected();
  EXPECT_EQ(f.handler.produced, 3u + 3u);
  out += f.all();
  EXPECT_EQ(f.handler.produced, 100u);
  EXPECT_LT(out.find(kLast), out.find("GET /behind")) << "pipelined, and served after it";
  EXPECT_EQ(f.shares.unsent.bytes(), 0u);
  EXPECT_EQ(f.shares.streams.open(), 0u);
}

// Keeps what it is asked, and whoever waits for it.
struct Waiting : EchoHandler {
  struct Told final : Producer {
    explicit Told(bool* what) : gone(what) {}
    ~Told() override { *gone = true; }
    Told(const Told&) = delete;
    Told& operator=(const Told&) = delete;
    bool* gone;
  };
  void on_http(std::shared_ptr<HttpCall> asked) override {
    call = std::move(asked);
    call->keep(std::make_unique<Told>(&gone));
  }
  std::shared_ptr<HttpCall> call;
  bool gone = false;
};

TEST(Http1Stream, WhoWaitsForAnAnswerHearsThatTheClientHasGone) {
  Waiting handler;
  const Limits limits;
  Shares shares{limits, [] {}};
  Http1Fixture owner;
  auto session = std::make_unique<Http1Session>(limits, handler, shares, owner, owner.now);
  session->receive("GET /a HTTP/1.1\r\nHost: a\r\n\r\n", owner.now);
  EXPECT_FALSE(handler.gone);
  session.reset();
  EXPECT_TRUE(handler.gone);
  EXPECT_TRUE(handler.call->cancelled());
}

TEST(Http1Stream, WhoWaitsForAnAnswerIsNotDestroyedInTheMiddleOfIt) {
  Waiting handler;
  const Limits limits;
  Shares shares{limits, [] {}};
  Http1Fixture owner;
  Http1Session session(limits, handler, shares, owner, owner.now);
  session.receive("GET /a HTTP/1.1\r\nHost: a\r\n\r\n", owner.now);
  handler.call->respond({.status = 200, .headers = {}, .body = "x"});
  EXPECT_FALSE(handler.gone) << "it may be who answers";
  std::string out;
  session.collect(&out, 1000);
  EXPECT_TRUE(handler.gone);
}

TEST(Http1Stream, LongWorkHasATurnAfterTheOther) {
  struct Turns final : Producer {
    Turns(std::shared_ptr<HttpCall> of, int* had) : call(std::move(of)), turns(had) {}
    void on_room() override {
      if (++*turns == 3) return call->finish();
      call->ask_turn();  // nothing has come of it yet
    }
    std::shared_ptr<HttpCall> call;
    int* turns;
  };
  struct Working : EchoHandler {
    void on_http(std::shared_ptr<HttpCall> call) override {
      call->respond({.status = 200, .headers = {}, .body = ""}, std::make_unique<Turns>(call, &turns));
      call->ask_turn();
    }
    int turns = 0;
  };
  Working handler;
  const Limits limits;
  Shares shares{limits, [] {}};
  Http1Fixture owner;
  Http1Session session(limits, handler, shares, owner, owner.now);
  session.receive("GET /a HTTP/1.1\r\nHost: a\r\n\r\n", owner.now);
  EXPECT_EQ(handler.turns, 0) << "not within the call";
  std::string out;
  for (int turn = 1; turn <= 3; ++turn) {
    const int wakes = owner.wakes;
    session.collect(&out, 1000);
    EXPECT_EQ(handler.turns, turn);
    EXPECT_GT(owner.wakes, wakes);
  }
  session.collect(&out, 1000);
  EXPECT_TRUE(out.ends_with(kLast));
}

TEST(Http1Stream, ToHttp10TheEndOfTheConnectionIsTheEndOfTheBody) {
  ServerFixture f;
  RawClient client(f.io, f.port);
  client.send("GET /count/2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  ASSERT_TRUE(client.wait_closed());
  EXPECT_EQ(without_date(client.received()),
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\nfirst " +
                std::string(2000, 'c'));
}

TEST(Http1Stream, HasNoBodyToHead) {
  Http1Fixture f;
  f.get("/count/3", "1.1", "HEAD");
  EXPECT_EQ(f.handler.streams_open, 0);
  EXPECT_TRUE(f.all().ends_with("transfer-encoding: chunked\r\n\r\n"));
  f.get("/next");
  EXPECT_NE(f.all().find("GET /next "), std::string::npos);
}

TEST(Http1Stream, EndsWithItsClient) {
  ServerFixture f(small_limits());
  {
    RawClient client(f.io, f.port);
    client.send("GET /count/1000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(client.wait_for(kPiece));
    EXPECT_EQ(f.handler.streams_open, 1);
  }
  EXPECT_TRUE(run_until(f.io, [&] { return f.handler.streams_open == 0 && f.server.connections() == 0; }));
  EXPECT_LT(f.handler.produced, 1000000u);
}

TEST(Http1Stream, ADrainingServerLetsItEnd) {
  Http1Fixture f(small_limits());
  f.get("/count/10");
  f.session.drain(f.now);
  EXPECT_FALSE(f.session.finished());
  EXPECT_TRUE(f.all().ends_with(kLast));
  EXPECT_TRUE(f.session.finished());
}

TEST(Http1Stream, IsIdleForAsLongAsItLikes) {
  Http1Fixture f(small_limits());
  f.get("/count/100");
  f.now += 100 * f.limits.idle_timeout;
  f.session.check_time(f.now);
  EXPECT_FALSE(f.session.finished());
}

struct Nothing final : Producer {};

TEST(Http1Stream, WhoSendsWithoutAskingForRoomIsCutOff) {
  Limits limits;
  limits.stream_out_bytes_max = 3000;
  Http1Fixture f(limits);
  f.get("/hold");
  const auto call = f.handler.held_http[0];
  call->respond({200, {}, ""}, std::make_unique<Nothing>());
  f.collected();
  for (int i = 0; i < 3; ++i) call->send(std::string(999, 'x'));
  EXPECT_TRUE(call->cancelled());
  EXPECT_EQ(f.all(), "");
  EXPECT_TRUE(f.session.finished()) << "the end without the last chunk says that something is missing";
}

TEST(Http1Stream, LettingGoOfItBeforeItsEndClosesTheConnection) {
  Http1Fixture f;
  f.get("/hold");
  f.handler.held_http[0]->respond({200, {}, "x"}, std::make_unique<Nothing>());
  f.handler.held_http.clear();
  EXPECT_FALSE(f.all().ends_with(kLast));
  EXPECT_TRUE(f.session.finished());
}

TEST(Http1Stream, AServerHasSoManyOpen) {
  Limits limits;
  limits.open_streams_max = 0;
  Http1Fixture f(limits);
  f.get("/count/3");
  EXPECT_TRUE(f.all().starts_with("HTTP/1.1 429 ")) << "nothing of it was begun";
  EXPECT_EQ(f.handler.produced, 0u);
  EXPECT_EQ(f.handler.streams_open, 0);
}

}  // namespace
}  // namespace cairn::rpc
