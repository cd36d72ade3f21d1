// Locks over gRPC: who gets one when, and what is left of a call that ends before it has got one.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "api/queue_fixture.h"

namespace cairn::api {
namespace {

struct LockApi : QueueApi {
  Asked lock(std::int64_t lease, const std::string& name = "a") {
    v3lockpb::LockRequest request;
    request.set_name(name);
    request.set_lease(lease);
    return open("/v3lockpb.Lock/Lock", request);
  }
  std::string key_of(const Asked& asked) { return answer<v3lockpb::LockResponse>(asked).key(); }
  v3lockpb::UnlockResponse unlock(const std::string& key) {
    v3lockpb::UnlockRequest request;
    request.set_key(key);
    return answer<v3lockpb::UnlockResponse>(ask("/v3lockpb.Lock/Unlock", request));
  }
};

TEST_F(LockApi, IsHeldByTheOldestKeyUntilThatIsDeleted) {
  grant(0x1a);
  grant(2);
  const Asked first = lock(0x1a);
  EXPECT_EQ(key_of(first), "a/1a");
  EXPECT_EQ(answer<v3lockpb::LockResponse>(first).header().revision(), 2);
  EXPECT_EQ(member.linearizable_reads, 0) << "a free lock costs one write";
  const Asked second = lock(2);
  EXPECT_FALSE(second->finished);
  put("a/zzz", "younger than both");
  EXPECT_FALSE(second->finished);
  EXPECT_EQ(unlock("a/1a").header().revision(), 5);
  EXPECT_EQ(key_of(second), "a/2");
  EXPECT_EQ(answer<v3lockpb::LockResponse>(second).header().revision(), 5);
}

TEST_F(LockApi, UnlockAnswersWithAHeaderAlone) {
  put("x", "y");
  const std::string answer = ask_unlock_bytes("x");
  EXPECT_EQ(answer, answer_header_bytes());
  v3lockpb::UnlockRequest nothing;
  const Asked refused = ask("/v3lockpb.Lock/Unlock", nothing);
  EXPECT_EQ(refused->code, Code::invalid_argument);
  EXPECT_EQ(refused->message, "etcdserver: key is not provided");
}

TEST_F(LockApi, KeysAreNamedByTheirLeasesAsInGo) {
  grant(-0x10);
  EXPECT_EQ(key_of(lock(-0x10, "")), "/-10");
  const Asked refused = lock(77);
  EXPECT_EQ(refused->code, Code::not_found);
  EXPECT_EQ(refused->message, "etcdserver: requested lease not found");
}

TEST_F(LockApi, WithoutALeaseItGetsOneOfAMinute) {
  drawn = 14;
  EXPECT_EQ(key_of(lock(0)), "a/7");
  EXPECT_EQ(member.view()->lease(7)->ttl_s, 60);
}

TEST_F(LockApi, TheSameLeaseEntersOnce) {
  grant(1);
  grant(2);
  lock(1);
  EXPECT_EQ(key_of(lock(1)), "a/1") << "it holds it already";
  const Asked waits = lock(2), again = lock(2);
  EXPECT_EQ(keys(), "a/1 a/2");
  unlock("a/1");
  EXPECT_EQ(key_of(waits), "a/2");
  EXPECT_EQ(key_of(again), "a/2");
}

TEST_F(LockApi, TheEndOfALeaseFreesIt) {
  grant(1);
  grant(2);
  lock(1);
  const Asked waits = lock(2);
  revoke(1);
  EXPECT_EQ(key_of(waits), "a/2");
}

TEST_F(LockApi, WhoseLeaseEndsWhileItWaitsIsToldAtOnce) {
  grant(1);
  grant(2);
  lock(1);
  const Asked waits = lock(2);
  revoke(2);
  EXPECT_EQ(waits->code, Code::unknown);
  EXPECT_EQ(waits->message, "mutex: session is expired");
}

TEST_F(LockApi, WhoGoesWhileItWaitsIsInNobodysWay) {
  for (const int lease : {1, 2, 3}) grant(lease);
  lock(1);
  const Asked second = lock(2);
  const Asked third = lock(3);
  hang_up(second);
  EXPECT_EQ(keys(), "a/1 a/3");
  EXPECT_FALSE(third->finished);
  unlock("a/1");
  EXPECT_EQ(key_of(third), "a/3");
  EXPECT_TRUE(member.view()->lease(2)) << "the client's own";
}

TEST_F(LockApi, WhoGoesBeforeItsKeyIsThereLeavesNone) {
  grant(1);
  member.hold_writes = true;
  const Asked entering = lock(1);
  hang_up(entering);
  release_writes();
  EXPECT_EQ(keys(), "");
  EXPECT_EQ(key_of(lock(1)), "a/1");
  member.hold_writes = true;
  hang_up(lock(1));
  release_writes();
  EXPECT_EQ(keys(), "a/1") << "it held it before, and does so still";
}

TEST_F(LockApi, ALeaseOfItsOwnGoesWithTheCall) {
  grant(1);
  lock(1);
  drawn = 14;
  const Asked waits = lock(0);
  EXPECT_EQ(keys(), "a/1 a/7");
  hang_up(waits);
  EXPECT_EQ(keys(), "a/1");
  EXPECT_FALSE(member.view()->lease(7));
  member.hold_writes = true;
  hang_up(lock(0));
  release_writes();
  EXPECT_FALSE(member.view()->lease(7));
}

TEST_F(LockApi, EndsAtItsDeadlineAndTakesItsKeyAway) {
  grant(1);
  grant(2);
  lock(1);
  deadline = member.now() + std::chrono::seconds(100);
  const Asked waits = lock(2);
  pass(std::chrono::seconds(99));
  EXPECT_FALSE(waits->finished);
  pass(std::chrono::seconds(1));
  EXPECT_EQ(waits->code, Code::deadline_exceeded);
  EXPECT_EQ(waits->message, "context deadline exceeded");
  EXPECT_EQ(keys(), "a/1");
}

TEST_F(LockApi, AMemberThatStopsLeavesThePlaceToWhoComesBackElsewhere) {
  grant(1);
  grant(2);
  lock(1);
  const Asked waits = lock(2);
  api->stop();
  EXPECT_EQ(waits->code, Code::unavailable);
  EXPECT_EQ(waits->message, "etcdserver: server stopped");
  hang_up(waits);
  EXPECT_EQ(keys(), "a/1 a/2");
  EXPECT_EQ(lock(2)->message, "etcdserver: server stopped");
}

// Nobody looks but who has to, and everybody waits for one key.
TEST_F(LockApi, AChangeWakesOnlyWhoWaitsForIt) {
  for (const int lease : {1, 2, 3, 4}) grant(lease);
  lock(1);
  const Asked second = lock(2), third = lock(3), fourth = lock(4);
  member.linearizable_reads = 0;
  put("a/1", "again");
  put("b", "of another");
  EXPECT_EQ(member.linearizable_reads, 0);
  unlock("a/1");
  EXPECT_EQ(member.linearizable_reads, 1);
  EXPECT_TRUE(second->finished);
  unlock("a/3");  // fourth waits for second now, and third has lost its place
  EXPECT_EQ(member.linearizable_reads, 3);
  EXPECT_EQ(third->message, "mutex: session is expired");
  EXPECT_FALSE(fourth->finished);
  unlock("a/2");
  EXPECT_EQ(key_of(fourth), "a/4");
}

TEST_F(LockApi, NoMoreCallsThanTheLimitWait) {
  for (const int lease : {1, 2, 3, 4, 5}) grant(lease);
  lock(1);
  const Asked second = lock(2), third = lock(3), fourth = lock(4);
  ASSERT_EQ(config.queue_calls_max, 3u);
  const Asked refused = lock(5);
  EXPECT_EQ(refused->code, Code::resource_exhausted);
  EXPECT_EQ(
      refused->message,
      "cairn: 3 calls wait for locks and elections here, and no more can: try later, or at another member");
  EXPECT_EQ(keys(), "a/1 a/2 a/3 a/4") << "not even proposed";
  hang_up(second);
  EXPECT_FALSE(lock(5)->finished);
}

TEST_F(LockApi, WhoWantsALeaderWaitsOnlyWhileThereIsOne) {
  grant(1);
  grant(2);
  lock(1);
  metadata["hasleader"] = "true";
  const Asked waits = lock(2);
  member.leader = 0;
  pass(std::chrono::seconds(1));
  pass(std::chrono::seconds(4));
  EXPECT_EQ(waits->message, "etcdserver: no leader");
}

TEST_F(LockApi, RefusalsOnTheWayEndTheCall) {
  grant(1);
  grant(2);
  lock(1);
  EXPECT_EQ(lock(2, std::string(config.request_bytes_max, 'n'))->message, "etcdserver: request is too large");
  member.refuse_reads = {Code::unavailable, "etcdserver: request timed out"};
  EXPECT_EQ(lock(2)->message, "etcdserver: request timed out");
  EXPECT_EQ(keys(), "a/1") << "it is in nobody's way";
  member.refuse_writes = {Code::unavailable, "etcdserver: request timed out"};
  EXPECT_EQ(lock(0)->message, "etcdserver: request timed out");
  const Asked twice = open("/v3lockpb.Lock/Lock", v3lockpb::LockRequest(), 2);
  EXPECT_TRUE(twice->finished);
  EXPECT_EQ(open("/v3lockpb.Lock/Lock", v3lockpb::LockRequest(), 0)->message, "cairn: no request");
}

}  // namespace
}  // namespace cairn::api
