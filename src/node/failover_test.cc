// Writes and reads that are under way when the leader goes: docs/adr/0011-writes-wait-for-the-next-leader.md.
// Every test counts revisions: a write that is executed twice makes one more of them.
#include <gtest/gtest.h>

#include <chrono>

#include "node/command_codec.h"
#include "node/mini_cluster_fixture.h"
#include "raft/state.h"

namespace cairn::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Result = std::shared_ptr<std::optional<mvcc::Outcome>>;

std::uint64_t other_than(std::uint64_t leader) { return leader == 1 ? 2 : 1; }

::testing::AssertionResult was_written_at(const Result& result, std::int64_t revision) {
  if (!result->has_value()) return ::testing::AssertionFailure() << "not answered";
  if ((*result)->code != Code::ok) return ::testing::AssertionFailure() << (*result)->error;
  if ((*result)->revision == revision) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "at revision " << (*result)->revision;
}

// One of three leads and has committed an entry of its term; the two others, of which one is asked.
struct Trio {
  explicit Trio(std::function<void(Config*)> tune = {})
      : cluster(3, std::move(tune)),
        leader(cluster.elect()),
        asked(other_than(leader)),
        third(6 - leader - asked) {
    cluster.advance(milliseconds(200));
  }
  raft::Term term(std::uint64_t id) { return cluster.node(id).status().term; }
  // What request a member's next client gets: its first one had the seed, see MiniCluster.
  static std::uint64_t first_request_id(std::uint64_t id) { return id << 32U; }

  MiniCluster cluster;
  const std::uint64_t leader, asked, third;
};

TEST(Failover, WriteForwardedToADeadLeaderIsProposedByTheNextOne) {
  Trio trio;
  trio.cluster.cut(trio.leader);
  const Result result = trio.cluster.put(trio.asked, "a", "1");
  trio.cluster.settle();
  ASSERT_FALSE(result->has_value());
  ASSERT_NE(trio.cluster.elect(), trio.leader);
  EXPECT_TRUE(result->has_value() || trio.cluster.node(trio.asked).deadline() <= trio.cluster.now())
      << "it neither sent the write again nor wants a turn for it at once";
  trio.cluster.advance(milliseconds(200));
  EXPECT_TRUE(was_written_at(result, 2));
  EXPECT_EQ(trio.cluster.node(trio.asked).status().retried_writes, 1U);
}

TEST(Failover, WriteThatIsSentAgainKeepsItsIdempotencyKey) {
  Trio trio;
  const auto put = [&trio] {
    Result result = std::make_shared<std::optional<mvcc::Outcome>>();
    trio.cluster.handle(trio.asked, ClientWrite{.kind = CommandKind::put,
                                                .request = "\n\1a",
                                                .idempotency_key = "once",
                                                .deadline = trio.cluster.now() + seconds(7),
                                                .responder = std::make_unique<WriteResult>(result),
                                                .leader_deadline = trio.cluster.now() + seconds(7)});
    return result;
  };
  trio.cluster.cut(trio.leader);
  const Result first = put();
  trio.cluster.settle();
  ASSERT_NE(trio.cluster.elect(), trio.leader);
  trio.cluster.advance(milliseconds(200));
  EXPECT_TRUE(was_written_at(first, 2));
  EXPECT_EQ(trio.cluster.node(trio.asked).status().retried_writes, 1U);
  const Result second = put();
  trio.cluster.advance(milliseconds(200));
  EXPECT_TRUE(second->has_value() && (*second)->code == Code::ok);
  EXPECT_EQ(trio.cluster.node(trio.asked).view()->revision(), 2);
}

// Its owner may have sent it elsewhere since.
TEST(Failover, ANoteThatWasMeantForAnEarlierTermIsNotProposed) {
  Trio trio;
  trio.cluster.cut(trio.leader);
  const std::uint64_t leads = trio.cluster.elect();
  ASSERT_NE(leads, trio.leader);
  trio.cluster.heal();
  trio.cluster.advance(milliseconds(500));
  const raft::Term term = trio.term(leads);
  ASSERT_EQ(trio.cluster.node(leads).leader(), raft::NodeId{leads});
  for (const raft::Term meant_for : {term.prev(), term}) {
    std::string batch;
    append_command({.request_id = Trio::first_request_id(trio.third) + 5}, CommandKind::put, "\n\1a", &batch);
    trio.cluster.handle(leads, NoteReceived{raft::NodeId{trio.third}, forward_note(meant_for, batch)});
    trio.cluster.advance(milliseconds(200));
    EXPECT_EQ(trio.cluster.node(leads).view()->revision(), meant_for == term ? 2 : 1);
  }
}

// Idempotency keys age by what leaders say of time, and by nobody's wall clock:
// docs/adr/0014-once-means-once.md.

Result put_once(Trio* trio, std::uint64_t id, const char* key = "once", std::int64_t revision = 0) {
  Result result = std::make_shared<std::optional<mvcc::Outcome>>();
  trio->cluster.handle(id, ClientWrite{.kind = CommandKind::put,
                                       .request = "\n\1a",
                                       .idempotency_key = key,
                                       .deadline = trio->cluster.now() + seconds(7),
                                       .responder = std::make_unique<WriteResult>(result),
                                       .leader_deadline = trio->cluster.now() + seconds(7),
                                       .idempotency_revision = revision});
  trio->cluster.advance(milliseconds(50));
  return result;
}

TEST(Once, WallClocksThatStepOrDifferChangeNothing) {
  Trio trio;
  constexpr std::int64_t kHour = 3'600'000;
  EXPECT_TRUE(was_written_at(put_once(&trio, trio.leader), 2));
  trio.cluster.set_wall_ms(trio.asked, kHour);
  EXPECT_TRUE(was_written_at(put_once(&trio, trio.asked, "another"), 3)) << "by a forwarder an hour ahead";
  EXPECT_TRUE(was_written_at(put_once(&trio, trio.leader), 2));
  for (const std::int64_t wall_ms : {48 * kHour, std::int64_t{5}, 7 * kHour}) {
    trio.cluster.set_wall_ms(trio.leader, wall_ms);
    trio.cluster.put(trio.leader, "b", "1");
    EXPECT_TRUE(was_written_at(put_once(&trio, trio.leader), 2)) << wall_ms;
  }
  trio.cluster.set_wall_ms(trio.third, 99 * kHour);
  trio.cluster.cut(trio.leader);
  const std::uint64_t next = trio.cluster.elect();
  ASSERT_NE(next, trio.leader);
  trio.cluster.put(next, "b", "1");
  EXPECT_TRUE(was_written_at(put_once(&trio, next), 2)) << "by a leader with another clock";
}

TEST(Once, TimePassesAsLeadersSeeItAndStandsStillBetweenThem) {
  Trio trio;
  EXPECT_TRUE(was_written_at(put_once(&trio, trio.leader), 2));
  // An hour in which nobody leads; no leader has seen it pass.
  for (std::uint64_t id = 1; id <= 3; ++id) trio.cluster.cut(id);
  trio.cluster.advance(std::chrono::hours(1));
  trio.cluster.heal();
  std::uint64_t leader = trio.cluster.elect();
  trio.cluster.advance(milliseconds(500));
  leader = trio.cluster.elect();
  EXPECT_TRUE(was_written_at(put_once(&trio, leader), 2));
  const std::int64_t revision = trio.cluster.node(leader).view()->revision();
  // Eleven minutes under one leader, who writes now and then.
  for (int minute = 0; minute < 11; ++minute) {
    trio.cluster.advance(seconds(60));
    ASSERT_EQ(trio.cluster.elect(), leader);
    trio.cluster.put(leader, "b", "1");
    trio.cluster.advance(milliseconds(50));
  }
  EXPECT_TRUE(was_written_at(put_once(&trio, leader), revision + 12)) << "its time is over";
  const Result stamped = put_once(&trio, leader, "stamped", 2);
  ASSERT_TRUE(stamped->has_value());
  EXPECT_EQ((*stamped)->code, Code::ok)
      << "what was forgotten has changed nothing later than that: " << (*stamped)->error;
  const Result older = put_once(&trio, leader, "older", 1);
  ASSERT_TRUE(older->has_value());
  EXPECT_EQ((*older)->code, Code::failed_precondition) << "it may be the one that was forgotten";
}

TEST(Failover, WriteThatTheDeadLeaderReplicatedIsAnsweredAndNotProposedAgain) {
  Trio trio;
  // Its entry reaches the others, their acknowledgements do not come back.
  trio.cluster.lose([&](const raft::Message& message) { return message.to.v == trio.leader; });
  const Result forwarded = trio.cluster.put(trio.asked, "a", "1");
  const Result own = trio.cluster.put(trio.leader, "b", "1");
  trio.cluster.settle();
  ASSERT_FALSE(forwarded->has_value() || own->has_value());
  trio.cluster.cut(trio.leader);
  ASSERT_NE(trio.cluster.elect(), trio.leader);
  trio.cluster.lose({});
  trio.cluster.heal();
  trio.cluster.advance(milliseconds(500));
  EXPECT_TRUE(forwarded->has_value() && (*forwarded)->code == Code::ok);
  EXPECT_TRUE(own->has_value() && (*own)->code == Code::ok);
  EXPECT_EQ(trio.cluster.node(trio.asked).view()->revision(), 3);
  EXPECT_EQ(trio.cluster.node(trio.leader).status().retried_writes, 0U);
}

TEST(Failover, WriteAtADeposedLeaderIsProposedByTheNextOne) {
  Trio trio;
  trio.cluster.cut(trio.leader);
  const Result result = trio.cluster.put(trio.leader, "a", "1", seconds(60));
  trio.cluster.settle();
  ASSERT_NE(trio.cluster.elect(), trio.leader);
  trio.cluster.heal();
  trio.cluster.advance(seconds(3));
  EXPECT_TRUE(was_written_at(result, 2));
}

// They shared an entry; each is sent again by the member that was asked for it, and by nobody else.
TEST(Failover, WritesOfOthersAreNotProposedAgainByADeposedLeader) {
  Trio trio;
  trio.cluster.cut(trio.leader);
  std::string batch;
  append_command({12345, 1, {}}, CommandKind::put, "\n\1b", &batch);
  trio.cluster.handle(trio.leader,
                      NoteReceived{raft::NodeId{trio.asked}, forward_note(trio.term(trio.leader), batch)});
  const Result own = trio.cluster.put(trio.leader, "a", "1", seconds(60));
  trio.cluster.settle();
  ASSERT_NE(trio.cluster.elect(), trio.leader);
  trio.cluster.heal();
  trio.cluster.advance(seconds(3));
  EXPECT_TRUE(was_written_at(own, 2));
  EXPECT_EQ(trio.cluster.node(trio.asked).view()->revision(), 2);
}

// The old leader's entry may be in the log of the next one, which does not know yet that it will commit.
TEST(Failover, WriteIsNotProposedAgainBeforeTheNextTermHasCommitted) {
  Trio trio;
  const raft::Term before = trio.term(trio.leader);
  trio.cluster.lose([&](const raft::Message& message) {
    return message.to.v == trio.leader ||
           (message.term > before && std::holds_alternative<raft::AppendReply>(message.body));
  });
  const Result result = trio.cluster.put(trio.asked, "a", "1", seconds(60));
  trio.cluster.settle();
  trio.cluster.cut(trio.leader);
  const std::uint64_t next = trio.cluster.elect();
  const MemberStatus elected = trio.cluster.node(next).status();
  trio.cluster.advance(milliseconds(500));
  ASSERT_EQ(trio.cluster.node(trio.asked).leader(), raft::NodeId{next});
  EXPECT_EQ(trio.cluster.node(next).status().last, elected.last) << "proposed again";
  trio.cluster.lose({});
  trio.cluster.advance(seconds(1));
  EXPECT_TRUE(was_written_at(result, 2));
  EXPECT_EQ(trio.cluster.node(next).view()->revision(), 2);
}

TEST(Failover, ForwardedWriteOfAnEarlierTermIsRefusedAlthoughTheReceiverLeads) {
  Trio trio;
  etcdserverpb::PutRequest put;
  put.set_key("late");
  std::string batch;
  append_command({12345, 1, {}}, CommandKind::put, put.SerializeAsString(), &batch);
  for (const std::uint64_t term : {trio.term(trio.leader).v - 1, trio.term(trio.leader).v + 1}) {
    trio.cluster.handle(trio.leader,
                        NoteReceived{raft::NodeId{trio.asked}, forward_note(raft::Term{term}, batch)});
    trio.cluster.advance(milliseconds(200));
    EXPECT_EQ(trio.cluster.node(trio.leader).view()->revision(), 1) << "of term " << term;
  }
  trio.cluster.handle(trio.leader,
                      NoteReceived{raft::NodeId{trio.asked}, forward_note(trio.term(trio.leader), batch)});
  trio.cluster.advance(milliseconds(200));
  EXPECT_EQ(trio.cluster.node(trio.leader).view()->revision(), 2);
}

TEST(Failover, RefusalOfAnEarlierTermSaysNothingOfWhatWasSentSince) {
  Trio trio;
  trio.cluster.hold_disk(trio.leader, true);
  trio.cluster.hold_disk(trio.third, true);
  const Result result = trio.cluster.put(trio.asked, "a", "1");
  trio.cluster.settle();
  ASSERT_FALSE(result->has_value());
  std::string batch;
  append_command({Trio::first_request_id(trio.asked), 1, {}}, CommandKind::put, "", &batch);
  const raft::Term earlier{trio.term(trio.leader).v - 1};
  trio.cluster.handle(trio.asked,
                      NoteReceived{raft::NodeId{trio.leader},
                                   refusal_note(earlier, batch, {Code::unavailable, "not leader"})});
  trio.cluster.advance(milliseconds(200));
  trio.cluster.hold_disk(trio.leader, false);
  trio.cluster.hold_disk(trio.third, false);
  trio.cluster.advance(milliseconds(200));
  EXPECT_TRUE(was_written_at(result, 2));
  EXPECT_EQ(trio.cluster.node(trio.leader).view()->revision(), 2);
}

// The snapshot may hold it: nobody here has seen it being applied.
TEST(Failover, WriteThatASnapshotMayHoldIsNeverProposedAgain) {
  Trio trio([](Config* config) {
    config->snapshot_log_bytes_min = 4096;
    config->raft.log_keep_bytes = 0;
    config->raft.log_keep_lagging_bytes = 0;
  });
  // The write leaves the member that was asked; nothing comes back to it.
  trio.cluster.lose([&](const raft::Message& message) { return message.to.v == trio.asked; });
  const Result result = trio.cluster.put(trio.asked, "once", "1", seconds(30));
  trio.cluster.settle();
  for (int i = 0; i < 200; ++i) {
    trio.cluster.put(trio.leader, "key", std::string(100, 'x'));
    trio.cluster.settle();
  }
  ASSERT_EQ(trio.cluster.get(trio.leader, "once", true)->value, "1");
  trio.cluster.lose({});
  trio.cluster.advance(seconds(2));
  ASSERT_GT(trio.cluster.snapshots_loaded(trio.asked), 0U);
  trio.cluster.cut(trio.leader);
  ASSERT_NE(trio.cluster.elect(), trio.leader);
  trio.cluster.advance(seconds(2));
  EXPECT_EQ(trio.cluster.node(trio.asked).view()->revision(), 202);
  trio.cluster.advance(seconds(30));
  ASSERT_TRUE(result->has_value());
  EXPECT_EQ((*result)->error, "etcdserver: request timed out, possibly due to previous leader failure");
}

TEST(Failover, WriteIsHeldFromTheMomentThatTheLeadersConnectionCloses) {
  Trio trio;
  trio.cluster.cut(trio.leader);
  trio.cluster.handle(trio.asked, PeerConnectionLost{raft::NodeId{trio.leader}});
  trio.cluster.handle(trio.third, PeerConnectionLost{raft::NodeId{trio.leader}});
  const Result result = trio.cluster.put(trio.asked, "a", "1");
  const auto read = trio.cluster.get(trio.third, "a");
  trio.cluster.settle();
  EXPECT_EQ(trio.cluster.node(trio.asked).leader(), raft::NodeId{});
  trio.cluster.advance(milliseconds(30));
  EXPECT_TRUE(was_written_at(result, 2)) << "within a few hundredths of a second";
  EXPECT_TRUE(read->value.has_value());
  EXPECT_EQ(trio.cluster.node(trio.asked).status().retried_writes, 0U) << "it was never sent to the dead one";
}

// Dropped on the way they would be "unknown" once their time is over, on a cluster that has nothing to do.
TEST(Failover, WritesThatFindNoRoomOnTheWayToTheLeaderWaitForIt) {
  Trio trio;
  trio.cluster.no_room_for_notes = true;
  std::vector<Result> kept;
  for (int i = 0; i < 10; ++i) kept.push_back(trio.cluster.put(trio.asked, "a" + std::to_string(i), "1"));
  const Result hasty = trio.cluster.put(trio.asked, "b", "1", milliseconds(100));
  trio.cluster.advance(milliseconds(300));
  for (const Result& each : kept) EXPECT_FALSE(each->has_value());
  ASSERT_TRUE(hasty->has_value());
  EXPECT_EQ((*hasty)->error, "etcdserver: too many requests") << "it surely has not happened";
  trio.cluster.no_room_for_notes = false;
  trio.cluster.advance(milliseconds(300));
  for (const Result& each : kept) EXPECT_TRUE(each->has_value() && (*each)->code == Code::ok);
  EXPECT_EQ(trio.cluster.node(trio.asked).view()->revision(), 11) << "each once, and not the one given up";
}

TEST(Failover, WaitingWritesAreBoundedByCount) {
  MiniCluster cluster(3, [](Config* config) { config->pending_writes_max = 3; });
  std::vector<Result> kept;
  for (const char* key : {"a", "b", "c"}) kept.push_back(cluster.put(1, key, "1"));
  cluster.settle();
  const Result refused = cluster.put(1, "d", "1");
  ASSERT_TRUE(refused->has_value());
  EXPECT_EQ((*refused)->error, "etcdserver: too many requests");
  ASSERT_NE(cluster.elect(), 0U);
  cluster.advance(milliseconds(500));
  for (const Result& each : kept) EXPECT_TRUE(each->has_value() && (*each)->code == Code::ok);
}

TEST(Failover, WaitingWritesAreBoundedByBytes) {
  MiniCluster cluster(3, [](Config* config) { config->pending_write_bytes_max = 1300; });
  const Result first = cluster.put(1, "a", std::string(600, 'x'));
  const Result second = cluster.put(1, "b", std::string(600, 'x'));
  cluster.settle();
  const Result refused = cluster.put(1, "c", std::string(100, 'x'));
  ASSERT_TRUE(refused->has_value());
  EXPECT_EQ((*refused)->code, Code::resource_exhausted);
  ASSERT_NE(cluster.elect(), 0U);
  cluster.advance(milliseconds(500));
  EXPECT_TRUE(first->has_value() && second->has_value());
  const Result after = cluster.put(1, "c", "1");
  cluster.advance(milliseconds(200));
  EXPECT_TRUE(after->has_value() && (*after)->code == Code::ok) << "room again";
}

TEST(Failover, WriteThatNoLeaderTookSurelyDidNotHappen) {
  MiniCluster cluster(3);
  const Result impatient = cluster.put(1, "a", "1", seconds(7), milliseconds(100));
  const Result patient = cluster.put(1, "b", "1", milliseconds(300));
  // Nobody is elected.
  cluster.lose([](const raft::Message&) { return true; });
  cluster.advance(milliseconds(200));
  ASSERT_TRUE(impatient->has_value());
  EXPECT_EQ((*impatient)->error, "etcdserver: no leader");
  EXPECT_FALSE(patient->has_value());
  cluster.advance(milliseconds(200));
  ASSERT_TRUE(patient->has_value());
  EXPECT_EQ((*patient)->error, "etcdserver: no leader");
  cluster.lose({});
  ASSERT_NE(cluster.elect(), 0U);
  cluster.advance(seconds(1));
  EXPECT_EQ(cluster.node(1).view()->revision(), 1) << "not for the next leader either";
}

// The follower hears of the next leader before anything else of its term, and fails its reads in that turn.
TEST(Failover, ReadAtAFollowerThatDidNotVoteIsAskedOfTheNextLeader) {
  Trio trio;
  trio.cluster.lose([&](const raft::Message& message) {
    return std::holds_alternative<raft::ReadIndexRequest>(message.body);
  });
  const auto read = trio.cluster.get(trio.asked, "a");
  trio.cluster.settle();
  trio.cluster.lose({});
  const raft::State& state = trio.cluster.node(trio.asked).core().state();
  raft::AppendRequest heartbeat;
  heartbeat.prev_index = state.log.last();
  heartbeat.prev_term = state.log.last_term();
  trio.cluster.handle(trio.asked, MessageReceived{{raft::NodeId{trio.third}, raft::NodeId{trio.asked},
                                                   trio.term(trio.leader).next(), std::move(heartbeat)}});
  bool asked_again = false;
  trio.cluster.lose([&](const raft::Message& message) {
    asked_again |= message.to.v == trio.third && std::holds_alternative<raft::ReadIndexRequest>(message.body);
    return false;
  });
  trio.cluster.settle();
  EXPECT_LE(trio.cluster.node(trio.asked).deadline(), trio.cluster.now()) << "it wants a turn at once";
  trio.cluster.advance(milliseconds(10));
  EXPECT_TRUE(asked_again);
}

}  // namespace
}  // namespace cairn::node
