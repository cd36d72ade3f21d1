// The console as files: who gets which, how, and under which policy. What they do in a browser: test/e2e.
#include "api/console_files.h"
#include "api/rest_fixture.h"

namespace cairn::api {
namespace {

constexpr std::size_t kGzipBytesMax = 150'000;

using Console = RestApi;

rpc::Headers html() { return {{"accept", "text/html,application/xhtml+xml"}}; }

TEST_F(Console, ABrowserIsLedToIt) {
  for (const char* const path : {"/", "/ui"}) {
    const auto call = http("GET", path, "", html());
    EXPECT_EQ(call->response->status, 302) << path;
    EXPECT_EQ(call->header("location"), "/ui/");
  }
  EXPECT_EQ(code("GET", "/"), "no_such_path") << "whoever asked for no page gets none";
}

TEST_F(Console, EveryFileIsServedUnderThePolicy) {
  ASSERT_GE(console_files().size(), 4U);
  for (const ConsoleFile& file : console_files()) {
    const auto call = http("GET", "/ui/" + std::string(file.name));
    EXPECT_EQ(call->response->status, 200) << file.name;
    EXPECT_EQ(call->response->body, file.plain);
    EXPECT_EQ(call->header("content-type"), file.content_type);
    EXPECT_EQ(call->header("content-security-policy"),
              "default-src 'self'; connect-src 'self' http://127.0.0.1:2379 http://127.0.0.1:2381; "
              "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    EXPECT_EQ(call->header("x-content-type-options"), "nosniff");
    EXPECT_EQ(call->header("referrer-policy"), "no-referrer");
    EXPECT_EQ(call->header("cache-control"), "no-cache") << "asked for again, and answered 304";
  }
}

TEST_F(Console, NoAddressOfAMemberChangesThePolicy) {
  member.publish(
      2, {"http://127.0.0.1:2381/", "http://a; script-src *", "http://b 'unsafe-inline'", "javascript://c"});
  EXPECT_EQ(http("GET", "/ui/")->header("content-security-policy"),
            "default-src 'self'; connect-src 'self' http://127.0.0.1:2379 http://127.0.0.1:2381; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
}

TEST_F(Console, IsCompressedForWhoTakesThat) {
  const ConsoleFile& page = console_files().front();
  for (const char* const takes : {"gzip", "br, gzip", "deflate,gzip;q=0.5", "gzip; q=1"}) {
    const auto call = http("GET", "/ui/", "", {{"accept-encoding", takes}});
    EXPECT_EQ(call->header("content-encoding"), "gzip") << takes;
    EXPECT_EQ(call->response->body, page.gzip);
    EXPECT_EQ(call->header("vary"), "accept-encoding");
  }
  for (const char* const refuses : {"", "br", "gzip;q=0", "gzip; q=0.0", "x-gzip2"}) {
    const auto call = http("GET", "/ui/", "", {{"accept-encoding", refuses}});
    EXPECT_EQ(call->header("content-encoding"), "") << refuses;
    EXPECT_EQ(call->response->body, page.plain);
  }
}

TEST_F(Console, WhatABrowserHasIsNotSentAgain) {
  const std::string plain = http("GET", "/ui/")->header("etag");
  const std::string gzip = http("GET", "/ui/", "", {{"accept-encoding", "gzip"}})->header("etag");
  EXPECT_NE(plain, gzip) << "two representations";
  for (const std::string& tags : {plain, "W/" + plain, "\"x\", " + plain, std::string("*")}) {
    const auto call = http("GET", "/ui/", "", {{"if-none-match", tags}});
    EXPECT_EQ(call->response->status, 304) << tags;
    EXPECT_EQ(call->response->body, "");
    EXPECT_EQ(call->header("etag"), plain);
  }
  EXPECT_EQ(status("GET", "/ui/", "", {{"if-none-match", gzip}}), 200);
  EXPECT_EQ(status("GET", "/ui/", "", {{"if-none-match", gzip}, {"accept-encoding", "gzip"}}), 304);
  EXPECT_EQ(status("HEAD", "/ui/", "", {{"if-none-match", plain}}), 304);
}

TEST_F(Console, NothingElseIsBelow) {
  for (const char* const path :
       {"/ui/keys", "/ui/../v1/status", "/ui//", "/ui/console.js/", "/ui/Console.js"}) {
    const auto call = http("GET", path, "", html());
    EXPECT_EQ(call->response->status, 404) << path;
    EXPECT_NE(call->header("content-security-policy"), "");
  }
  EXPECT_EQ(status("GET", "/uix"), 404);
  EXPECT_EQ(status("PUT", "/ui/"), 405);
  EXPECT_EQ(status("HEAD", "/ui/"), 200);
}

TEST_F(Console, AllOfItIsSmall) {
  std::size_t bytes = 0;
  for (const ConsoleFile& file : console_files()) {
    EXPECT_LT(file.gzip.size(), file.plain.size()) << file.name;
    bytes += file.gzip.size();
  }
  EXPECT_LE(bytes, kGzipBytesMax);
}

// A page of one member sees how the others are, and nothing else of theirs.
TEST_F(Console, OfAnotherMemberReadsTheStatusAlone) {
  const rpc::Headers from = {{"origin", "http://127.0.0.1:2381"}};
  const rpc::Headers asks = {{"origin", "http://127.0.0.1:2381"}, {"access-control-request-method", "GET"}};
  EXPECT_EQ(http("GET", "/v1/status", "", from)->header("access-control-allow-origin"),
            "http://127.0.0.1:2381");
  EXPECT_NE(
      http("OPTIONS", "/v1/status", "", asks)->header("access-control-allow-headers").find("Authorization"),
      std::string::npos);
  for (const char* const path : {"/v1/kv", "/v1/kv/a", "/v1/leases", "/v1/members", "/metrics", "/ui/"}) {
    EXPECT_EQ(http("GET", path, "", from)->header("access-control-allow-origin"), "") << path;
    EXPECT_EQ(http("OPTIONS", path, "", asks)->header("access-control-allow-headers"), "") << path;
  }
  EXPECT_EQ(status("PUT", "/v1/kv/a", "b", from), 403);
  for (const char* const other :
       {"http://127.0.0.1:2380", "https://127.0.0.1:2381", "http://evil.example", "null"})
    EXPECT_EQ(http("GET", "/v1/status", "", {{"origin", other}})->header("access-control-allow-origin"), "")
        << other;
}

}  // namespace
}  // namespace cairn::api
