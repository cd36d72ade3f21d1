// GET /v1/watch over a member without a cluster: what is told, in which form, and how it ends.
#include <optional>
#include <vector>

#include "api/rest_fixture.h"

namespace cairn::api {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct RestWatch : RestApi {
  using Call = std::shared_ptr<FakeHttpCall>;
  explicit RestWatch(watch::Limits limits = {})
      : RestApi({.name = "n1",
                 .watch = limits,
                 .wake_at = [this](Time when) { woken_at = when; },
                 .watch_silence = seconds(15),
                 .watch_wait_max = seconds(60)}) {}

  Call open(const std::string& query, rpc::Headers headers = {}) {
    opened.push_back(http("GET", "/v1/watch?" + query, "", std::move(headers)));
    settle();
    member.tell_follower();
    settle();
    return opened.back();
  }
  // As a connection does with an answer that has ended, or whose client has.
  void TearDown() override {
    for (const Call& call : opened) call->producer.reset();
  }
  void put(const std::string& key, const std::string& value) {
    EXPECT_LT(status("PUT", "/v1/kv/" + key, value), 300);
    settle();
  }
  void erase(const std::string& key) {
    EXPECT_EQ(status("DELETE", "/v1/kv/" + key), 200);
    settle();
  }
  void compact(std::int64_t revision) {
    etcdserverpb::CompactionRequest request;
    request.set_revision(revision);
    const auto call = std::make_shared<FakeGrpcCall>();
    call->path = "/etcdserverpb.KV/Compact";
    serve(api, call, request.SerializeAsString());
    EXPECT_EQ(call->code, Code::ok) << call->message;
    settle();
  }
  // All that is due by now.
  void settle() {
    while (woken_at && *woken_at <= member.now()) {
      woken_at.reset();
      api.woken();
    }
  }
  void pass(Duration time) {
    const Duration until = member.passed + time;
    while (woken_at && *woken_at <= member.now() + (until - member.passed)) {
      member.passed += std::max(*woken_at - member.now(), Duration{});
      settle();
    }
    member.passed = until;
  }
  // What has come since the last time that this was asked.
  static std::vector<json> lines(const Call& call) {
    std::vector<json> all;
    std::size_t begin = 0;
    for (std::size_t end; (end = call->response->body.find('\n', begin)) != std::string::npos;
         begin = end + 1)
      all.push_back(json::parse(call->response->body.substr(begin, end - begin)));
    call->response->body.clear();
    return all;
  }
  static std::vector<json> types(const Call& call) {
    std::vector<json> all;
    for (const json& line : lines(call)) all.push_back(line["type"]);
    return all;
  }

  std::optional<Time> woken_at;
  std::vector<Call> opened;
};

TEST_F(RestWatch, TellsEachRevisionInALineOfItsOwn) {
  put("a/1", "before");
  const auto call = open("prefix=a/");
  EXPECT_EQ(call->header("content-type"), "application/x-ndjson");
  EXPECT_EQ(call->header("cairn-revision"), "2");
  put("a/1", "x");
  put("b", "another");
  erase("a/1");
  const auto told = lines(call);
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0].dump(), R"({"revision":2,"type":"started"})");
  EXPECT_EQ(told[1]["revision"], 3);
  EXPECT_EQ(told[1]["events"].dump(),
            R"([{"create_revision":2,"key":"a/1","mod_revision":3,"type":"put","value":"x","version":2}])");
  EXPECT_EQ(told[2]["events"].dump(), R"([{"key":"a/1","mod_revision":5,"type":"delete"}])");
}

TEST_F(RestWatch, ChangesOfOneTransactionComeTogether) {
  const auto call = open("prefix=");
  EXPECT_EQ(status("POST", "/v1/txn", R"({"then": [{"put": {"key": "a", "value": "1"}},
                                                  {"put": {"key": "b", "value": "2"}}]})"),
            200);
  settle();
  const auto told = lines(call);
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[1]["events"].size(), 2u);
}

TEST_F(RestWatch, BeginsInThePastAndShowsWhatWasThere) {
  put("a", "1");
  put("a", "2");
  put("b", "3");
  const auto call = open("key=a&from=2&prev=true");
  const auto told = lines(call);
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0]["revision"], 1);
  EXPECT_FALSE(told[1]["events"][0].contains("previous"));
  EXPECT_EQ(told[2]["events"][0]["previous"]["value"], "1");
}

TEST_F(RestWatch, ARangeAndOnlyOneKindOfChange) {
  const auto range = open("key=b&to=d&only=delete");
  for (const char* key : {"a", "b", "c", "d"}) put(key, "x");
  for (const char* key : {"a", "c", "d"}) erase(key);
  const auto told = lines(range);
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[1]["events"][0]["key"], "c");
}

TEST_F(RestWatch, ServerSentEventsCarryTheRevisionAsTheirId) {
  const auto call = open("key=a", {{"accept", "text/event-stream"}});
  EXPECT_EQ(call->header("content-type"), "text/event-stream");
  EXPECT_EQ(call->response->body, "event: started\nid: 1\ndata: {\"type\":\"started\",\"revision\":1}\n\n");
  put("a", "x");
  EXPECT_NE(call->response->body.find("event: changes\nid: 2\ndata: {\"type\":\"changes\",\"revision\":2,"),
            std::string::npos);
}

TEST_F(RestWatch, ABrowserThatComesBackMissesNothing) {
  put("a", "1");
  put("a", "2");
  const auto call = open("key=a&from=1", {{"accept", "text/event-stream"}, {"last-event-id", "2"}});
  EXPECT_EQ(call->response->body.find("\"revision\":2,\"events\""), std::string::npos) << "it had that";
  EXPECT_NE(call->response->body.find("event: changes\nid: 3\n"), std::string::npos);
}

TEST_F(RestWatch, ALongPollEndsWithWhatComesNext) {
  const auto call = open("key=a&wait=30s");
  EXPECT_EQ(call->response->body, "");
  put("b", "x");
  EXPECT_FALSE(call->finished);
  put("a", "x");
  EXPECT_TRUE(call->finished);
  EXPECT_EQ(types(call), std::vector<json>({"changes"}));
  put("a", "y");
  EXPECT_EQ(call->response->body, "") << "of what comes later the next one tells";
}

TEST_F(RestWatch, ALongPollOfThePastTellsAllThereIs) {
  for (const char* value : {"1", "2", "3"}) put("a", value);
  const auto told = lines(open("key=a&from=1&wait=0s"));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0]["revision"], 4);
  EXPECT_EQ(told[0]["events"].size(), 3u);
}

TEST_F(RestWatch, ALongPollWithoutNewsSaysHowFarItHasLooked) {
  const auto call = open("key=a&wait=30s");
  put("b", "x");
  pass(seconds(29));
  EXPECT_FALSE(call->finished);
  pass(seconds(1));
  EXPECT_TRUE(call->finished);
  EXPECT_EQ(call->response->body, "{\"type\":\"progress\",\"revision\":2}\n");
}

TEST_F(RestWatch, SaysFromTimeToTimeThatNothingHasHappened) {
  const auto call = open("key=a");
  put("b", "x");
  lines(call);
  pass(seconds(15));
  const auto told = lines(call);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].dump(), R"({"revision":2,"type":"progress"})");
  pass(seconds(10));
  put("a", "y");
  lines(call);
  pass(seconds(10));
  EXPECT_TRUE(lines(call).empty()) << "something was told meanwhile";
  pass(seconds(5));
  EXPECT_EQ(types(call), std::vector<json>({"progress"}));
}

TEST_F(RestWatch, WhatIsCompactedIsGone) {
  for (const char* value : {"1", "2", "3"}) put("a", value);
  compact(3);
  const auto gone = http("GET", "/v1/watch?key=a&from=2");
  EXPECT_EQ(gone->response->status, 410);
  EXPECT_EQ(json::parse(gone->response->body)["code"], "compacted");
  EXPECT_EQ(types(open("key=a&from=3")), std::vector<json>({"started", "changes", "changes"}));
}

TEST_F(RestWatch, OneThatCompactionPassesByEndsAndSaysWhere) {
  const auto call = open("key=a");
  lines(call);
  call->room = false;
  for (const char* value : {"1", "2", "3"}) put("a", value);
  compact(4);
  call->room = true;
  call->producer->on_room();
  settle();
  EXPECT_TRUE(call->finished);
  const auto told = lines(call);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0]["type"], "ended");
  EXPECT_EQ(told[0]["code"], "compacted");
  EXPECT_EQ(told[0]["compact_revision"], 4);
}

TEST_F(RestWatch, WaitsForRoomAndTellsAllThen) {
  const auto call = open("key=a");
  lines(call);
  call->room = false;
  for (const char* value : {"1", "2", "3"}) put("a", value);
  EXPECT_EQ(call->response->body, "");
  call->room = true;
  call->producer->on_room();
  settle();
  EXPECT_EQ(lines(call).size(), 3u);
}

TEST_F(RestWatch, EndsWhereThereIsNoLeaderIfItWantsOne) {
  const auto one = open("key=a&require_leader=true&consistency=local");
  const auto other = open("key=a&consistency=local");
  member.leader = 0;
  pass(seconds(5));
  EXPECT_EQ(types(one).back(), "ended");
  EXPECT_TRUE(one->finished);
  EXPECT_FALSE(other->finished);
  member.leader = 1;
}

TEST_F(RestWatch, EndsWithTheServer) {
  const auto call = open("key=a");
  api.stop();
  EXPECT_EQ(types(call), std::vector<json>({"started", "ended"}));
  EXPECT_TRUE(call->finished);
  EXPECT_EQ(status("GET", "/v1/watch?key=a"), 503);
}

TEST_F(RestWatch, WhatIsUnclearIsRefused) {
  for (const char* query :
       {"", "key=a&prefix=b", "prefix=a&to=b", "key=b&to=a", "key=b&to=b", "key=a&wait=1h", "key=a&wait=61s",
        "key=a&wait=-1s", "key=a&wait=", "key=a&wait=s", "key=a&only=both", "key=a&from=x", "key=a&from=-1",
        "key=a&limit=3", "key=a&require_leader=yes", "key=%zz"})
    EXPECT_EQ(status("GET", std::string("/v1/watch?") + query), 400) << query;
  EXPECT_EQ(code("GET", "/v1/watch?key="), "key_empty");
  EXPECT_EQ(status("GET", "/v1/watch?key=a", "", {{"last-event-id", "x"}}), 400);
  EXPECT_EQ(status("GET", "/v1/watch?key=a", "", {{"last-event-id", "9223372036854775807"}}), 400);
  EXPECT_EQ(status("GET", "/v1/watch?key=a&wait=1s", "", {{"accept", "text/event-stream"}}), 400);
  EXPECT_EQ(status("POST", "/v1/watch?key=a"), 405);
  EXPECT_EQ(status("HEAD", "/v1/watch?key=a"), 200);
  settle();
  EXPECT_FALSE(member.is_followed());
}

struct RestWatchFull : RestWatch {
  RestWatchFull() : RestWatch({.watches_max = 1}) {}
};

TEST_F(RestWatchFull, BeyondTheLimitIsToldSo) {
  const auto one = open("key=a"), other = open("key=a");
  EXPECT_EQ(types(one), std::vector<json>({"started"}));
  const auto told = lines(other);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0]["code"], "too_many_requests");
  EXPECT_TRUE(other->finished);
}

TEST_F(RestWatch, WhoLeavesIsForgotten) {
  const auto call = open("key=a");
  EXPECT_TRUE(member.is_followed());
  call->producer.reset();
  EXPECT_FALSE(member.is_followed());
}

}  // namespace
}  // namespace cairn::api
