// PUT with ?ttl=: a key that comes with a lease of its own.
#include "api/rest_fixture.h"

namespace cairn::api {
namespace {

struct RestLease : RestApi {};

std::optional<mvcc::LeaseInfo> lease_of(const FakeMember& member, const std::string& id) {
  return member.view()->lease(std::stoll(id));
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

}  // namespace
}  // namespace cairn::api
