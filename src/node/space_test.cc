// Full disks, as clients see them.
#include <gtest/gtest.h>

#include "etcd/reasons.h"
#include "node/mini_cluster_fixture.h"

namespace cairn::node {
namespace {

using std::chrono::milliseconds;

constexpr const char* kNoSpace = "etcdserver: mvcc: database space exceeded";
constexpr raft::Room kFull{std::uint64_t{8} << 20, true};

std::shared_ptr<std::optional<mvcc::Outcome>> write(MiniCluster& cluster, std::uint64_t id, CommandKind kind,
                                                    const google::protobuf::MessageLite& request) {
  auto result = std::make_shared<std::optional<mvcc::Outcome>>();
  cluster.handle(id, ClientWrite{.kind = kind,
                                 .request = request.SerializeAsString(),
                                 .idempotency_key = {},
                                 .deadline = cluster.now() + std::chrono::seconds(7),
                                 .responder = std::make_unique<WriteResult>(result)});
  return result;
}

etcdserverpb::DeleteRangeRequest deletion(const std::string& key) {
  etcdserverpb::DeleteRangeRequest request;
  request.set_key(key);
  return request;
}

etcdserverpb::TxnRequest txn(bool puts) {
  etcdserverpb::TxnRequest request;
  request.add_success()->mutable_request_delete_range()->set_key("a");
  etcdserverpb::RequestOp* nested = request.add_failure()->mutable_request_txn()->add_success();
  nested->mutable_request_range()->set_key("a");
  if (puts) nested->mutable_request_put()->set_key("b");
  return request;
}

void fill_all(MiniCluster& cluster, std::size_t members) {
  for (std::uint64_t id = 1; id <= members; ++id) cluster.set_room(id, kFull);
  cluster.advance(milliseconds(300));
}

void expect_no_space(const std::shared_ptr<std::optional<mvcc::Outcome>>& result) {
  ASSERT_TRUE(result->has_value());
  EXPECT_EQ((*result)->code, Code::resource_exhausted);
  EXPECT_EQ((*result)->error, kNoSpace);
}

void expect_ok(const std::shared_ptr<std::optional<mvcc::Outcome>>& result) {
  ASSERT_TRUE(result->has_value());
  EXPECT_EQ((*result)->code, Code::ok) << (*result)->error;
}

TEST(Space, WithoutRoomPutsAreRefusedAndDeletesAreNot) {
  MiniCluster cluster(3);
  const std::uint64_t leader = cluster.elect();
  const auto before = cluster.put(leader, "a", "1");
  cluster.settle();
  expect_ok(before);
  fill_all(cluster, 3);
  for (std::uint64_t id = 1; id <= 3; ++id) {  // the leader's clients, and those of followers
    const auto put = cluster.put(id, "b", "1");
    const auto putting = write(cluster, id, CommandKind::txn, txn(true));
    const auto deleting = write(cluster, id, CommandKind::txn, txn(false));
    const auto removal = write(cluster, id, CommandKind::delete_range, deletion("a"));
    cluster.settle();
    expect_no_space(put);
    expect_no_space(putting);
    expect_ok(deleting);
    expect_ok(removal);
  }
  const auto read = cluster.get(leader, "a");
  cluster.settle();
  EXPECT_EQ(read->value, "");
  EXPECT_EQ(cluster.node(leader).status().space, raft::Space::low);
  EXPECT_EQ(cluster.node(leader).status().space_for_writes, raft::Space::low);
}

TEST(Space, PutsGoOnAsSoonAsAQuorumHasRoom) {
  MiniCluster cluster(3);
  const std::uint64_t leader = cluster.elect();
  fill_all(cluster, 3);
  expect_no_space([&] {
    const auto put = cluster.put(leader, "a", "1");
    cluster.settle();
    return put;
  }());
  cluster.set_room(leader, raft::Room{});
  cluster.set_room(leader % 3 + 1, raft::Room{});
  cluster.advance(milliseconds(300));
  const auto after = cluster.put(leader, "a", "1");
  cluster.settle();
  expect_ok(after);
}

TEST(Space, AMinorityWithoutRoomIsNobodysBusiness) {
  MiniCluster cluster(3);
  const std::uint64_t leader = cluster.elect();
  const std::uint64_t follower = leader % 3 + 1;
  cluster.set_room(follower, kFull);
  cluster.advance(milliseconds(300));
  const auto through_leader = cluster.put(leader, "a", "1");
  const auto through_follower = cluster.put(follower, "b", "1");
  cluster.settle();
  expect_ok(through_leader);
  expect_ok(through_follower);
}

TEST(Space, ALeaderWithoutRoomHandsOverAndNoWriteIsRefused) {
  MiniCluster cluster(3);
  const std::uint64_t leader = cluster.elect();
  cluster.set_room(leader, kFull);
  cluster.advance(milliseconds(300));
  EXPECT_NE(cluster.node(leader).leader(), raft::NodeId{leader});
  const auto put = cluster.put(leader, "a", "1");
  cluster.advance(milliseconds(100));
  expect_ok(put);
}

TEST(Space, ASnapshotThatFailedIsTriedAgainAsSoonAsThereIsRoom) {
  MiniCluster cluster(1, [](Config* config) { config->snapshot_log_bytes_min = 1000; });
  ASSERT_EQ(cluster.elect(), 1U);
  cluster.fail_saves(1, true);
  const auto put = cluster.put(1, "a", std::string(2000, 'v'));
  cluster.settle();
  cluster.set_room(1, kFull);
  cluster.advance(milliseconds(200));
  expect_ok(put);
  EXPECT_EQ(cluster.snapshots_saved(1), 0U);
  cluster.fail_saves(1, false);
  cluster.advance(milliseconds(200));
  EXPECT_EQ(cluster.snapshots_saved(1), 0U);  // not yet
  cluster.set_room(1, raft::Room{});
  cluster.advance(milliseconds(200));
  EXPECT_EQ(cluster.snapshots_saved(1), 1U);
}

// Its leader goes on without it: it would wait for what it cannot store until the time of its clients runs
// out.
class FollowerWithoutRoom : public testing::Test {
 protected:
  FollowerWithoutRoom() {
    expect_ok(settled(cluster_.put(follower_, "a", "1")));
    cluster_.set_room(follower_, raft::Room{0, true});
    cluster_.advance(milliseconds(300));
    expect_ok(settled(cluster_.put(leader_, "a", "2")));
    cluster_.advance(milliseconds(300));
  }
  std::shared_ptr<std::optional<mvcc::Outcome>> settled(
      std::shared_ptr<std::optional<mvcc::Outcome>> result) {
    cluster_.settle();
    return result;
  }

  MiniCluster cluster_{3};
  const std::uint64_t leader_ = cluster_.elect(), follower_ = leader_ % 3 + 1;
};

TEST_F(FollowerWithoutRoom, KeepsNoLinearizableReadsAndServesLocalOnes) {
  const auto read = cluster_.get(follower_, "a");
  cluster_.settle();
  ASSERT_TRUE(read->error.has_value()) << "at once";
  EXPECT_EQ(read->error->message, etcd::error_of(Reason::no_room_here).message);
  EXPECT_EQ(read->error->code, Code::unavailable);
  const auto local = cluster_.get(follower_, "a", true);
  cluster_.settle();
  EXPECT_EQ(local->value, "1");
  cluster_.set_room(follower_, raft::Room{});
  cluster_.advance(milliseconds(500));
  const auto after = cluster_.get(follower_, "a");
  cluster_.settle();
  EXPECT_EQ(after->value, "2");
}

TEST_F(FollowerWithoutRoom, SendsNoWriteThatItCouldNotAnswer) {
  for (const auto& refused :
       {settled(cluster_.put(follower_, "b", "1")),
        settled(write(cluster_, follower_, CommandKind::delete_range, deletion("a")))}) {
    ASSERT_TRUE(refused->has_value());
    EXPECT_EQ((*refused)->code, Code::unavailable);
    EXPECT_EQ((*refused)->error, etcd::error_of(Reason::no_room_here).message);
  }
  const auto b = cluster_.get(leader_, "b"), a = cluster_.get(leader_, "a");
  cluster_.settle();
  EXPECT_EQ(b->value, "");
  EXPECT_EQ(a->value, "2");
}

TEST(Space, ALonelyMemberServesReadsAndDeletes) {
  MiniCluster cluster(1);
  ASSERT_EQ(cluster.elect(), 1U);
  cluster.set_room(1, raft::Room{0, true});
  const auto removal = write(cluster, 1, CommandKind::delete_range, deletion("a"));
  cluster.settle();
  expect_no_space(removal);  // not even what is set aside is left
  cluster.set_room(1, kFull);
  const auto put = cluster.put(1, "a", "1");
  const auto again = write(cluster, 1, CommandKind::delete_range, deletion("a"));
  cluster.settle();
  expect_no_space(put);
  expect_ok(again);
}

const FollowerStatus& follower(const MemberStatus& status, std::uint64_t id) {
  for (const FollowerStatus& each : status.followers)
    if (each.id == raft::NodeId{id}) return each;
  ADD_FAILURE() << "nobody leads, or not " << id;
  return status.followers.front();
}

// Who lacks what there was two seconds ago is not counted; who cannot change it is told apart, with the
// reason, and is asked less and less, and goes on by itself.
TEST(Space, AFollowerWithoutRoomForASnapshotIsBehindAndIsOfferedItLessAndLess) {
  MiniCluster cluster(3, [](Config* config) {
    config->snapshot_log_bytes_min = 4096;
    config->raft.log_keep_bytes = 0;
    config->raft.log_keep_lagging_bytes = 0;
    config->raft.snapshot_refused_wait_max = std::chrono::seconds(3);
  });
  const std::uint64_t leader = cluster.elect();
  const std::uint64_t small = leader % 3 + 1, other = small % 3 + 1;
  cluster.advance(milliseconds(300));
  EXPECT_FALSE(follower(cluster.node(leader).status(), small).behind);
  cluster.cut(small);
  for (int i = 0; i < 200; ++i) {
    cluster.put(leader, "key", std::string(100, 'x'));
    cluster.settle();
  }
  cluster.refuse_snapshots(small, "needs 100 bytes more, and 10 are free");
  cluster.heal();
  cluster.advance(std::chrono::seconds(10));
  const MemberStatus status = cluster.node(leader).status();
  EXPECT_TRUE(follower(status, small).active);
  EXPECT_TRUE(follower(status, small).behind);
  EXPECT_EQ(follower(status, small).stuck,
            "it cannot take a snapshot: needs 100 bytes more, and 10 are free");
  EXPECT_FALSE(follower(status, other).behind);
  EXPECT_EQ(follower(status, other).stuck, "");
  const auto read = cluster.get(small, "key");
  const auto put = cluster.put(small, "forwarded", "v");
  cluster.settle();
  ASSERT_TRUE(read->error.has_value()) << "at once: what it waits for cannot come";
  EXPECT_EQ(read->error->message, etcd::error_of(Reason::no_room_here).message);
  ASSERT_TRUE(put->has_value()) << "it could not be answered";
  EXPECT_EQ((*put)->error, etcd::error_of(Reason::no_room_here).message);
  const std::size_t offered = cluster.snapshots_offered(leader);
  EXPECT_LE(offered, 10U) << "0.1, 0.2, 0.4 s, and so on";
  cluster.advance(std::chrono::seconds(30));
  EXPECT_LE(cluster.snapshots_offered(leader), offered + 11) << "every three seconds";
  EXPECT_GE(cluster.snapshots_offered(leader), offered + 8) << "it is not given up";
  cluster.refuse_snapshots(small, "");
  cluster.advance(std::chrono::seconds(4));
  EXPECT_EQ(cluster.node(small).view()->hash(), cluster.node(leader).view()->hash());
  EXPECT_FALSE(follower(cluster.node(leader).status(), small).behind);
  EXPECT_EQ(follower(cluster.node(leader).status(), small).stuck, "");
  const auto again = cluster.get(small, "key");
  cluster.settle();
  EXPECT_EQ(again->value, std::string(100, 'x'));
}

// The leader may keep the log that it lacks, or a new one may: then no snapshot comes, and none is waited
// for.
TEST(Space, AFollowerWithoutRoomForASnapshotTakesTheLogInItsPlace) {
  MiniCluster cluster(3);
  const std::uint64_t leader = cluster.elect();
  const std::uint64_t small = leader % 3 + 1;
  cluster.settle();
  cluster.handle(small, SnapshotNotTaken{});
  const auto refused = cluster.put(small, "key", "1");
  cluster.settle();
  ASSERT_TRUE(refused->has_value());
  EXPECT_EQ((*refused)->error, etcd::error_of(Reason::no_room_here).message);
  cluster.put(leader, "key", "2");
  cluster.settle();
  const auto taken = cluster.put(small, "key", "v");
  cluster.settle();
  expect_ok(taken);
  const auto read = cluster.get(small, "key");
  cluster.settle();
  EXPECT_EQ(read->value, "v");
}

TEST(Space, AFollowerThatLeavesEntriesOutIsBehind) {
  MiniCluster cluster(3);
  const std::uint64_t leader = cluster.elect();
  const std::uint64_t small = leader % 3 + 1;
  cluster.settle();
  cluster.set_room(small, {100, true});
  cluster.advance(milliseconds(300));
  EXPECT_FALSE(follower(cluster.node(leader).status(), small).behind) << "it has all there is";
  const auto put = cluster.put(leader, "a", std::string(1000, 'x'));
  cluster.advance(std::chrono::seconds(5));
  expect_ok(put);
  EXPECT_TRUE(follower(cluster.node(leader).status(), small).behind);
  EXPECT_EQ(follower(cluster.node(leader).status(), small).stuck, "its disk has no room for the log");
  cluster.set_room(small, {std::uint64_t{1} << 30, false});
  cluster.advance(std::chrono::seconds(2));
  EXPECT_FALSE(follower(cluster.node(leader).status(), small).behind);
}

TEST(Space, WhoIsBehindIsSaidAfterTheTimeOfTheConfiguration) {
  MiniCluster cluster(3, [](Config* config) { config->behind_after = std::chrono::seconds(5); });
  const std::uint64_t leader = cluster.elect();
  const std::uint64_t small = leader % 3 + 1;
  cluster.settle();
  cluster.set_room(small, {100, true});
  cluster.put(leader, "a", std::string(1000, 'x'));
  cluster.advance(milliseconds(4500));
  EXPECT_FALSE(follower(cluster.node(leader).status(), small).behind);
  cluster.advance(milliseconds(1000));
  EXPECT_TRUE(follower(cluster.node(leader).status(), small).behind);
}

}  // namespace
}  // namespace cairn::node
