#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/rest_fixture.h"
#include "etcd/reasons.h"

namespace cairn::api {
namespace {

using Json = nlohmann::json;

TEST_F(RestApi, ValuesAreRawBytesBothWays) {
  const std::string value("\0\xff\r\n", 4);
  const auto put = http("PUT", "/v1/kv/a/b%20c", value);
  EXPECT_EQ(put->response->status, 201);
  EXPECT_EQ(put->header("etag"), "\"2\"");
  EXPECT_EQ(put->header("cairn-revision"), "2");
  const auto get = http("GET", "/v1/kv/a/b%20c");
  EXPECT_EQ(get->response->body, value);
  EXPECT_EQ(get->header("etag"), "\"2\"");
  EXPECT_EQ(get->header("cairn-version"), "1");
  EXPECT_EQ(get->header("cairn-consistency"), "linearizable");
  EXPECT_EQ(get->header("cairn-served-by"), "n1");
  EXPECT_EQ(get->header("cairn-leader"), "n1; url=\"http://127.0.0.1:2379\"");
}

TEST_F(RestApi, BinaryKeysTravelAsBase64Url) {
  EXPECT_EQ(status("PUT", "/v1/kv/_wA?enc=base64url", "x"), 201);  // the key ff 00
  EXPECT_EQ(http("GET", "/v1/kv/%ff%00")->response->body, "x");
  const Json json =
      Json::parse(http("GET", "/v1/kv/%ff%00", "", {{"accept", "application/json"}})->response->body);
  EXPECT_EQ(json["key"]["base64"], "/wA=");
  EXPECT_EQ(json["value"], "x");
}

TEST_F(RestApi, IfMatchIsCompareAndSet) {
  http("PUT", "/v1/kv/a", "1");
  EXPECT_EQ(status("PUT", "/v1/kv/a", "2", {{"if-match", "\"2\""}}), 200);
  const auto stale = http("PUT", "/v1/kv/a", "3", {{"if-match", "\"2\""}});
  EXPECT_EQ(stale->response->status, 412);
  EXPECT_EQ(stale->header("etag"), "\"3\"");
  EXPECT_EQ(http("GET", "/v1/kv/a")->response->body, "2");
  EXPECT_EQ(status("DELETE", "/v1/kv/a", "", {{"if-match", "\"2\""}}), 412);
  EXPECT_EQ(status("DELETE", "/v1/kv/a", "", {{"if-match", "\"3\""}}), 200);
  EXPECT_EQ(status("PUT", "/v1/kv/a", "4", {{"if-match", "*"}}), 412);
}

TEST_F(RestApi, IfNoneMatchStarCreatesOnly) {
  EXPECT_EQ(status("PUT", "/v1/kv/a", "1", {{"if-none-match", "*"}}), 201);
  EXPECT_EQ(status("PUT", "/v1/kv/a", "2", {{"if-none-match", "*"}}), 412);
  EXPECT_EQ(status("GET", "/v1/kv/a", "", {{"if-none-match", "\"2\""}}), 304);
  EXPECT_EQ(status("GET", "/v1/kv/a", "", {{"if-none-match", "\"1\""}}), 200);
}

// An empty condition is one that a client failed to fill in, not one that always holds.
TEST_F(RestApi, AnEmptyOrRepeatedConditionIsRefused) {
  http("PUT", "/v1/kv/a", "1");
  for (const char* const name : {"if-match", "if-none-match"}) {
    EXPECT_EQ(status("PUT", "/v1/kv/a", "2", {{name, ""}}), 400);
    EXPECT_EQ(status("DELETE", "/v1/kv/a", "", {{name, ""}}), 400);
    EXPECT_EQ(status("PUT", "/v1/kv/a", "2", {{name, "\"2\""}, {name, "\"7\""}}), 400);
  }
  EXPECT_EQ(status("PUT", "/v1/kv/a", "2", {{"idempotency-key", ""}}), 400);
  EXPECT_EQ(member.writes.size(), 1u);
}

// The connection leaves out the body of the answer; everything else is as for GET.
TEST_F(RestApi, HeadIsAnsweredAsGet) {
  http("PUT", "/v1/kv/a", "1");
  for (const char* const target : {"/v1/kv/a", "/v1/kv", "/v1/status", "/health", "/livez", "/version"}) {
    const auto head = http("HEAD", target), get = http("GET", target);
    EXPECT_EQ(head->response->status, 200) << target;
    EXPECT_EQ(head->response->headers, get->response->headers) << target;
    EXPECT_EQ(head->response->body, get->response->body) << target;
  }
  EXPECT_EQ(status("HEAD", "/v1/kv/missing"), 404);
  EXPECT_EQ(status("HEAD", "/v1/txn"), 405);
}

TEST_F(RestApi, WhoHasNoVoteIsNotReady) {
  member.role = "learner";
  EXPECT_EQ(http("GET", "/readyz/non_learner")->response->body,
            "[-]non_learner failed: local member is a learner\n");
  member.role = "non-member";
  EXPECT_EQ(http("GET", "/readyz/non_learner")->response->body,
            "[-]non_learner failed: local member is not in the membership\n");
  EXPECT_EQ(status("GET", "/readyz"), 503);
}

TEST_F(RestApi, ProbesReportEachCheckAsEtcdDoes) {
  EXPECT_EQ(http("GET", "/livez?verbose")->response->body, "[+]serializable_read ok\nok\n");
  EXPECT_EQ(
      http("GET", "/readyz?verbose")->response->body,
      "[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\nok\n");
  EXPECT_EQ(http("GET", "/readyz")->response->body, "ok\n");
  EXPECT_EQ(http("GET", "/readyz/non_learner?verbose")->response->body, "[+]non_learner ok\nok\n");
  EXPECT_EQ(status("GET", "/livez/non_learner"), 404);
  EXPECT_EQ(status("GET", "/readyz/"), 404);
  EXPECT_EQ(http("GET", "/readyz?verbose&exclude=data_corruption&exclude=non_learner&exclude=unknown")
                ->response->body,
            "[+]serializable_read ok\n[+]linearizable_read ok\nok\n");
  member.leader = 0;
  const auto failing = http("GET", "/readyz");
  EXPECT_EQ(failing->response->status, 503);
  EXPECT_EQ(failing->response->body,
            "[+]data_corruption ok\n[+]serializable_read ok\n[-]linearizable_read failed: no leader\n"
            "[+]non_learner ok\n");
  EXPECT_EQ(status("GET", "/readyz/linearizable_read"), 503);
  EXPECT_EQ(status("GET", "/readyz/serializable_read"), 200);
  EXPECT_EQ(status("GET", "/readyz?exclude=linearizable_read"), 200);
  EXPECT_EQ(status("GET", "/livez"), 200);
  member.leader = 1;
  member.refuse_reads = {Code::deadline_exceeded, "etcdserver: request timed out"};
  EXPECT_NE(http("GET", "/readyz")
                ->response->body.find("[-]linearizable_read failed: etcdserver: request timed out\n"),
            std::string::npos);
}

TEST_F(RestApi, AbsentKeysHaveNoTagThatMatches) {
  EXPECT_EQ(status("PUT", "/v1/kv/a", "1", {{"if-match", "\"0\""}}), 412);
}

TEST_F(RestApi, MissingKeysAre404) {
  EXPECT_EQ(code("GET", "/v1/kv/nope"), "key_not_found");
  EXPECT_EQ(status("GET", "/v1/kv/nope"), 404);
  const auto deleted = http("DELETE", "/v1/kv/nope");
  EXPECT_EQ(Json::parse(deleted->response->body)["deleted"], 0);
}

TEST_F(RestApi, AWriteAtAFollowerIsRedirectedWithPathAndQuery) {
  member.leader = 2;
  const auto call = http("PUT", "/v1/kv/a%2Fb?prev=true", "1");
  EXPECT_EQ(call->response->status, 307);
  EXPECT_EQ(call->header("location"), "http://127.0.0.1:2381/v1/kv/a%2Fb?prev=true");
  EXPECT_EQ(call->header("cairn-leader"), "n2; url=\"http://127.0.0.1:2381\"");
  EXPECT_EQ(Json::parse(call->response->body)["leader"], "http://127.0.0.1:2381");
  EXPECT_TRUE(member.writes.empty());
  EXPECT_EQ(status("DELETE", "/v1/kv/a"), 307);
  EXPECT_EQ(status("PUT", "/v1/kv/a", "1", {{"cairn-route", "forward"}}), 201);
  EXPECT_EQ(member.writes.size(), 1u);
}

TEST_F(RestApi, WithoutALeaderWritesWaitForOneAndArePassedOn) {
  member.leader = 0;
  EXPECT_EQ(status("PUT", "/v1/kv/a", "1"), 201);
  EXPECT_EQ(member.last_leader_deadline, member.now() + Config{}.leader_patience);
  EXPECT_LT(member.last_leader_deadline, member.last_deadline);
}

TEST_F(RestApi, WithoutALeaderForLongWritesAre503) {
  member.leader = 0;
  member.refuse_writes = etcd::error_of(Reason::no_leader);
  const auto call = http("PUT", "/v1/kv/a", "1");
  EXPECT_EQ(call->response->status, 503);
  EXPECT_EQ(call->header("retry-after"), "1");
  EXPECT_EQ(call->header("cairn-leader"), "none");
}

TEST_F(RestApi, AReadAtAFollowerIsLocalUnlessAskedOtherwise) {
  member.leader = 2;
  EXPECT_EQ(http("GET", "/v1/kv?prefix=a")->header("cairn-consistency"), "local");
  EXPECT_EQ(http("GET", "/v1/kv/a")->header("cairn-applied-index"), "0");
  EXPECT_EQ(member.linearizable_reads, 0);
  EXPECT_EQ(http("GET", "/v1/kv/a?consistency=linearizable")->header("cairn-consistency"), "linearizable");
  EXPECT_EQ(member.linearizable_reads, 1);
  EXPECT_EQ(status("GET", "/v1/kv/a?consistency=strong"), 400);
}

TEST_F(RestApi, AnUnknownOutcomeIsNamedSo) {
  member.refuse_writes = etcd::error_of(Reason::timed_out);
  EXPECT_EQ(code("PUT", "/v1/kv/a", "1"), "outcome_unknown");
  EXPECT_EQ(status("PUT", "/v1/kv/a", "1"), 504);
  member.refuse_writes = etcd::error_of(Reason::no_leader);
  EXPECT_EQ(code("PUT", "/v1/kv/a", "1"), "no_leader");
  member.refuse_reads = etcd::error_of(Reason::timed_out);
  EXPECT_EQ(code("GET", "/v1/kv/a"), "timeout");
  member.drop_requests = true;
  EXPECT_EQ(code("PUT", "/v1/kv/a", "1"), "outcome_unknown");
}

TEST_F(RestApi, PagesTogetherAreOneState) {
  for (const char* key : {"p/a", "p/b", "p/c", "q"}) http("PUT", std::string("/v1/kv/") + key, "1");
  const Json first = Json::parse(http("GET", "/v1/kv?prefix=p/&limit=2")->response->body);
  EXPECT_EQ(first["kvs"].size(), 2u);
  EXPECT_EQ(first["more"], true);
  http("PUT", "/v1/kv/p/c", "changed");
  http("DELETE", "/v1/kv/p/a");
  const std::string next =
      "/v1/kv?prefix=p/&limit=2&keys_only=false&cursor=" + first["cursor"].get<std::string>();
  const Json second = Json::parse(http("GET", next)->response->body);
  ASSERT_EQ(second["kvs"].size(), 1u);
  EXPECT_EQ(second["kvs"][0]["key"], "p/c");
  EXPECT_EQ(second["kvs"][0]["value"], "1");
  EXPECT_EQ(second["more"], false);
  EXPECT_EQ(second["revision"], first["revision"]);
}

TEST_F(RestApi, ACursorMustBelongToTheListing) {
  EXPECT_EQ(status("GET", "/v1/kv?prefix=p/&cursor=5.cQ"), 400);  // the key "q"
  EXPECT_EQ(status("GET", "/v1/kv?cursor=nonsense"), 400);
  EXPECT_EQ(status("GET", "/v1/kv?cursor=-1.cQ"), 400);
  EXPECT_EQ(status("GET", "/v1/kv?limit=0"), 400);
  EXPECT_EQ(status("GET", "/v1/kv?limit=10001"), 400);
  EXPECT_EQ(status("GET", "/v1/kv?limit=x"), 400);
}

TEST_F(RestApi, CompactedAndFutureRevisions) {
  EXPECT_EQ(code("GET", "/v1/kv/a?rev=9"), "future_revision");
  http("PUT", "/v1/kv/a", "1");
  http("PUT", "/v1/kv/a", "2");
  etcdserverpb::CompactionRequest compaction;
  compaction.set_revision(3);
  const auto call = std::make_shared<FakeGrpcCall>();
  call->path = "/etcdserverpb.KV/Compact";
  serve(api, call, compaction.SerializeAsString());
  ASSERT_EQ(call->code, Code::ok);
  EXPECT_EQ(status("GET", "/v1/kv/a?rev=2"), 410);
  EXPECT_EQ(status("GET", "/v1/kv?cursor=2.YQ"), 410);
}

TEST_F(RestApi, DeletingEverythingHasToBeSaid) {
  for (const char* key : {"p/a", "p/b", "q"}) http("PUT", std::string("/v1/kv/") + key, "1");
  EXPECT_EQ(code("DELETE", "/v1/kv?prefix="), "prefix_empty");
  EXPECT_EQ(Json::parse(http("DELETE", "/v1/kv?prefix=p/")->response->body)["deleted"], 2);
  EXPECT_EQ(Json::parse(http("DELETE", "/v1/kv?all=true")->response->body)["deleted"], 1);
}

TEST_F(RestApi, TxnIsReadable) {
  const std::string create = R"({"if":[{"key":"a","target":"exists","value":false}],
      "then":[{"put":{"key":"a","value":"1"}},{"put":{"key":{"base64":"/wA="},"value":"2"}}],
      "else":[{"get":{"key":"a"}}]})";
  const Json first = Json::parse(http("POST", "/v1/txn", create)->response->body);
  EXPECT_EQ(first["succeeded"], true);
  EXPECT_EQ(first["revision"], 2);
  const Json second = Json::parse(http("POST", "/v1/txn", create)->response->body);
  EXPECT_EQ(second["succeeded"], false);
  EXPECT_EQ(second["results"][0]["get"]["kvs"][0]["value"], "1");
}

TEST_F(RestApi, TxnNamesThePlaceOfAMistake) {
  const auto detail = [&](const std::string& body) {
    const auto call = http("POST", "/v1/txn", body);
    EXPECT_EQ(call->response->status, 400);
    return Json::parse(call->response->body)["detail"].get<std::string>();
  };
  EXPECT_EQ(detail(R"({"then":[{"put":{"key":"a"}}]})"), "then[0].put.value is missing");
  EXPECT_EQ(detail(R"({"then":[{"get":{}}]})"), "then[0].get needs either key or prefix");
  EXPECT_NE(detail(R"({"when":[]})").find("unknown member 'when'"), std::string::npos);
  EXPECT_NE(detail(R"({"if":[{"key":"a","target":"mod","value":1.5}]})").find("whole number"),
            std::string::npos);
  EXPECT_NE(detail("{").find("malformed JSON"), std::string::npos);
  EXPECT_NE(detail(std::string(40, '[')).find("deeper"), std::string::npos);
  EXPECT_TRUE(member.writes.empty());
}

TEST_F(RestApi, BadInputLeavesEverythingAsItWas) {
  EXPECT_EQ(code("PUT", "/v1/kv/", "1"), "key_empty");
  EXPECT_EQ(status("PUT", "/v1/kv/%zz", "1"), 400);
  EXPECT_EQ(status("PUT", "/v1/kv/a%2", "1"), 400);
  EXPECT_EQ(status("PUT", "/v1/kv/$?enc=base64url", "1"), 400);
  EXPECT_EQ(status("PUT", "/v1/kv/a?enc=rot13", "1"), 400);
  EXPECT_EQ(status("PUT", "/v1/kv/a?ttl=x", "1"), 400);
  EXPECT_EQ(code("PUT", "/v1/kv/a", std::string(etcd::kRequestBytesMax, 'x')), "too_large");
  EXPECT_EQ(status("PUT", "/v1/kv/a", std::string(etcd::kRequestBytesMax, 'x')), 413);
  EXPECT_EQ(status("PUT", "/v1/kv/a", "1", {{"idempotency-key", std::string(300, 'k')}}), 400);
  EXPECT_EQ(status("GET", "/nope"), 404);
  const auto method = http("POST", "/v1/kv/a");
  EXPECT_EQ(method->response->status, 405);
  EXPECT_EQ(method->header("allow"), "GET, HEAD, PUT, DELETE, OPTIONS");
  EXPECT_TRUE(member.writes.empty());
}

TEST(RestLimits, ARequestHasAsLongAsTheConfigSays) {
  FakeMember member;
  Api api{{.name = "n1",
           .request_timeout = std::chrono::milliseconds(300),
           .leader_patience = std::chrono::milliseconds(20)},
          member};
  auto call = std::make_shared<FakeHttpCall>();
  call->asked = {"PUT", "/v1/kv/a", {}, "1"};
  api.on_http(call);
  EXPECT_EQ(member.last_deadline, member.now() + std::chrono::milliseconds(300));
  EXPECT_EQ(member.last_leader_deadline, member.now() + std::chrono::milliseconds(20));
}

TEST(RestLimits, NestingAndParametersAreCountedBeforeAnythingElse) {
  FakeMember member;
  Api api{{.name = "n1", .json_depth_max = 4, .query_parameters_max = 2}, member};
  const auto detail = [&](const std::string& method, const std::string& target, const std::string& body) {
    auto call = std::make_shared<FakeHttpCall>();
    call->asked = {method, target, {}, body};
    api.on_http(call);
    return call->response ? std::to_string(call->response->status) + " " + call->response->body : "";
  };
  // An object, a list in it, an object in that, and one more.
  const std::string four = R"({"then":[{"put":{"key":"a","value":"b"}}]})";
  EXPECT_EQ(detail("POST", "/v1/txn", four).find("nests deeper"), std::string::npos);
  const std::string five = R"({"then":[{"put":{"key":{"base64":"YQ=="},"value":"b"}}]})";
  EXPECT_NE(detail("POST", "/v1/txn", five).find("JSON nests deeper than 4 levels"), std::string::npos);
  EXPECT_EQ(detail("GET", "/v1/kv?prefix=&limit=1", "").find("query parameters"), std::string::npos);
  const std::string three = detail("GET", "/v1/kv?prefix=&limit=1&consistency=local", "");
  EXPECT_NE(three.find("400 "), std::string::npos) << three;
  EXPECT_NE(three.find("more than 2 query parameters"), std::string::npos) << three;
}

TEST_F(RestApi, PagesOfOneKeyListEverything) {
  Config narrow;
  narrow.name = "n1";
  narrow.page_keys_default = narrow.page_keys_max = 1;
  narrow.page_bytes_max = 1;
  narrow.page_step_keys = 1;
  Api pages(narrow, member);
  for (const char* target : {"/v1/kv/a", "/v1/kv/b", "/v1/kv/c"}) EXPECT_EQ(status("PUT", target, "1"), 201);
  std::string cursor, keys;
  do {
    const auto call = std::make_shared<FakeHttpCall>();
    call->asked = {"GET", "/v1/kv?prefix=" + (cursor.empty() ? "" : "&cursor=" + cursor), {}, ""};
    pages.on_http(call);
    const Json json = Json::parse(call->response->body);
    ASSERT_EQ(json["kvs"].size(), 1U);
    keys += json["kvs"][0]["key"].get<std::string>();
    cursor = json.value("cursor", "");
  } while (!cursor.empty());
  EXPECT_EQ(keys, "abc");
  EXPECT_EQ(status("GET", "/v1/kv?prefix=&limit=2"), 200) << "as usual";
}

TEST_F(RestApi, IdempotencyKeyAppliesOnce) {
  const rpc::Headers key = {{"idempotency-key", "k"}, {"if-none-match", "*"}};
  EXPECT_EQ(status("PUT", "/v1/kv/a", "1", key), 201);
  EXPECT_EQ(status("PUT", "/v1/kv/a", "1", key), 201);
  EXPECT_EQ(http("GET", "/v1/kv/a")->header("cairn-version"), "1");
}

TEST_F(RestApi, AKeyThatMayBeForgottenIsRefused) {
  for (int i = 0; i < 9; ++i) EXPECT_EQ(status("PUT", "/v1/kv/a", "1") / 100, 2);
  const auto put = [&](const char* key, const char* revision) {
    return http("PUT", "/v1/kv/a", "1", {{"idempotency-key", key}, {"idempotency-revision", revision}});
  };
  EXPECT_EQ(put("k1", "10")->header("cairn-revision"), "11");
  EXPECT_EQ(put("k2", "11")->header("cairn-revision"), "12") << "forgets k1";
  const auto retry = put("k1", "10");
  EXPECT_EQ(retry->response->status, 409);
  EXPECT_NE(retry->response->body.find("idempotency_key_too_old"), std::string::npos);
  EXPECT_EQ(put("k2", "11")->header("cairn-revision"), "12");
  EXPECT_EQ(http("GET", "/v1/kv/a")->header("cairn-version"), "11");
  for (const char* revision : {"0", "-1", "x", "1x", "99"})
    EXPECT_NE(put("k3", revision)->response->body.find("idempotency_revision_invalid"), std::string::npos)
        << revision;
  EXPECT_EQ(status("PUT", "/v1/kv/a", "1", {{"idempotency-revision", "1"}}), 400) << "without a key";
}

TEST_F(RestApi, HealthNeedsAQuorumAndLivezDoesNot) {
  EXPECT_EQ(http("GET", "/health")->response->body, "{\"health\":\"true\",\"reason\":\"\"}\n");
  EXPECT_EQ(status("GET", "/readyz"), 200);
  member.leader = 0;
  EXPECT_EQ(status("GET", "/health"), 503);
  EXPECT_EQ(status("GET", "/health?serializable=true"), 200);
  EXPECT_EQ(status("GET", "/readyz"), 503);
  EXPECT_EQ(http("GET", "/livez")->response->body, "ok\n");
}

std::string alarm_request(etcdserverpb::AlarmRequest::AlarmAction action, etcdserverpb::AlarmType type) {
  etcdserverpb::AlarmRequest request;
  request.set_action(action);
  request.set_memberid(2);
  request.set_alarm(type);
  return request.SerializeAsString();
}

TEST_F(RestApi, AlarmsAreUnhealthyUnlessTheyAreExcluded) {
  using etcdserverpb::AlarmRequest;
  struct Ignore final : node::WriteResponder {
    void done(mvcc::Outcome outcome) override { EXPECT_EQ(outcome.code, Code::ok); }
  };
  const auto alarm = [&](AlarmRequest::AlarmAction action, etcdserverpb::AlarmType type) {
    member.write({.kind = node::CommandKind::alarm,
                  .request = alarm_request(action, type),
                  .idempotency_key = {},
                  .deadline = member.now(),
                  .responder = std::make_unique<Ignore>()});
  };
  alarm(AlarmRequest::ACTIVATE, etcdserverpb::NOSPACE);
  EXPECT_EQ(http("GET", "/health")->response->body, "{\"health\":\"false\",\"reason\":\"ALARM NOSPACE\"}\n");
  EXPECT_EQ(status("GET", "/health"), 503);
  EXPECT_EQ(status("GET", "/health?exclude=NOSPACE"), 200);
  EXPECT_EQ(status("GET", "/health?serializable=true"), 503);
  EXPECT_EQ(status("GET", "/readyz"), 200) << "it serves reads";
  EXPECT_EQ(code("PUT", "/v1/kv/a", "1"), "no_space");
  const Json body = Json::parse(http("GET", "/v1/status")->response->body);
  EXPECT_EQ(body["alarms"], Json::parse(R"([{"member":"0000000000000002","alarm":"NOSPACE"}])"));
  EXPECT_EQ(body["memory"],
            Json::parse(R"({"live_bytes":10,"history_bytes":20,"log_bytes":30,"quota_bytes":1234})"));
  EXPECT_NE(std::string(body["summary"]).find("alarm NOSPACE: writes are refused"), std::string::npos);
  alarm(AlarmRequest::ACTIVATE, etcdserverpb::CORRUPT);
  EXPECT_EQ(http("GET", "/health?exclude=NOSPACE")->response->body,
            "{\"health\":\"false\",\"reason\":\"ALARM CORRUPT\"}\n");
  EXPECT_EQ(http("GET", "/readyz/data_corruption")->response->body,
            "[-]data_corruption failed: alarm activated: CORRUPT\n");
  alarm(AlarmRequest::DEACTIVATE, etcdserverpb::CORRUPT);
  alarm(AlarmRequest::DEACTIVATE, etcdserverpb::NOSPACE);
  EXPECT_EQ(status("GET", "/health"), 200);
}

TEST_F(RestApi, ProbesAndRangesAreCounted) {
  http("GET", "/health");
  http("GET", "/health");
  http("GET", "/v1/kv/a");
  http("GET", "/v1/kv?prefix=a");
  member.leader = 0;
  http("GET", "/health");
  const std::string text = http("GET", "/metrics")->response->body;
  for (const char* const line : {"\netcd_server_health_success 2\n", "\netcd_server_health_failures 1\n",
                                 "\netcd_mvcc_range_total 2\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line;
}

TEST_F(RestApi, StatusSaysItInWords) {
  const Json json = Json::parse(http("GET", "/v1/status")->response->body);
  EXPECT_EQ(json["summary"], "2 members, healthy, tolerates 0 failures");
  EXPECT_EQ(json["healthy"], true);
  EXPECT_EQ(json["tolerates"], 0);
  EXPECT_EQ(json["leader"]["name"], "n1");
  EXPECT_EQ(json["log_space"], "plenty");
  EXPECT_EQ(json["peer_port_open"], false);
  EXPECT_EQ(json["members"].size(), 2u);
  EXPECT_EQ(Json::parse(http("GET", "/version")->response->body)["cairn"], "0.1.0");
}

struct OpenPeerPort : RestApi {
  OpenPeerPort() : RestApi({.name = "n1", .peer_port_open = true}) {}
};

TEST_F(OpenPeerPort, IsToldByStatus) {
  EXPECT_EQ(Json::parse(http("GET", "/v1/status")->response->body)["peer_port_open"], true);
}

TEST_F(RestApi, StatusCountsNobodyWhoStaysBehind) {
  member.stuck = "it cannot take a snapshot: no room";
  const Json json = Json::parse(http("GET", "/v1/status")->response->body);
  EXPECT_EQ(json["summary"], "2 members, 1 behind and cannot catch up, tolerates 0 failures");
  EXPECT_EQ(json["followers"][0]["stuck"], member.stuck);
  EXPECT_EQ(json["followers"][0]["behind"], true);
  EXPECT_EQ(json["healthy"], false);
  member.leader = 2;
  EXPECT_TRUE(Json::parse(http("GET", "/v1/status")->response->body)["tolerates"].is_null());
  EXPECT_TRUE(Json::parse(http("GET", "/v1/status")->response->body)["healthy"].is_null())
      << "a leader knows";
}

// A leader that has only just been elected knows nothing of who is cut off: not that it has forgotten.
TEST_F(RestApi, StatusSaysNothingOfWhoHasNotBeenHeard) {
  member.heard = false;
  const Json json = Json::parse(http("GET", "/v1/status")->response->body);
  for (const char* const unknown : {"match", "full", "behind_entries", "log_space"})
    EXPECT_TRUE(json["followers"][0][unknown].is_null()) << unknown;
  EXPECT_EQ(json["followers"][0]["active"], false);
  EXPECT_EQ(json["healthy"], false);
}

TEST_F(RestApi, StatusSaysWhatTheLogTakesAndTheDiskHas) {
  Json json = Json::parse(http("GET", "/v1/status")->response->body);
  for (const char* const unknown : {"log_bytes", "disk_free_bytes", "disk_total_bytes"})
    EXPECT_TRUE(json.contains(unknown) && json[unknown].is_null()) << "not known, and not 0: " << unknown;
  member.disk = {.log_bytes = 1, .free_bytes = 2, .total_bytes = 3};
  json = Json::parse(http("GET", "/v1/status")->response->body);
  EXPECT_EQ(json["log_bytes"], 1);
  EXPECT_EQ(json["disk_free_bytes"], 2);
  EXPECT_EQ(json["disk_total_bytes"], 3);
}

TEST_F(RestApi, WhomANewLeaderHasNotHeardYetIsNotSaidToHaveForgotten) {
  member.heard = false;
  member.active = true;
  EXPECT_EQ(Json::parse(http("GET", "/v1/status")->response->body)["summary"],
            "2 members, 1 not heard by this leader yet, tolerates 0 failures");
}

// Its connection was lost and is there again: perhaps somebody has emptied its directory meanwhile.
TEST_F(RestApi, WhoHasNotAnsweredSinceItWasLostIsNotHealthy) {
  member.active = true;
  member.current = false;
  const Json json = Json::parse(http("GET", "/v1/status")->response->body);
  EXPECT_EQ(json["summary"], "2 members, 1 not heard by this leader yet, tolerates 0 failures");
  EXPECT_EQ(json["healthy"], false);
  EXPECT_TRUE(json["followers"][0]["full"].is_null());
  EXPECT_FALSE(json["followers"][0]["match"].is_null()) << "what it had acknowledged is known";
}

TEST_F(RestApi, TooManyQuestionsAreRefusedAndNotDropped) {
  member.crowded = true;
  for (const char* target : {"/metrics", "/v1/status", "/v1/members"})
    EXPECT_EQ(http("GET", target)->response->status, 429) << target;
  EXPECT_EQ(http("GET", "/readyz")->response->status, 503);
}

}  // namespace
}  // namespace cairn::api
