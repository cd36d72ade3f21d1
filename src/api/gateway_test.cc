// etcd's gateway over a FakeMember.
#include "api/gateway.h"

#include <gtest/gtest.h>

#include "api/grpc_methods.h"
#include "api/rest_fixture.h"

namespace cairn::api {
namespace {

using nlohmann::json;

struct Gateway : RestApi {
  Gateway()
      : RestApi({.name = "n1", .gateway_objects_max = 3, .wake_at = [this](Time when) { woken_at = when; }}) {
  }
  ~Gateway() override {
    for (const auto& each : opened) each->producer.reset();  // as a connection does when it ends
  }
  std::string post(const std::string& path, const std::string& body, rpc::Headers headers = {}) {
    call = http("POST", path, body, std::move(headers));
    opened.push_back(call);
    return call->response->body;
  }
  int status() const { return call->response->status; }
  void put(const std::string& key, const std::string& value) {
    EXPECT_LT(RestApi::status("PUT", "/v1/kv/" + key, value), 300);
  }
  void settle() {
    member.tell_follower();
    while (woken_at && *woken_at <= member.now()) {
      woken_at.reset();
      api.woken();
    }
  }
  std::optional<Time> woken_at;
  std::shared_ptr<FakeHttpCall> call;
  std::vector<std::shared_ptr<FakeHttpCall>> opened;
};

constexpr char kPutFoo[] = R"({"key":"Zm9v","value":"YmFy"})";

TEST_F(Gateway, AMethodAnswersAtItsPath) {
  EXPECT_EQ(json::parse(post("/v3/kv/put", kPutFoo))["header"]["revision"], "2");
  EXPECT_EQ(call->header("content-type"), "application/json");
  const json got = json::parse(post("/v3/kv/range", R"({"key":"Zm9v"})"));
  EXPECT_EQ(got["kvs"][0]["value"], "YmFy");
  EXPECT_EQ(got["count"], "1");
}

TEST_F(Gateway, OlderPathsStay) {
  post("/v3/kv/put", kPutFoo);
  for (const char* path : {"/v3beta/kv/range", "/v3alpha/kv/range", "/v3/kv/range?pretty"})
    EXPECT_EQ(json::parse(post(path, R"({"key":"Zm9v"})"))["count"], "1") << path;
  post("/v3/lease/grant", R"({"ID":5,"TTL":100})");
  for (const char* path : {"/v3/lease/leases", "/v3/kv/lease/leases"})
    EXPECT_EQ(json::parse(post(path, "{}"))["leases"][0]["ID"], "5") << path;
}

TEST_F(Gateway, EveryMethodOfEtcdHasOnePath) {
  std::set<std::string_view> paths;
  for (const Method& row : methods()) {
    if (row.gateway.empty()) continue;
    EXPECT_TRUE(paths.insert(row.gateway).second) << row.gateway;
    EXPECT_NE(row.request, nullptr) << row.path;
    EXPECT_NE(row.answer, nullptr) << row.path;
  }
  EXPECT_GE(paths.size(), 19U);
}

TEST_F(Gateway, ErrorsAreEtcdsWithTheirCode) {
  EXPECT_EQ(
      post("/v3/kv/range", "{}"),
      R"({"error":"etcdserver: key is not provided","message":"etcdserver: key is not provided","code":3})");
  EXPECT_EQ(status(), 400);
  post("/v3/kv/put", R"({"key":"Zm9v","lease":"77"})");
  EXPECT_EQ(json::parse(call->response->body)["code"], 5);
  EXPECT_EQ(status(), 404);
  EXPECT_NE(post("/v3/kv/range", R"({"key":)").find("cairn: the body is no JSON object"), std::string::npos);
  EXPECT_EQ(status(), 400);
}

TEST_F(Gateway, WhatIsNotThereIsSaidPlainly) {
  EXPECT_EQ(post("/v3/nothing", "{}"), "Not Found\n");
  EXPECT_EQ(status(), 404);
  EXPECT_EQ(http("GET", "/v3/kv/range")->response->status, 405);
  EXPECT_EQ(http("PUT", "/v3/kv/range", "{}")->header("allow"), "POST, OPTIONS");
  EXPECT_EQ(http("OPTIONS", "/v3/kv/range")->response->status, 204);
  EXPECT_EQ(post("/v3/", "{}"), "Not Found\n")
      << "a method without a path of its own is not at the empty one";
}

TEST_F(Gateway, PagesOfForeignOriginsMayNotCallIt) {
  post("/v3/kv/put", kPutFoo, {{"origin", "http://evil.example"}, {"host", "127.0.0.1:2379"}});
  EXPECT_EQ(status(), 403);
  EXPECT_EQ(json::parse(post("/v3/kv/range", R"({"key":"Zm9v"})")).contains("kvs"), false);
}

TEST_F(Gateway, MetadataAndTimeoutTravelInHeaders) {
  member.leader = 0;
  post("/v3/kv/range", R"({"key":"Zm9v"})", {{"grpc-metadata-hasleader", "true"}});
  EXPECT_EQ(status(), 503);
  EXPECT_EQ(json::parse(call->response->body)["error"], "etcdserver: no leader");
  member.leader = 1;
  EXPECT_EQ(post("/v3/kv/range", R"({"key":"Zm9v"})", {{"grpc-timeout", "1x"}}),
            R"({"error":"invalid grpc-timeout: 1x","message":"invalid grpc-timeout: 1x","code":3})");
  post("/v3/kv/range", R"({"key":"Zm9v"})", {{"grpc-timeout", "2S"}});
  EXPECT_EQ(status(), 200);
}

TEST_F(Gateway, CallsAreCountedAsTheMethods) {
  post("/v3/kv/put", kPutFoo);
  post("/v3/kv/put", "{}");
  post("/v3/kv/put", "{");
  const std::string page = http("GET", "/metrics")->response->body;
  const std::size_t at = page.find(
      "grpc_server_started_total{grpc_type=\"unary\",grpc_service=\"etcdserverpb.KV\",grpc_method=\"Put\"");
  ASSERT_NE(at, std::string::npos);
  const std::string line = page.substr(at, page.find('\n', at) - at);
  EXPECT_TRUE(line.ends_with("} 2")) << line << ": what was no message is none of its calls";
}

// More than fits into memory at once, or into one turn.
TEST_F(Gateway, ALongListComesInPieces) {
  const std::string value(50'000, 'v');
  for (char key = 'a'; key < 'm'; ++key) put(std::string(1, key), value);
  post("/v3/kv/range", R"({"key":"AA==","range_end":"AA=="})");
  EXPECT_EQ(call->response->body, "");
  ASSERT_NE(call->producer, nullptr);
  std::size_t turns = 0;
  for (; !call->finished; ++turns) {
    ASSERT_TRUE(std::exchange(call->turn_asked, false)) << "who has room asks for the next turn";
    const std::size_t before = call->response->body.size();
    call->producer->on_room();
    EXPECT_LT(call->response->body.size() - before, 200'000U);
  }
  EXPECT_GT(turns, 8U);
  const json list = json::parse(call->response->body);
  EXPECT_EQ(list["kvs"].size(), 12U);
  EXPECT_EQ(list["count"], "12");
}

TEST_F(Gateway, ALongListWaitsForItsClient) {
  for (char key = 'a'; key < 'm'; ++key) put(std::string(1, key), std::string(50'000, 'v'));
  post("/v3/kv/range", R"({"key":"AA==","range_end":"AA=="})");
  call->room = call->turn_asked = false;
  call->producer->on_room();
  EXPECT_FALSE(call->turn_asked) << "on_room() comes when there is room";
}

struct NoGateway : RestApi {
  NoGateway() : RestApi({.name = "n1", .gateway = false}) {}
};

TEST_F(NoGateway, IsNoPathOfAnything) { EXPECT_EQ(code("POST", "/v3/kv/put", kPutFoo), "no_such_path"); }

// ---- streams ----

std::vector<json> lines(const std::shared_ptr<FakeHttpCall>& call) {
  std::vector<json> out;
  std::istringstream text(std::exchange(call->response->body, ""));
  for (std::string line; std::getline(text, line);) out.push_back(json::parse(line));
  return out;
}

TEST_F(Gateway, AWatchIsALineForEachMessage) {
  post("/v3/watch", R"({"create_request":{"key":"Zm9v"}})");
  EXPECT_EQ(status(), 200);
  settle();
  auto told = lines(call);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0]["result"]["created"], true);
  put("foo", "bar");
  settle();
  told = lines(call);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0]["result"]["events"][0]["kv"]["value"], "YmFy");
  EXPECT_FALSE(call->finished);
}

TEST_F(Gateway, TwoWatchesInOneBody) {
  post("/v3/watch", R"({"create_request":{"key":"Zm9v"}} {"create_request":{"key":"YQ=="}})");
  settle();
  const auto told = lines(call);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[1]["result"]["watch_id"], "1");
}

TEST_F(Gateway, AStreamEndsWithItsClient) {
  post("/v3/watch", R"({"create_request":{"key":"Zm9v"}})");
  settle();
  EXPECT_TRUE(member.is_followed());
  call->producer.reset();
  settle();
  EXPECT_FALSE(member.is_followed()) << "nobody watches any more";
}

TEST_F(Gateway, KeepAlivesEndWhenAllAreAnswered) {
  post("/v3/lease/grant", R"({"ID":5,"TTL":100})");
  member.lease_times[5] = {.left_s = 90, .granted_s = 100};
  post("/v3/lease/keepalive", R"({"ID":5}{"ID":6})");
  const auto told = lines(call);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0]["result"]["TTL"], "100");
  EXPECT_FALSE(told[1]["result"].contains("TTL")) << "there is no such lease";
}

TEST_F(Gateway, WhatAStreamIsAskedIsReadBeforeItBegins) {
  for (const char* body : {R"({"create_request":{"key":"Zm)", R"({"create":1})", "{}{}{}{}", "1"}) {
    post("/v3/watch", body);
    EXPECT_EQ(status(), 400) << body;
    EXPECT_EQ(json::parse(call->response->body)["code"], 3) << body;
  }
  EXPECT_NE(call->response->body.find("cairn: "), std::string::npos);
}

TEST_F(Gateway, AStreamThatEndsInAnErrorSaysSoInItsLastLine) {
  post("/v3/watch", R"({"create_request":{"key":"Zm9v"}})", {{"grpc-metadata-hasleader", "true"}});
  settle();
  lines(call);
  api.stop();
  const auto told = lines(call);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0]["error"]["grpc_code"], 14);
  EXPECT_EQ(told[0]["error"]["http_status"], "Service Unavailable");
  EXPECT_TRUE(call->finished);
}

// A lock is a call that waits, whose client may go away meanwhile.
TEST_F(Gateway, ALockIsAnsweredOnceAndGivenUpWithItsClient) {
  post("/v3/lease/grant", R"({"ID":5,"TTL":100})");
  post("/v3/lease/grant", R"({"ID":6,"TTL":100})");
  const auto lock = [this](const std::string& lease) {
    auto locked = std::make_shared<FakeHttpCall>();
    locked->asked = {"POST", "/v3/lock/lock", {}, R"({"name":"bA==","lease":")" + lease + "\"}"};
    api.on_http(locked);
    settle();
    return locked;
  };
  const auto first = lock("5");
  ASSERT_TRUE(first->response);
  EXPECT_EQ(json::parse(first->response->body)["key"], "bC81") << "l/5, and no line of a stream";
  const auto second = lock("6");
  EXPECT_FALSE(second->response);
  ASSERT_NE(second->waiting, nullptr);
  EXPECT_EQ(json::parse(post("/v3/kv/range", R"({"key":"bA==","range_end":"bQ=="})"))["count"], "2");
  second->waiting.reset();
  settle();
  EXPECT_EQ(json::parse(post("/v3/kv/range", R"({"key":"bA==","range_end":"bQ=="})"))["count"], "1");
  first->waiting.reset();
}

TEST_F(Gateway, AStreamThatIsRefusedAtOnceHasTheStatusOfTheRefusal) {
  api.stop();
  post("/v3/watch", R"({"create_request":{"key":"Zm9v"}})");
  EXPECT_EQ(status(), 503);
}

}  // namespace
}  // namespace cairn::api
