// Leases that are kept and turns that are waited for, over members whose answers are written down here.
#include "client/lease.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "client/transport.h"

namespace cairn::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// One member, which answers what the test has written down, in that order; the last answer repeats. Time
// passes only when the test or a pause of the client says so.
struct OneMember final : Transport {
  std::deque<std::variant<Response, Failure>> answers;
  std::vector<std::string> asked;
  std::vector<std::string> bodies;
  milliseconds passed{0};
  std::variant<Response, Failure> exchange(const std::string&, const Request& request,
                                           milliseconds) override {
    asked.push_back(request.method + " " + request.target);
    bodies.push_back(request.body);
    auto answer = answers.front();
    if (answers.size() > 1) answers.pop_front();
    return answer;
  }
  std::chrono::steady_clock::time_point now() override {
    return std::chrono::steady_clock::time_point(seconds(1000) + passed);
  }
  void sleep(milliseconds duration) override { passed += duration; }
};

struct Leases : testing::Test {
  OneMember* member = new OneMember;  // tidy-allow(new): the client owns it, one line below
  Client client{{.endpoints = {"http://a"}, .timeout = milliseconds(1000)},
                std::unique_ptr<Transport>(member)};

  static Response json(int status, const std::string& body) {
    return {status, {{"cairn-revision", "7"}}, body};
  }
  static Response gone() {
    return json(404, R"({"code":"lease_not_found","title":"There is no such lease"})");
  }
  KeptLease kept() { return KeptLease(client, {.id = "00000000000000ab", .ttl = seconds(30)}, client.now()); }
  void answer(std::vector<std::variant<Response, Failure>> with) {
    member->answers = {with.begin(), with.end()};
  }
  static Response page(const std::string& kvs) {
    return json(200, R"({"kvs":[)" + kvs + R"(],"revision":9,"more":false})");
  }
  static std::string kv(const std::string& key, int created) {
    return R"({"key":")" + key + R"(","create_revision":)" + std::to_string(created) + R"(,"mod_revision":)" +
           std::to_string(created) + R"(,"version":1})";
  }
};

TEST_F(Leases, AreGrantedLookedAtAndRevoked) {
  answer({json(201, R"({"id":"00000000000000ab","ttl":30})"),
          json(200, R"({"id":"00000000000000ab","ttl":12,"granted_ttl":30,"keys":["a",{"base64":"/w=="}]})"),
          json(200, R"({"leases":[{"id":"00000000000000ab","ttl":30}],"more":true})"),
          json(200, R"({"revision":7})"), gone()});
  EXPECT_EQ(client.grant_lease(seconds(30))->id, "00000000000000ab");
  const auto lease = client.lease("00000000000000ab", true);
  EXPECT_EQ(lease->ttl, seconds(12));
  EXPECT_EQ(lease->granted_ttl, seconds(30));
  EXPECT_EQ(lease->keys, (std::vector<std::string>{"a", "\xff"}));
  EXPECT_TRUE(client.leases("7", 1)->more);
  EXPECT_EQ(client.revoke_lease("00000000000000ab")->revision, 7);
  EXPECT_EQ(client.lease("00000000000000ab").error().reason, Reason::lease_not_found);
  EXPECT_EQ(member->bodies[0], R"({"ttl":30})");
  EXPECT_EQ(member->asked[2], "GET /v1/leases?consistency=linearizable&limit=1&after=7");
}

TEST_F(Leases, AreKeptAfterAThirdOfTheirTime) {
  KeptLease lease = kept();
  answer({json(200, R"({"id":"00000000000000ab","ttl":60})")});
  member->passed += milliseconds(9999);
  EXPECT_FALSE(lease.keep());
  EXPECT_TRUE(member->asked.empty()) << "not yet";
  member->passed += milliseconds(1);
  EXPECT_FALSE(lease.keep());
  EXPECT_EQ(member->asked.size(), 1u);
  EXPECT_EQ(lease.due(), client.now() + seconds(20)) << "a third of what it is now";
}

TEST_F(Leases, AreLostWhenTheClusterSaysSo) {
  KeptLease lease = kept();
  answer({gone()});
  member->passed += seconds(10);
  const auto error = lease.keep();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->reason, Reason::lease_not_found);
}

TEST_F(Leases, AreLostOnceTheirTimeIsOverWithoutAnAnswer) {
  KeptLease lease = kept();
  answer({Failure{true, "no answer"}});
  int tries = 0;
  while (client.now() < std::chrono::steady_clock::time_point(seconds(1029)) && tries < 1000) {
    ASSERT_FALSE(lease.keep()) << "it may still be there";
    ++tries;
    member->passed += std::max(std::chrono::ceil<milliseconds>(lease.due() - client.now()), milliseconds(0));
  }
  EXPECT_GT(tries, 5);
  EXPECT_LT(tries, 100) << "without haste";
  member->passed += seconds(2);
  ASSERT_TRUE(lease.keep());
}

TEST_F(Leases, TheFirstInTheQueueHasItsTurn) {
  Turn turn(client, "l", "00000000000000ab");
  EXPECT_EQ(turn.key(), "l/ab") << "as etcd's clients name it";
  answer({json(200, R"({"succeeded":true,"revision":5,"results":[{"put":{}},{"get":{"kvs":[)" +
                        kv("l/ab", 5) + "]}}]}"),
          page(kv("l/ab", 5) + "," + kv("l/c", 6))});
  EXPECT_EQ(turn.enter()->revision, 5);
  EXPECT_NE(member->bodies[0].find(R"("lease":"00000000000000ab")"), std::string::npos);
  EXPECT_TRUE(*turn.wait(milliseconds(0)));
}

TEST_F(Leases, WhoIsNotFirstWaitsForTheOneBefore) {
  Turn turn(client, "l", "00000000000000ab");
  const std::string none = R"({"type":"progress","revision":9})";
  const std::string deleted =
      R"({"type":"changes","revision":10,"events":[{"type":"delete","key":"l/b","mod_revision":10}]})";
  answer(
      {json(200, R"({"succeeded":false,"revision":9,"results":[{"get":{"kvs":[)" + kv("l/ab", 5) + "]}}]}"),
       page(kv("l/a", 3) + "," + kv("l/ab", 5) + "," + kv("l/b", 4) + "," + kv("l/c", 6)), json(200, none),
       json(200, deleted), page(kv("l/ab", 5))});
  EXPECT_EQ(turn.enter()->revision, 5);
  EXPECT_FALSE(*turn.wait(milliseconds(0)));
  EXPECT_NE(member->asked.back().find("key=bC9i&only=delete"), std::string::npos)
      << "l/b, " << member->asked.back();
  EXPECT_TRUE(*turn.wait(milliseconds(0)));
  EXPECT_EQ(member->asked.size(), 5u);
}

TEST_F(Leases, WhoseKeyHasGoneHasLostItsTurn) {
  Turn turn(client, "l", "00000000000000ab");
  answer(
      {json(200, R"({"succeeded":false,"revision":9,"results":[{"get":{"kvs":[)" + kv("l/ab", 5) + "]}}]}"),
       page(kv("l/ab", 8))});
  EXPECT_TRUE(turn.enter().ok());
  EXPECT_EQ(turn.wait(milliseconds(0)).error().code, "turn_lost") << "another key of that name";
}

TEST_F(Leases, TheHolderIsTheOldestKey) {
  answer({page(kv("l/a", 5) + "," + kv("l/b", 3)), page("")});
  EXPECT_EQ(holder(client, "l")->kv->key, "l/b");
  EXPECT_FALSE(holder(client, "l")->kv);
}

}  // namespace
}  // namespace cairn::client
