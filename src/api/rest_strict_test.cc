// What a request says is understood in full, or refused: conditions, flags, JSON, where a redirect leads.
#include "api/precondition.h"
#include "api/rest_fixture.h"

namespace cairn::api {
namespace {

using Json = nlohmann::json;

TEST(EntityTags, AreReadAsRfc9110WritesThem) {
  const auto tags = [](std::string_view text) {
    std::string out;
    const auto condition = parse_tags(text);
    if (!condition) return std::string("bad");
    if (condition->any) return std::string("any");
    for (const EntityTag& tag : condition->tags)
      out += (tag.weak ? "W" : "") + std::to_string(tag.revision) +
             (tag.of == Representation::json ? "j " : " ");
    return out;
  };
  EXPECT_EQ(tags("*"), "any");
  EXPECT_EQ(tags(" * "), "any");
  EXPECT_EQ(tags("\"42\""), "42 ");
  EXPECT_EQ(tags("W/\"42\" , \"43-json\",\t\"0\""), "W42 43j 0 ");
  for (const char* const bad :
       {"", " ", "42", "\"42", "\"\"", "\"-1\"", "\"4 2\"", "w/\"42\"", "\"42\",", ",\"42\"", "\"42\" \"43\"",
        "*, \"42\"", "\"99999999999999999999\"", "\"42-xml\"", "\"-json\""})
    EXPECT_EQ(tags(bad), "bad") << bad;
}

TEST_F(RestApi, APutSaysWhetherItCreated) {
  EXPECT_EQ(status("PUT", "/v1/kv/a", "1"), 201);
  EXPECT_EQ(status("PUT", "/v1/kv/a", "2"), 200);
  EXPECT_EQ(status("PUT", "/v1/kv/a", "3", {{"if-match", "*"}}), 200);
  EXPECT_EQ(status("DELETE", "/v1/kv/a"), 200);
  EXPECT_EQ(status("PUT", "/v1/kv/a", "4", {{"if-none-match", "\"2\""}}), 201);
  const auto put = http("PUT", "/v1/kv/a?prev=true", "5");
  EXPECT_EQ(Json::parse(put->response->body)["previous"]["value"], "4");
}

TEST_F(RestApi, ConditionsOfWritesAreListsOfTags) {
  http("PUT", "/v1/kv/a", "1");
  const auto put = [&](const char* name, const char* tags) {
    return status("PUT", "/v1/kv/a", "1", {{name, tags}});
  };
  EXPECT_EQ(put("if-match", "W/\"2\""), 412) << "no weak tag passes the strong comparison";
  EXPECT_EQ(put("if-match", "W/\"2\", \"2-json\""), 200);  // now at 3
  EXPECT_EQ(put("if-match", "\"3\", \"4\""), 400) << "of two revisions, one compare cannot say so";
  EXPECT_EQ(put("if-none-match", "\"7\", W/\"3\""), 412) << "weak comparison";
  EXPECT_EQ(put("if-none-match", "\"7\", \"8\""), 200);
  EXPECT_EQ(status("DELETE", "/v1/kv/a", "", {{"if-none-match", "*"}}), 412);
}

TEST_F(RestApi, ConditionsOfReadsAreHonoured) {
  http("PUT", "/v1/kv/a", "1");
  const auto get = [&](rpc::Headers headers, const char* key = "a") {
    return status("GET", "/v1/kv/" + std::string(key), "", std::move(headers));
  };
  EXPECT_EQ(get({{"if-none-match", "*"}}), 304);
  EXPECT_EQ(get({{"if-none-match", "\"1\", W/\"2\""}}), 304);
  EXPECT_EQ(get({{"if-none-match", "\"2-json\""}}), 200) << "of the other representation";
  EXPECT_EQ(get({{"if-match", "\"2\""}}), 200);
  EXPECT_EQ(get({{"if-match", "\"3\""}}), 412);
  EXPECT_EQ(get({{"if-match", "*"}}), 200);
  EXPECT_EQ(get({{"if-match", "*"}}, "missing"), 412);
  EXPECT_EQ(get({{"if-none-match", "*"}}, "missing"), 404);
  EXPECT_EQ(get({{"if-none-match", "nonsense"}}), 400);
  const auto json = http("GET", "/v1/kv/a", "", {{"accept", "application/json"}});
  EXPECT_EQ(json->header("etag"), "\"2-json\"");
  EXPECT_EQ(get({{"accept", "application/json"}, {"if-none-match", "\"2-json\""}}), 304);
  EXPECT_EQ(get({{"accept", "application/json"}, {"if-none-match", "\"2\""}}), 200);
}

// Who sends one believes that it holds.
TEST_F(RestApi, AConditionThatIsNotKnownIsRefused) {
  http("PUT", "/v1/kv/a", "1");
  for (const char* const name : {"if-modified-since", "if-unmodified-since", "if-range"}) {
    EXPECT_EQ(code("PUT", "/v1/kv/a", "2", {{name, "Sun, 06 Nov 1994 08:49:37 GMT"}}),
              "condition_not_supported");
    EXPECT_EQ(code("GET", "/v1/kv/a", "", {{name, "Sun, 06 Nov 1994 08:49:37 GMT"}}),
              "condition_not_supported");
  }
  for (const char* const name : {"if-match", "if-none-match"}) {
    EXPECT_EQ(code("DELETE", "/v1/kv?prefix=a", "", {{name, "\"2\""}}), "condition_not_supported");
    EXPECT_EQ(code("GET", "/v1/kv?prefix=a", "", {{name, "\"2\""}}), "condition_not_supported");
    EXPECT_EQ(code("POST", "/v1/txn", "{}", {{name, "\"2\""}}), "condition_not_supported");
  }
  EXPECT_EQ(member.writes.size(), 1u);
}

TEST_F(RestApi, AFragmentOrAStrangeFlagIsRefused) {
  EXPECT_EQ(status("PUT", "/v1/kv/a#b", "1"), 400);
  EXPECT_EQ(status("PUT", "/v1/kv/a?prev=yes", "1"), 400);
  EXPECT_EQ(status("DELETE", "/v1/kv?all=perhaps"), 400);
  EXPECT_TRUE(member.writes.empty());
}

TEST_F(RestApi, JsonIsReadOnce) {
  const auto detail = [&](const std::string& body) {
    const auto call = http("POST", "/v1/txn", body);
    EXPECT_EQ(call->response->status, 400) << body;
    return Json::parse(call->response->body)["detail"].get<std::string>();
  };
  EXPECT_NE(detail(R"({"if":[{"key":"a","target":"mod","value":1}],"if":[]})").find("member 'if' twice"),
            std::string::npos);
  EXPECT_NE(detail(R"({"then":[{"put":{"key":"a","value":"1","key":"b"}}]})").find("member 'key' twice"),
            std::string::npos);
  EXPECT_NE(
      detail(R"({"if":[{"key":"a","target":"mod","op":["!="],"value":1}]})").find("op must be a string"),
      std::string::npos);
  EXPECT_TRUE(member.writes.empty());
  EXPECT_EQ(status("POST", "/v1/txn", R"({"then":[{"put":{"key":"a","value":"1"}},{"get":{"key":"a"}}]})"),
            200)
      << "the same name in two objects";
}

// Of a leader that gives several addresses, the first that does not lead back.
TEST_F(RestApi, ARedirectNeverLeadsToThisMember) {
  member.leader = 2;
  const auto location = [&](const char* host) {
    return http("PUT", "/v1/kv/a", "1", {{"host", host}})->header("location");
  };
  member.publish(2, {"http://zeta:1", "http://alpha:1"});
  EXPECT_EQ(location("n1:2379"), "http://zeta:1/v1/kv/a") << "in the operator's order";
  EXPECT_EQ(location("zeta:1"), "http://alpha:1/v1/kv/a") << "it was asked at that one";
  member.publish(2, {"http://127.0.0.1:2379", "http://alpha:1/"});  // the first is this member's own
  EXPECT_EQ(location("n1:2379"), "http://alpha:1/v1/kv/a");
  member.publish(2, {"http://127.0.0.1:2379"});
  const std::size_t before = member.writes.size();
  EXPECT_EQ(status("PUT", "/v1/kv/a", "1"), 201) << "nowhere to send it: passed on";
  EXPECT_EQ(member.writes.size(), before + 1);
}

// A client that waits with its body is told where to send it.
TEST_F(RestApi, ARedirectNeedsNoBody) {
  const auto early = [&](const char* method, const char* target, rpc::Headers headers = {}) {
    const auto answer = api.answer_early({method, target, std::move(headers), ""});
    return answer ? answer->status : 0;
  };
  EXPECT_EQ(early("PUT", "/v1/kv/a"), 0) << "it leads";
  member.leader = 2;
  EXPECT_EQ(early("PUT", "/v1/kv/a"), 307);
  EXPECT_EQ(early("PUT", "/v1/kv/a", {{"cairn-route", "forward"}}), 0);
  EXPECT_EQ(early("POST", "/v1/txn"), 0) << "it may be a read";
  EXPECT_EQ(early("PUT", "/v1/kv/%zz#"), 0);
  member.leader = 0;
  EXPECT_EQ(early("PUT", "/v1/kv/a"), 0);
  EXPECT_TRUE(member.writes.empty());
}

TEST_F(RestApi, AKeyUsedForAnotherRequestIs422) {
  EXPECT_EQ(status("PUT", "/v1/kv/a", "1", {{"idempotency-key", "k"}}), 201);
  EXPECT_EQ(code("PUT", "/v1/kv/a", "2", {{"idempotency-key", "k"}}), "idempotency_key_reused");
  EXPECT_EQ(status("PUT", "/v1/kv/a", "2", {{"idempotency-key", "k"}}), 422);
  EXPECT_EQ(http("GET", "/v1/kv/a")->response->body, "1");
}

TEST_F(RestApi, AHeaderThatGuardsAWriteIsGivenOnce) {
  for (const char* const name :
       {"idempotency-key", "idempotency-revision", "cairn-route", "cairn-timeout-ms"})
    EXPECT_EQ(code("PUT", "/v1/kv/a", "1", {{name, "1"}, {name, "2"}}), "header_given_twice");
  EXPECT_TRUE(member.writes.empty());
}

TEST_F(RestApi, AClientsPatienceIsANumberOfMilliseconds) {
  for (const char* const text : {"", "0", "-1", "1.5", "1s", "99999999999"})
    EXPECT_EQ(code("PUT", "/v1/kv/a", "1", {{"cairn-timeout-ms", text}}), "timeout_invalid") << text;
  EXPECT_TRUE(member.writes.empty());
  EXPECT_EQ(status("PUT", "/v1/kv/a", "1", {{"cairn-timeout-ms", "250"}}), 201);
  EXPECT_EQ(member.last_leader_deadline - member.now(), std::chrono::milliseconds(250));
}

TEST_F(RestApi, ProblemsHaveATypeAndAnswersACachePolicy) {
  const auto missing = http("GET", "/v1/kv/nope");
  EXPECT_EQ(Json::parse(missing->response->body)["type"], "urn:cairn:problem:key_not_found");
  EXPECT_EQ(missing->header("cache-control"), "no-store");
  http("PUT", "/v1/kv/a", "1");
  EXPECT_EQ(http("GET", "/v1/kv/a")->header("cache-control"), "no-cache");
  EXPECT_EQ(http("GET", "/v1/status")->header("cache-control"), "no-store");
}

TEST_F(RestApi, OptionsTellsTheMethods) {
  const auto options = http("OPTIONS", "/v1/kv/a");
  EXPECT_EQ(options->response->status, 204);
  EXPECT_EQ(options->header("allow"), "GET, HEAD, PUT, DELETE, OPTIONS");
  EXPECT_EQ(http("OPTIONS", "*")->response->status, 204);
  EXPECT_EQ(options->header("access-control-allow-origin"), "") << "nobody named it";
}

struct CorsTest : RestApi {
  CorsTest() : RestApi({.name = "n1", .cors_origins = {"https://ui.example"}}) {}
};

TEST_F(CorsTest, PagesOfNamedOriginsAreLetIn) {
  const rpc::Headers preflight = {{"origin", "https://ui.example"}, {"access-control-request-method", "PUT"}};
  const auto asked = http("OPTIONS", "/v1/kv/a", "", preflight);
  EXPECT_EQ(asked->header("access-control-allow-origin"), "https://ui.example");
  EXPECT_NE(asked->header("access-control-allow-methods").find("PUT"), std::string::npos);
  EXPECT_NE(asked->header("access-control-allow-headers").find("If-Match"), std::string::npos);
  const auto got = http("GET", "/v1/kv/a", "", {{"origin", "https://ui.example"}});
  EXPECT_EQ(got->header("access-control-allow-origin"), "https://ui.example");
  EXPECT_EQ(status("PUT", "/v1/kv/a", "1", {{"origin", "https://ui.example"}}), 201);
  EXPECT_EQ(status("PUT", "/v1/kv/a", "1", {{"origin", "http://n1:2379"}, {"host", "n1:2379"}}), 200);
  EXPECT_EQ(code("POST", "/v1/txn", "{}", {{"origin", "http://evil"}, {"host", "n1:2379"}}),
            "origin_not_allowed");
  for (const char* const other : {"https://ui.example.evil", "http://ui.example", "null"})
    EXPECT_EQ(http("GET", "/v1/kv/a", "", {{"origin", other}})->header("access-control-allow-origin"), "");
}

}  // namespace
}  // namespace cairn::api
