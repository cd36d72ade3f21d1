#include <gtest/gtest.h>

#include <string>

#include "rpc/rpc_fixture.h"

namespace cairn::rpc {
namespace {

using namespace std::chrono_literals;

int count_of(std::string_view text, std::string_view part) {
  int count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

TEST(Http1, AnswersAGetAndKeepsTheConnection) {
  ServerFixture f;
  RawClient client(f.io, f.port);
  client.send("GET /v1/kv/a%2Fb?x=1 HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(client.wait_for("GET /v1/kv/a%2Fb?x=1 "));
  EXPECT_TRUE(client.received().starts_with("HTTP/1.1 200 OK\r\n")) << client.received();
  EXPECT_EQ(client.received().find("connection: close"), std::string::npos);
  client.send("PUT /second HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
  ASSERT_TRUE(client.wait_for("PUT /second body"));
  EXPECT_EQ(f.server.connections(), 1u);
}

TEST(Http1, AcceptsBytesOneByOne) {
  ServerFixture f;
  RawClient client(f.io, f.port);
  const std::string request =
      "PRI /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";  // begins like HTTP/2
  for (const char c : request) {
    client.send({&c, 1});
    client.pump();
    f.io.restart();
    f.io.poll();
  }
  EXPECT_TRUE(client.wait_for("PRI /x abc")) << client.received();
}

TEST(Http1, HeaderNamesArriveInLowerCase) {
  ServerFixture f;
  RawClient client(f.io, f.port);
  client.send("GET /hold HTTP/1.1\r\nHost: a\r\nX-Some-Name: Value\r\n\r\n");
  ASSERT_TRUE(run_until(f.io, [&] { return client.pump() && f.handler.held_http.size() == 1; }));
  const Headers& headers = f.handler.held_http[0]->request().headers;
  ASSERT_EQ(headers.size(), 2u);
  EXPECT_EQ(headers[1], (std::pair<std::string, std::string>("x-some-name", "Value")));
}

TEST(Http1, PipelinedRequestsAreAnsweredOneAtATimeInOrder) {
  ServerFixture f;
  RawClient client(f.io, f.port);
  client.send(
      "GET /hold HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: "
      "a\r\n\r\n");
  ASSERT_TRUE(run_until(f.io, [&] { return client.pump() && f.handler.held_http.size() == 1; }));
  f.io.restart();
  f.io.poll();
  EXPECT_EQ(f.handler.http_calls, 1);
  f.handler.held_http[0]->respond({200, {}, "the first"});
  ASSERT_TRUE(client.wait_for("GET /3 "));
  EXPECT_LT(client.received().find("the first"), client.received().find("GET /2 "));
  EXPECT_LT(client.received().find("GET /2 "), client.received().find("GET /3 "));
}

TEST(Http1, ReadsAChunkedBody) {
  ServerFixture f;
  RawClient client(f.io, f.port);
  client.send("POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  client.pump();
  client.send("2\r\nde\r\n0\r\n\r\n");
  EXPECT_TRUE(client.wait_for("POST /c abcde")) << client.received();
}

TEST(Http1, AsksForTheBodyOfAnExpectation) {
  ServerFixture f;
  RawClient client(f.io, f.port);
  client.send("PUT /e HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n");
  ASSERT_TRUE(client.wait_for("HTTP/1.1 100 Continue\r\n\r\n"));
  EXPECT_EQ(f.handler.http_calls, 0);
  client.send("ok");
  ASSERT_TRUE(client.wait_for("PUT /e ok"));
  EXPECT_EQ(count_of(client.received(), "100 Continue"), 1);
}

TEST(Http1, AnswersHeadWithoutABody) {
  ServerFixture f;
  RawClient client(f.io, f.port);
  client.send("HEAD /h HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(client.wait_for("GET /next "));
  EXPECT_EQ(client.received().find("HEAD /h"), std::string::npos);
  EXPECT_NE(client.received().find("content-length: 8\r\n"), std::string::npos) << client.received();
}

TEST(Http1, RefusesABodyOverTheLimitBeforeItArrives) {
  Limits limits;
  limits.http_body_bytes_max = 100;
  ServerFixture f(limits);
  for (const char* request : {"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n",
                              "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n65\r\nx"}) {
    RawClient client(f.io, f.port);
    client.send(request);
    ASSERT_TRUE(client.wait_for("\"status\":413")) << client.received();
    client.stop_sending();
    EXPECT_TRUE(client.wait_closed());
  }
  EXPECT_EQ(f.handler.http_calls, 0);
}

TEST(Http1, RefusesAHeaderOverTheLimit) {
  Limits limits;
  limits.header_bytes_max = 500;
  ServerFixture f(limits);
  RawClient client(f.io, f.port);
  client.send("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(600, 'x'));
  EXPECT_TRUE(client.wait_for("HTTP/1.1 431 ")) << client.received();
}

TEST(Http1, AnswersGarbageWith400AndAProblemDocument) {
  ServerFixture f;
  for (const char* garbage : {"\x16\x03\x01\x02", "hello\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/3.0\r\n\r\n",
                              "GET / HTTP/1.1\r\nbroken header\r\n\r\n",
                              "PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "PRI * HTTP/2.1\r\n\r\n"}) {
    RawClient client(f.io, f.port);
    client.send(garbage);
    ASSERT_TRUE(client.wait_for("\"status\":400")) << garbage << client.received();
    EXPECT_TRUE(client.received().starts_with("HTTP/1.1 400 Bad Request\r\n"));
    EXPECT_NE(client.received().find("content-type: application/problem+json\r\n"), std::string::npos);
    client.stop_sending();
    EXPECT_TRUE(client.wait_closed());
  }
  EXPECT_EQ(f.handler.http_calls, 0);
  EXPECT_TRUE(run_until(f.io, [&] { return f.server.connections() == 0; }));
}

TEST(Http1, ClosesWhenTheClientAsksForIt) {
  ServerFixture f;
  RawClient close(f.io, f.port);
  close.send("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(close.wait_closed());
  EXPECT_NE(close.received().find("GET /a "), std::string::npos);
  RawClient old(f.io, f.port);
  old.send("GET /b HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(old.wait_closed());
  EXPECT_NE(old.received().find("GET /b "), std::string::npos);
}

TEST(Http1, ACallDroppedUnansweredClosesTheConnection) {
  ServerFixture f;
  RawClient client(f.io, f.port);
  client.send("GET /drop HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(client.wait_closed());
  EXPECT_EQ(client.received(), "");
}

TEST(Http1, ACallMayBeAnsweredAfterItsClientHasGone) {
  ServerFixture f;
  RawClient client(f.io, f.port);
  client.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(run_until(f.io, [&] { return client.pump() && f.handler.held_http.size() == 1; }));
  client.close();
  ASSERT_TRUE(run_until(f.io, [&] { return f.server.connections() == 0; }));
  f.handler.held_http[0]->respond({});
}

TEST(Http1, AHeaderCannotSmuggleInAnother) {
  ServerFixture f;
  RawClient client(f.io, f.port);
  client.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(run_until(f.io, [&] { return client.pump() && f.handler.held_http.size() == 1; }));
  f.handler.held_http[0]->respond({200, {{"x", "1\r\nset-cookie: 2"}, {"y", "3"}}, "end"});
  ASSERT_TRUE(client.wait_for("end"));
  EXPECT_EQ(client.received().find("set-cookie"), std::string::npos);
  EXPECT_NE(client.received().find("y: 3\r\n"), std::string::npos);
}

TEST(Http1, DrainClosesIdleConnectionsAndLetsARequestEnd) {
  ServerFixture f;
  RawClient idle(f.io, f.port);
  idle.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(idle.wait_for("GET /a "));
  RawClient busy(f.io, f.port);
  busy.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(run_until(f.io, [&] { return busy.pump() && f.handler.held_http.size() == 1; }));
  f.server.drain();
  EXPECT_TRUE(idle.wait_closed());
  EXPECT_FALSE(busy.closed());
  f.handler.held_http[0]->respond({200, {}, "in time"});
  EXPECT_TRUE(busy.wait_closed());
  EXPECT_NE(busy.received().find("in time"), std::string::npos);
  EXPECT_NE(busy.received().find("connection: close"), std::string::npos);
}

TEST(Timeouts, ASilentConnectionIsClosed) {
  Limits limits;
  limits.preface_timeout = 40ms;
  ServerFixture f(limits);
  RawClient silent(f.io, f.port);
  RawClient half(f.io, f.port);
  half.send("PRI * HT");
  EXPECT_TRUE(silent.wait_closed());
  EXPECT_TRUE(half.wait_closed());
}

TEST(Timeouts, ASlowRequestHeaderIsRefused) {
  Limits limits;
  limits.header_timeout = 40ms;
  ServerFixture f(limits);
  RawClient client(f.io, f.port);
  client.send("GET / HTTP/1.1\r\nHost:");
  EXPECT_TRUE(client.wait_for("HTTP/1.1 408 ")) << client.received();
}

TEST(Timeouts, AnIdleConnectionIsClosedAndABusyOneIsNot) {
  Limits limits;
  limits.idle_timeout = 40ms;
  ServerFixture f(limits);
  RawClient busy(f.io, f.port);
  busy.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(run_until(f.io, [&] { return busy.pump() && f.handler.held_http.size() == 1; }));
  RawClient idle(f.io, f.port);
  idle.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(idle.wait_closed());
  EXPECT_FALSE(busy.closed());
}

TEST(Timeouts, AClientThatDoesNotReadIsCutOff) {
  Limits limits;
  limits.write_timeout = 40ms;
  ServerFixture f(limits);
  RawClient client(f.io, f.port);
  client.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(run_until(f.io, [&] { return client.pump() && f.handler.held_http.size() == 1; }));
  f.handler.held_http[0]->respond({200, {}, std::string(64 << 20, 'x')});
  EXPECT_TRUE(run_until(
      f.io, [&] { return f.server.connections() == 0; }));  // the client is not pumped: reads nothing
}

TEST(Connections, BeyondTheLimitTheyWaitForAPlace) {
  Limits limits;
  limits.connections_max = 2;
  ServerFixture f(limits);
  auto first = std::make_unique<RawClient>(f.io, f.port);
  RawClient second(f.io, f.port);
  RawClient third(f.io, f.port);
  first->send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
  second.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  third.send("GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
  third.pump();
  ASSERT_TRUE(first->wait_for("GET /1 "));
  ASSERT_TRUE(second.wait_for("GET /2 "));
  f.io.restart();
  f.io.poll();
  EXPECT_EQ(f.server.connections(), 2u);
  EXPECT_EQ(third.received(), "");
  first.reset();
  EXPECT_TRUE(third.wait_for("GET /3 "));
}

TEST(Http1, ABodyThatTheServerHasNoMemoryForIsRefused) {
  Limits limits;
  limits.arriving_request_bytes_max = 10000;
  ServerFixture f(limits);
  for (int i = 0; i < 3; ++i) {  // nothing stays behind
    RawClient small(f.io, f.port);
    small.send("POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 5000\r\n\r\n" + std::string(5000, 'x'));
    EXPECT_TRUE(small.wait_for("200 OK")) << small.received();
    RawClient large(f.io, f.port);
    large.send("POST /b HTTP/1.1\r\nhost: a\r\ncontent-length: 50000\r\n\r\n" + std::string(50000, 'x'));
    EXPECT_TRUE(large.wait_for("\"status\":429")) << large.received();
    EXPECT_NE(large.received().find("etcdserver: too many requests"), std::string::npos);
  }
  EXPECT_EQ(f.handler.http_calls, 3);
}

}  // namespace
}  // namespace cairn::rpc
