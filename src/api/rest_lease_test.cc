// Leases over REST: of a key that comes with its own, and those that are granted, kept and revoked.
#include "api/rest_fixture.h"

namespace cairn::api {
namespace {

struct RestLease : RestApi {};

std::optional<mvcc::LeaseInfo> lease_of(const FakeMember& member, const std::string& id) {
  return member.view()->lease(static_cast<std::int64_t>(std::stoull(id, nullptr, 16)));
}

TEST_F(RestLease, AKeyComesWithItsLease) {
  const auto put = http("PUT", "/v1/kv/a?ttl=30s", "1");
  EXPECT_EQ(put->response->status, 201);
  const std::string id = put->header("cairn-lease");
  ASSERT_FALSE(id.empty());
  EXPECT_EQ(lease_of(member, id)->ttl_s, 30);
  EXPECT_EQ(http("GET", "/v1/kv/a")->header("cairn-lease"), id);
  EXPECT_EQ(http("PUT", "/v1/kv/a", "2")->header("cairn-lease"), "");
  EXPECT_EQ(http("GET", "/v1/kv/a")->header("cairn-lease"), "") << "and stays";
}

TEST_F(RestLease, TtlsAreSecondsOrHaveAUnit) {
  for (const auto& [text, seconds] :
       std::map<std::string, int>{{"45", 45}, {"45s", 45}, {"3m", 180}, {"2h", 7200}, {"1", 2}})
    EXPECT_EQ(lease_of(member, http("PUT", "/v1/kv/a?ttl=" + text, "1")->header("cairn-lease"))->ttl_s,
              seconds);
  for (const char* text :
       {"", "0", "-1", "s", "1d", "1ss", "1.5s", "9000000001", "3000000h", "99999999999999999999"})
    EXPECT_EQ(status("PUT", "/v1/kv/a?ttl=" + std::string(text), "1"), 400) << text;
}

TEST_F(RestLease, AConditionThatFailsGrantsNothing) {
  EXPECT_EQ(status("PUT", "/v1/kv/a", "1"), 201);
  EXPECT_EQ(status("PUT", "/v1/kv/a?ttl=30s", "2", {{"if-none-match", "*"}}), 412);
  EXPECT_EQ(member.view()->lease_count(), 0u);
  EXPECT_EQ(status("PUT", "/v1/kv/b?ttl=30s", "2", {{"if-none-match", "*"}}), 201);
  EXPECT_EQ(member.view()->lease_count(), 1u);
}

TEST_F(RestLease, ARepeatedWriteHasTheSameLease) {
  const rpc::Headers once = {{"idempotency-key", "k"}};
  const auto first = http("PUT", "/v1/kv/a?ttl=30s", "1", once),
             second = http("PUT", "/v1/kv/a?ttl=30s", "1", once);
  EXPECT_EQ(second->response->status, 201);
  EXPECT_EQ(first->header("cairn-lease"), second->header("cairn-lease"));
  EXPECT_EQ(member.view()->lease_count(), 1u);
}

std::string granted(RestApi& rest, const std::string& body = R"({"ttl":"30s"})") {
  const auto call = rest.http("POST", "/v1/leases", body);
  EXPECT_EQ(call->response->status, 201) << call->response->body;
  return nlohmann::json::parse(call->response->body)["id"];
}

std::string body_of(const std::shared_ptr<FakeHttpCall>& call) { return call->response->body; }

TEST_F(RestLease, IsGrantedByItsTtlAndNamedBySixteenDigits) {
  const auto call = http("POST", "/v1/leases", R"({"ttl":"3m"})");
  EXPECT_EQ(call->response->status, 201);
  EXPECT_EQ(call->header("cairn-revision"), "1");
  const auto json = nlohmann::json::parse(body_of(call));
  EXPECT_EQ(json["id"].get<std::string>().size(), 16u);
  EXPECT_EQ(json["ttl"], 180);
  EXPECT_EQ(lease_of(member, json["id"])->ttl_s, 180);
  EXPECT_EQ(lease_of(member, granted(*this, R"({"ttl":1})"))->ttl_s, 2) << "raised";
  for (const char* const bad : {"", "{}", R"({"ttl":-1})", R"({"ttl":1.5})", R"({"ttl":"x"})", R"({"ttl":0})",
                                R"({"ttl":[]})", R"({"ttl":9000000001})", R"({"ttl":"1s","id":"7"})"})
    EXPECT_EQ(status("POST", "/v1/leases", bad), 400) << bad;
  const rpc::Headers once = {{"idempotency-key", "k"}};
  EXPECT_EQ(body_of(http("POST", "/v1/leases", R"({"ttl":9})", once)),
            body_of(http("POST", "/v1/leases", R"({"ttl":9})", once)));
  EXPECT_EQ(member.view()->lease_count(), 3u);
}

TEST_F(RestLease, ListsThemByIdAPageAtATime) {
  for (int i = 0; i < 3; ++i) granted(*this);
  const auto first = nlohmann::json::parse(body_of(http("GET", "/v1/leases?limit=2")));
  EXPECT_EQ(first["leases"].size(), 2u);
  EXPECT_EQ(first["leases"][0]["ttl"], 30);
  EXPECT_TRUE(first["more"]);
  const std::string last = first["leases"][1]["id"];
  const auto rest = nlohmann::json::parse(body_of(http("GET", "/v1/leases?limit=2&after=" + last)));
  EXPECT_EQ(rest["leases"].size(), 1u);
  EXPECT_FALSE(rest["more"]);
  EXPECT_GT(rest["leases"][0]["id"].get<std::string>(), last);
  EXPECT_EQ(status("GET", "/v1/leases?after=x"), 400);
  Config narrow{.name = "n1"};
  ASSERT_EQ(narrow.page_keys_max, 10000) << "and no more than that";
}

TEST_F(RestLease, TellsWhatIsLeftAndWhichKeysItHas) {
  const std::string id = granted(*this);
  EXPECT_EQ(status("PUT", "/v1/kv/a?lease=" + id, "1"), 201);
  member.lease_times[lease_of(member, id)->id] = {.left_s = 12, .granted_s = 30, .revision = 2};
  EXPECT_EQ(body_of(http("GET", "/v1/leases/" + id)),
            R"({"id":")" + id + "\",\"ttl\":12,\"granted_ttl\":30}\n");
  EXPECT_EQ(body_of(http("GET", "/v1/leases/" + id + "?keys")),
            R"({"id":")" + id + "\",\"ttl\":12,\"granted_ttl\":30,\"keys\":[\"a\"]}\n");
  EXPECT_EQ(code("GET", "/v1/leases/77"), "lease_not_found");
  EXPECT_EQ(status("GET", "/v1/leases/77"), 404);
  for (const char* const bad : {"x", "0", "12345678901234567", "-1"})
    EXPECT_EQ(status("GET", std::string("/v1/leases/") + bad), 400) << bad;
}

TEST_F(RestLease, IsKeptAliveAndRevoked) {
  const std::string id = granted(*this);
  member.lease_times[lease_of(member, id)->id] = {.left_s = 12, .granted_s = 30, .revision = 2};
  EXPECT_EQ(body_of(http("POST", "/v1/leases/" + id + "/keep-alive")),
            R"({"id":")" + id + "\",\"ttl\":30}\n");
  EXPECT_EQ(code("POST", "/v1/leases/77/keep-alive"), "lease_not_found");
  EXPECT_EQ(status("POST", "/v1/leases/" + id + "/other"), 404);
  http("PUT", "/v1/kv/a?lease=" + id, "1");
  const auto revoked = http("DELETE", "/v1/leases/" + id);
  EXPECT_EQ(body_of(revoked), "{\"revision\":3}\n");
  EXPECT_EQ(status("GET", "/v1/kv/a"), 404);
  EXPECT_EQ(code("DELETE", "/v1/leases/" + id), "lease_not_found");
  EXPECT_EQ(status("PUT", "/v1/leases/" + id), 405);
}

TEST_F(RestLease, AWriteGoesToTheLeaderAndAKeepAliveAnywhere) {
  const std::string id = granted(*this);
  member.lease_times[lease_of(member, id)->id] = {.left_s = 12, .granted_s = 30, .revision = 2};
  member.leader = 2;
  EXPECT_EQ(status("POST", "/v1/leases", R"({"ttl":9})"), 307);
  EXPECT_EQ(status("DELETE", "/v1/leases/" + id), 307);
  EXPECT_EQ(status("POST", "/v1/leases/" + id + "/keep-alive"), 200);
  EXPECT_EQ(status("GET", "/v1/leases/" + id), 200);
}

TEST_F(RestLease, AKeyGetsALeaseThatThereIs) {
  const std::string id = granted(*this);
  const auto put = http("PUT", "/v1/kv/a?lease=" + id, "1");
  EXPECT_EQ(put->header("cairn-lease"), id);
  EXPECT_EQ(http("GET", "/v1/kv/a")->header("cairn-lease"), id);
  EXPECT_EQ(
      nlohmann::json::parse(body_of(http("GET", "/v1/kv/a", "", {{"accept", "application/json"}})))["lease"],
      id);
  EXPECT_EQ(code("PUT", "/v1/kv/b?lease=77", "1"), "lease_not_found");
  EXPECT_EQ(status("PUT", "/v1/kv/b?ttl=3&lease=" + id, "1"), 400);
  EXPECT_EQ(member.view()->lease_count(), 1u);
  const std::string txn = R"({"then":[{"put":{"key":"c","value":"1","lease":")" + id + R"("}}]})";
  EXPECT_EQ(status("POST", "/v1/txn", txn), 200);
  EXPECT_EQ(http("GET", "/v1/kv/c")->header("cairn-lease"), id);
  for (const char* const bad : {"7", R"("x")", R"("0")"})
    EXPECT_EQ(status("POST", "/v1/txn",
                     R"({"then":[{"put":{"key":"c","value":"1","lease":)" + std::string(bad) + "}}]}"),
              400)
        << bad;
}

}  // namespace
}  // namespace cairn::api
