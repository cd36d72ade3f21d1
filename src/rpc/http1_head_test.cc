// Heads of requests that two readers could understand differently: RFC 9112, and what has been used to
// smuggle.
#include "rpc/http1_head.h"

#include <gtest/gtest.h>

#include "rpc/http_date.h"
#include "rpc/rpc_fixture.h"

namespace cairn::rpc {
namespace {

int verdict(const Http1Head& head) {
  const auto refused = check_head(head);
  return refused ? refused->status : 0;
}

int of_target(std::string_view target, std::string_view method = "GET") {
  const Headers headers = {{"host", "a"}};
  return verdict({.method = method, .target = target, .headers = headers});
}

int of_headers(Headers headers, unsigned version = 11) {
  headers.emplace_back("host", "a");
  return verdict({.method = "PUT", .target = "/", .version = version, .headers = headers});
}

TEST(Http1Head, HasOneHost) {
  const auto of = [](const Headers& headers, unsigned version) {
    return verdict({.method = "GET", .target = "/", .version = version, .headers = headers});
  };
  EXPECT_EQ(of({{"host", "a:80"}}, 11), 0);
  EXPECT_EQ(of({{"host", "[::1]:80"}}, 11), 0);
  EXPECT_EQ(of({{"host", ""}}, 11), 0);
  EXPECT_EQ(of({}, 11), 400);
  EXPECT_EQ(of({}, 10), 0);
  EXPECT_EQ(of({{"host", "a"}, {"host", "a"}}, 11), 400);
  EXPECT_EQ(of({{"host", "a"}, {"host", "b"}}, 10), 400);
  for (const char* const bad : {"a b", "a/b", "u@a", "a,b?", "a#b"})
    EXPECT_EQ(of({{"host", bad}}, 11), 400) << bad;
}

TEST(Http1Head, HasATargetThatIsAPath) {
  EXPECT_EQ(of_target("/a?b"), 0);
  EXPECT_EQ(of_target("//a"), 0);
  EXPECT_EQ(of_target("http://host:1/a"), 0);
  EXPECT_EQ(of_target("HTTP://host"), 0);
  EXPECT_EQ(of_target("*", "OPTIONS"), 0);
  EXPECT_EQ(of_target("*"), 400);
  EXPECT_EQ(of_target("/a#b"), 400);
  EXPECT_EQ(of_target("a"), 400);
  EXPECT_EQ(of_target("https://host/a"), 400);
  EXPECT_EQ(of_target("http:///a"), 400);
  EXPECT_EQ(of_target("http://user@host/a"), 400);
  EXPECT_EQ(of_target("host:80", "CONNECT"), 501);
  EXPECT_EQ(origin_form("/a?b"), "/a?b");
  EXPECT_EQ(origin_form("http://host:1/a?b"), "/a?b");
  EXPECT_EQ(origin_form("http://host"), "/");
  EXPECT_EQ(origin_form("http://host?b"), "/?b");
}

TEST(Http1Head, SaysOnceWhereTheBodyEnds) {
  EXPECT_EQ(of_headers({{"content-length", "4"}}), 0);
  EXPECT_EQ(of_headers({{"transfer-encoding", "Chunked"}}), 0);
  for (const char* const coding : {"gzip", "xchunked", "identity", "chunked, identity", "identity, chunked",
                                   "gzip, chunked", "chunked, chunked", "", "chunked;a=b", "\"chunked\""})
    EXPECT_EQ(of_headers({{"transfer-encoding", coding}}), 501) << coding;
  EXPECT_EQ(of_headers({{"transfer-encoding", "chunked"}, {"transfer-encoding", "chunked"}}), 501);
  EXPECT_EQ(of_headers({{"transfer-encoding", "chunked"}}, 10), 400);
  EXPECT_EQ(of_headers({{"transfer-encoding", "chunked"}, {"content-length", "4"}}), 400);
  EXPECT_EQ(of_headers({{"content-length", "4"}, {"content-length", "4"}}), 400);
  EXPECT_EQ(of_headers({{"expect", "100-Continue"}}), 0);
  EXPECT_EQ(of_headers({{"expect", "a-miracle"}}), 417);
}

TEST(Http1Head, IsNotFolded) {
  FoldFinder finder;
  EXPECT_FALSE(finder.feed("GET / HTTP/1.1\r\nHost: a\r"));
  EXPECT_FALSE(finder.feed("\nx: b\r\n"));
  EXPECT_TRUE(finder.feed("\tc"));
  EXPECT_TRUE(finder.feed("\r\n"));
  EXPECT_EQ(verdict({.method = "GET", .target = "/", .headers = {}, .folded = true}), 400);
}

// Over a connection: refused, closed, and nothing of what follows is taken for a request.
TEST(Http1Head, OneBodyIsOneRequest) {
  for (const char* const head :
       {"Transfer-Encoding: gzip", "Transfer-Encoding: xchunked", "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked, identity", "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 4\r\nContent-Length: 5", "X: a\r\n Content-Length: 60", "Host: b",
        "Content-Length: 4, 5", "Content-Length: +4", "Transfer-Encoding : chunked"}) {
    ServerFixture f;
    RawClient client(f.io, f.port);
    client.send("POST /first HTTP/1.1\r\nHost: a\r\n" + std::string(head) +
                "\r\n\r\nPUT /smuggled HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    ASSERT_TRUE(client.wait_closed()) << head;
    const std::string answer = client.received();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.1 501 ")) << head << answer;
    EXPECT_EQ(answer.find("\nHTTP/1.1 "), std::string::npos) << head << answer;
    EXPECT_EQ(answer.find("/smuggled"), std::string::npos) << head << answer;
  }
  ServerFixture f;
  RawClient old(f.io, f.port);
  old.send("POST /c HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  ASSERT_TRUE(old.wait_closed());
  EXPECT_TRUE(old.received().starts_with("HTTP/1.1 400 ")) << old.received();
}

TEST(Http1Head, AnAbsoluteTargetIsServedAsItsPath) {
  ServerFixture f;
  RawClient client(f.io, f.port);
  client.send("GET http://other/a?b HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(client.wait_for("GET /a?b ")) << client.received();
}

TEST(HttpDate, IsAsRfc9110WritesIt) {
  EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(http_date_now().size(), 29u);
}

}  // namespace
}  // namespace cairn::rpc
