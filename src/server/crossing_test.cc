#include "server/crossing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <thread>

#include "server/keeping_replica_fixture.h"

namespace cairn::server {
namespace {

struct WriteNote final : node::WriteResponder {
  explicit WriteNote(std::vector<std::string>* to, std::string of = "") : notes(to), name(std::move(of)) {}
  ~WriteNote() override {
    if (!answered) notes->push_back(name + " dropped");
  }
  void done(mvcc::Outcome outcome) override {
    answered = true;
    notes->push_back(name + (outcome.code == Code::ok ? outcome.body : outcome.error));
  }
  std::vector<std::string>* notes;
  std::string name;
  bool answered = false;
};

struct ReadNote final : node::ReadResponder {
  explicit ReadNote(std::vector<std::string>* to) : notes(to) {}
  ~ReadNote() override {
    if (!answered) notes->push_back("dropped");
  }
  void ready(const mvcc::View& view) override {
    answered = true;
    notes->push_back("revision " + std::to_string(view.revision()));
    views.push_back(&view);
  }
  void failed(Error error) override {
    answered = true;
    notes->push_back(error.message);
  }
  std::vector<std::string>* notes;
  bool answered = false;
  static inline std::vector<const mvcc::View*> views;
};

struct LeaseNote final : node::LeaseResponder {
  explicit LeaseNote(std::vector<std::string>* to) : notes(to) {}
  ~LeaseNote() override {
    if (!answered) notes->push_back("dropped");
  }
  void done(const node::LeaseTime& time) override {
    answered = true;
    notes->push_back("left " + std::to_string(time.left_s));
  }
  void failed(Error error) override {
    answered = true;
    notes->push_back(error.message);
  }
  std::vector<std::string>* notes;
  bool answered = false;
};

// Both threads are this one: what a wake asks for happens when the test says so.
struct CrossingTest : testing::Test {
  explicit CrossingTest(const Crossing::Limits& given = {}) : limits(given) {}
  ~CrossingTest() override {  // as at the end of a process: what the replica still has goes first
    replica.writes.clear();
    replica.reads.clear();
    replica.moves.clear();
    replica.leases.clear();
    replica.changes.clear();
  }

  const Crossing::Limits limits;
  KeepingReplica replica;
  std::vector<std::string> notes;
  int loop_wakes = 0, front_end_wakes = 0, turn_ends = 0;
  Crossing crossing{replica,
                    {.loop = [this] { ++loop_wakes; },
                     .front_end = [this] { ++front_end_wakes; },
                     .turn_end = [this] { ++turn_ends; }},
                    limits};

  void write(const std::string& name, std::string request = "w") {
    crossing.write({.kind = node::CommandKind::put,
                    .request = std::move(request),
                    .idempotency_key = {},
                    .deadline = {},
                    .responder = std::make_unique<WriteNote>(&notes, name)});
  }
  void read(Duration deadline = {}, bool serializable = false) {
    crossing.read({.serializable = serializable,
                   .deadline = Time(deadline),
                   .responder = std::make_unique<ReadNote>(&notes)});
  }
  void lease() {
    crossing.lease({.kind = node::LeaseCallKind::keep_alive,
                    .id = 7,
                    .deadline = {},
                    .responder = std::make_unique<LeaseNote>(&notes)});
  }
  void cross() {
    crossing.send();
    crossing.arrived();
  }
  void come_back() {
    crossing.turn_ended();
    crossing.answered();
  }
};

struct NarrowCrossingTest : CrossingTest {
  NarrowCrossingTest() : CrossingTest({.writes_max = 1, .write_bytes_max = 1, .reads_max = 1}) {}
};

struct HastyCrossingTest : CrossingTest {
  HastyCrossingTest()
      : CrossingTest({.deadline_slack = std::chrono::milliseconds(3), .reads_looked_at = 2}) {}
};

using std::chrono::milliseconds;

TEST_F(NarrowCrossingTest, ChangesOfTheMembersCrossAndCountAsWrites) {
  std::vector<node::MembershipOutcome> told;
  const auto change = [&] {
    crossing.change_members({.kind = node::MembershipKind::remove,
                             .member = raft::NodeId{9},
                             .replaced = {},
                             .about = {},
                             .deadline = {},
                             .done = [&told](node::MembershipOutcome outcome) { told.push_back(outcome); }});
  };
  change();
  change();  // one too many
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].refusal, node::MembershipRefusal::overloaded);
  cross();
  ASSERT_EQ(replica.changes.size(), 1u);
  EXPECT_EQ(replica.changes[0].member, raft::NodeId{9});
  replica.changes[0].done({.kind = node::MembershipOutcome::Kind::made});
  replica.changes.clear();
  EXPECT_EQ(told.size(), 1u);  // on its own thread, later
  come_back();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[1].kind, node::MembershipOutcome::Kind::made);
  change();  // there is room again; dropped by the replica it is told nothing
  cross();
  ASSERT_EQ(replica.changes.size(), 1u);
  replica.changes.clear();
  come_back();
  EXPECT_EQ(told.size(), 2u);
  write("w");
  EXPECT_TRUE(notes.empty());
}

TEST_F(CrossingTest, ATurnCrossesWithOneWakeEachWay) {
  for (int i = 0; i < 100; ++i) write("w");
  for (int i = 0; i < 100; ++i) read();
  EXPECT_EQ(turn_ends, 1);
  EXPECT_EQ(loop_wakes, 0);
  crossing.send();
  EXPECT_EQ(loop_wakes, 1);
  crossing.arrived();
  EXPECT_EQ(replica.writes.size(), 100u);
  EXPECT_EQ(front_end_wakes, 0);
  for (auto& request : replica.writes) request.responder->done({});
  for (auto& request : replica.reads) request.responder->ready(*replica.view());
  EXPECT_TRUE(notes.empty());
  crossing.turn_ended();
  EXPECT_EQ(front_end_wakes, 1);
  EXPECT_TRUE(notes.empty());
  crossing.answered();
  EXPECT_EQ(notes.size(), 200u);
}

TEST_F(CrossingTest, LeadershipIsMovedFromHereToo) {
  const auto move = [this](std::uint64_t to) {
    crossing.move_leader(
        {.to = to, .deadline = {}, .responder = std::make_unique<WriteNote>(&notes, "move")});
  };
  move(7);
  cross();
  ASSERT_EQ(replica.moves.size(), 1u);
  EXPECT_EQ(replica.moves[0].to, 7u);
  replica.moves[0].responder->done({.code = Code::ok, .error = {}, .revision = 0, .body = "d"});
  come_back();
  EXPECT_EQ(notes, std::vector<std::string>{"moved"});
  move(8);
  cross();
  replica.moves.clear();
  come_back();
  EXPECT_EQ(notes.back(), "move dropped");
}

TEST_F(NarrowCrossingTest, MovesCountAsWrites) {
  write("w");
  crossing.move_leader({.to = 1, .deadline = {}, .responder = std::make_unique<WriteNote>(&notes, "move: ")});
  EXPECT_EQ(notes, std::vector<std::string>{"move: etcdserver: too many requests"});
}

TEST_F(CrossingTest, ASleepingSideIsWokenOnceForSeveralTurns) {
  write("a");
  crossing.send();
  write("b");
  crossing.send();
  EXPECT_EQ(loop_wakes, 1);
  crossing.arrived();
  EXPECT_EQ(replica.writes.size(), 2u);
  write("c");
  crossing.send();
  EXPECT_EQ(loop_wakes, 2);
}

TEST_F(CrossingTest, WritesCrossWholeAndInOrder) {
  write("a ", "1");
  write("b ", "2");
  cross();
  ASSERT_EQ(replica.writes.size(), 2u);
  EXPECT_EQ(replica.writes[0].request, "1");
  EXPECT_EQ(replica.writes[1].request, "2");
  replica.writes[1].responder->done({.code = Code::ok, .error = {}, .revision = 3, .body = "done"});
  replica.writes[0].responder->done({.code = Code::unavailable, .error = "no", .revision = 0, .body = {}});
  come_back();
  EXPECT_EQ(notes, (std::vector<std::string>{"b done", "a no"}));
}

TEST_F(CrossingTest, TheReadsOfATurnAreOneReadAndSeeOneView) {
  ReadNote::views.clear();
  read(milliseconds(1000));
  read(milliseconds(1010));
  read(milliseconds(1005));
  cross();
  ASSERT_EQ(replica.reads.size(), 1u);
  EXPECT_EQ(replica.reads[0].deadline, Time(milliseconds(1010)));
  replica.reads[0].responder->ready(*replica.view());
  // What is applied between the barrier and the query does not show.
  replica.machine.apply({1, 1}, "", nullptr);
  come_back();
  EXPECT_EQ(notes, std::vector<std::string>(3, "revision 1"));
  ASSERT_EQ(ReadNote::views.size(), 3u);
  EXPECT_EQ(ReadNote::views[0], ReadNote::views[2]);
}

TEST_F(CrossingTest, ReadsOfAnotherKindOrDeadlineStayApart) {
  read(milliseconds(1000));
  read(milliseconds(1000), true);
  read(milliseconds(1011));
  cross();
  ASSERT_EQ(replica.reads.size(), 3u);
  EXPECT_FALSE(replica.reads[0].serializable);
  EXPECT_TRUE(replica.reads[1].serializable);
  replica.reads[0].responder->failed({Code::unavailable, "timed out"});
  come_back();
  EXPECT_EQ(notes, std::vector<std::string>{"timed out"});
}

TEST_F(HastyCrossingTest, ReadsEndTogetherAsFarAsTheSlackGoes) {
  for (const int deadline_ms : {10, 10, 13, 14, 9}) read(milliseconds(deadline_ms));
  cross();
  ASSERT_EQ(replica.reads.size(), 3U) << "the first three end after 13 ms";
  EXPECT_EQ(replica.reads[0].deadline, Time(milliseconds(13)));
  EXPECT_EQ(replica.reads[1].deadline, Time(milliseconds(17))) << "it may not end earlier than it wants";
  EXPECT_EQ(replica.reads[2].deadline, Time(milliseconds(12))) << "nor later than the slack";
}

TEST_F(HastyCrossingTest, OnlyTheNewestReadsAreLookedAt) {
  for (const int deadline_ms : {10, 30, 10, 50, 10}) read(milliseconds(deadline_ms));
  cross();
  // The third joins the first, which is the second newest then; the fifth does not find it any more.
  EXPECT_EQ(replica.reads.size(), 4U);
}

TEST_F(CrossingTest, WhatTheReplicaDropsIsDestroyedOverHere) {
  write("a");
  read();
  cross();
  replica.writes.clear();
  replica.reads.clear();
  EXPECT_TRUE(notes.empty());
  come_back();
  EXPECT_EQ(notes, (std::vector<std::string>{"a dropped", "dropped"}));
}

TEST_F(CrossingTest, WhatNeverCrossedIsDroppedInTheEnd) {
  write("a");
  crossing.send();
  write("b");
  crossing.abandon();
  EXPECT_EQ(notes, (std::vector<std::string>{"a dropped", "b dropped"}));
}

TEST_F(CrossingTest, WritesUnderWayAreBoundedByNumberAndBytes) {
  write("big ", std::string(limits.write_bytes_max, 'x'));
  write("more ", "x");
  EXPECT_EQ(notes, std::vector<std::string>{"more etcdserver: too many requests"});
  cross();
  replica.writes[0].responder->done({});
  come_back();
  notes.clear();
  for (std::size_t i = 0; i < limits.writes_max; ++i) write("");
  EXPECT_TRUE(notes.empty());
  write("");
  EXPECT_EQ(notes, std::vector<std::string>{"etcdserver: too many requests"});
}

TEST_F(NarrowCrossingTest, OneRequestOfAKindIsUnderWayAtATime) {
  for (int i = 0; i < 3; ++i) {
    notes.clear();
    write("larger than the limit ", "1234");
    EXPECT_TRUE(notes.empty());
    write("", "");
    EXPECT_EQ(notes, std::vector<std::string>{"etcdserver: too many requests"});
    read();
    read();
    EXPECT_EQ(notes.size(), 2U);
    cross();
    ASSERT_EQ(replica.writes.size(), 1U);
    ASSERT_EQ(replica.reads.size(), 1U);
    replica.writes[0].responder->done({});
    replica.reads[0].responder->ready(*replica.view());
    replica.writes.clear();
    replica.reads.clear();
    come_back();
    EXPECT_EQ(notes.size(), 4U);
  }
}

TEST_F(CrossingTest, ReadsUnderWayAreBounded) {
  for (std::size_t i = 0; i < limits.reads_max; ++i) read();
  EXPECT_TRUE(notes.empty());
  read();
  EXPECT_EQ(notes, std::vector<std::string>{"etcdserver: too many requests"});
  EXPECT_FALSE(crossing.ask([](const node::Replica&) { return [] {}; })) << "questions count, too";
  cross();
  replica.reads[0].responder->ready(*replica.view());
  come_back();
  notes.clear();
  read();
  EXPECT_TRUE(notes.empty());
}

struct NarrowTurns : CrossingTest {
  NarrowTurns() : CrossingTest({.turn_bytes_max = 1000}) {}
};

TEST_F(NarrowTurns, ATurnTakesSoManyBytesAndTheNextOnesTheRest) {
  for (int i = 0; i < 10; ++i) write("w", std::string(300, 'x'));
  crossing.send();
  EXPECT_EQ(loop_wakes, 1);
  crossing.arrived();
  EXPECT_EQ(replica.writes.size(), 2u);
  EXPECT_EQ(loop_wakes, 2);
  write("later", "y");
  crossing.send();
  for (int turn = 1; replica.writes.size() < 11; ++turn) {
    ASSERT_LT(turn, 10);
    ASSERT_GE(loop_wakes, turn + 1) << "somebody is left and nobody is woken";
    crossing.arrived();
  }
  EXPECT_EQ(replica.writes.back().request, "y") << "in the order in which they came";
  const int wakes = loop_wakes;
  crossing.arrived();
  EXPECT_EQ(loop_wakes, wakes);
}

TEST_F(CrossingTest, AQuestionIsAskedOverThereAndAnsweredHere) {
  replica.known.leader = raft::NodeId(3);
  const bool is_asked = crossing.ask([this](const node::Replica& asked) {
    notes.push_back("asked");
    return [this, leader = asked.status().leader.v] { notes.push_back("leader " + std::to_string(leader)); };
  });
  EXPECT_TRUE(is_asked);
  EXPECT_TRUE(notes.empty());
  cross();
  EXPECT_EQ(notes, std::vector<std::string>{"asked"});
  crossing.answered();
  EXPECT_EQ(notes, (std::vector<std::string>{"asked", "leader 3"}));
}

TEST_F(CrossingTest, ANewLeaderIsKnownBeforeTheAnswersOfItsTurn) {
  EXPECT_EQ(crossing.brief().cluster_id, 7u);
  EXPECT_EQ(crossing.members()->at(1).name, "n1");
  struct Look final : node::WriteResponder {
    explicit Look(Crossing& at, std::uint64_t* leader) : crossing(at), seen(leader) {}
    void done(mvcc::Outcome) override { *seen = crossing.brief().leader.v; }
    Crossing& crossing;
    std::uint64_t* seen;
  };
  std::uint64_t seen = 0;
  crossing.write({.kind = node::CommandKind::put,
                  .request = {},
                  .idempotency_key = {},
                  .deadline = {},
                  .responder = std::make_unique<Look>(crossing, &seen)});
  cross();
  replica.writes[0].responder->done({});
  replica.known.leader = raft::NodeId(2);
  come_back();
  EXPECT_EQ(seen, 2u);
}

TEST_F(CrossingTest, WhoKnowsItsUsersByNowIsSaidOverHere) {
  EXPECT_TRUE(crossing.knows_users());
  for (const bool known : {false, true}) {
    replica.users_known = known;
    crossing.turn_ended();
    EXPECT_EQ(crossing.knows_users(), !known) << "not before the front-end looks";
    crossing.answered();
    EXPECT_EQ(crossing.knows_users(), known);
  }
}

// What a follower on the front-end has seen, by applied index.
struct Followed {
  explicit Followed(Crossing* crossing) {
    crossing->follow(
        [this](const std::shared_ptr<const mvcc::View>& view) { seen.push_back(view->applied_index()); });
  }
  std::vector<std::uint64_t> seen;
};

TEST_F(CrossingTest, AFollowerSeesWhatThereIsAndThenEachTurnsView) {
  EXPECT_FALSE(crossing.listens()) << "views are not made for nobody";
  Followed followed(&crossing);
  EXPECT_TRUE(crossing.listens());
  cross();
  come_back();
  EXPECT_EQ(followed.seen, (std::vector<std::uint64_t>{0}));
  for (std::uint64_t index = 1; index <= 2; ++index) {
    replica.machine.apply({index, 1}, "", nullptr);
    crossing.published(replica.view());
    come_back();
  }
  EXPECT_EQ(followed.seen, (std::vector<std::uint64_t>{0, 1, 2}));
  crossing.follow({});
  EXPECT_FALSE(crossing.listens());
}

TEST_F(CrossingTest, ASlowFollowerSeesTheNewestViewAndIsWokenOnce) {
  Followed followed(&crossing);
  cross();
  come_back();
  front_end_wakes = 0;
  for (std::uint64_t index = 1; index <= 3; ++index) {
    replica.machine.apply({index, 1}, "", nullptr);
    crossing.published(replica.view());
    crossing.turn_ended();
  }
  EXPECT_EQ(front_end_wakes, 1);
  crossing.answered();
  EXPECT_EQ(followed.seen, (std::vector<std::uint64_t>{0, 3}));
  crossing.answered();
  EXPECT_EQ(followed.seen, (std::vector<std::uint64_t>{0, 3}));
}

TEST_F(CrossingTest, ATurnsViewComesBeforeItsAnswersAndWithThem) {
  Followed followed(&crossing);
  write("a");
  cross();
  come_back();
  front_end_wakes = 0;
  replica.machine.apply({1, 1}, "", nullptr);
  replica.writes[0].responder->done({});
  crossing.published(replica.view());
  crossing.turn_ended();
  EXPECT_EQ(front_end_wakes, 1);
  crossing.follow([this](const std::shared_ptr<const mvcc::View>&) { notes.push_back("view"); });
  crossing.answered();
  EXPECT_EQ(notes, (std::vector<std::string>{"view", "a"}));
}

TEST_F(CrossingTest, NoFollowerSeesAnOlderViewAfterANewerOne) {
  Followed followed(&crossing);
  crossing.send();
  crossing.arrived();  // takes the view of index 0 along...
  replica.machine.apply({1, 1}, "", nullptr);
  crossing.published(replica.view());  // ...which the one of index 1 overtakes
  come_back();
  EXPECT_EQ(followed.seen, (std::vector<std::uint64_t>{1}));
}

// The two sides on threads of their own.
TEST(CrossingThreads, AFollowerSeesViewsInOrderAndTheLastOneAtLast) {
  KeepingReplica replica;
  Mailbox<int> to_front_end(1), to_loop(1);
  Crossing crossing(
      replica,
      {.loop = [&] { to_loop.push(0); }, .front_end = [&] { to_front_end.push(0); }, .turn_end = [] {}});
  constexpr std::uint64_t kTurns = 2000;
  std::vector<std::uint64_t> seen;
  std::thread front_end([&] {
    crossing.follow(
        [&](const std::shared_ptr<const mvcc::View>& view) { seen.push_back(view->applied_index()); });
    crossing.send();
    for (std::vector<int> wakes; seen.empty() || seen.back() < kTurns;) {
      to_front_end.drain(&wakes);
      crossing.answered();
    }
  });
  std::vector<int> wakes;
  to_loop.drain(&wakes);  // from now on somebody follows
  crossing.arrived();
  for (std::uint64_t index = 1; index <= kTurns; ++index) {
    replica.machine.apply({index, 1}, "", nullptr);
    ASSERT_TRUE(crossing.listens());
    crossing.published(replica.view());
    crossing.turn_ended();
  }
  front_end.join();
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
  EXPECT_EQ(seen.back(), kTurns);
}

TEST_F(CrossingTest, NothingComesBackFromATurnThatChangedNothing) {
  crossing.turn_ended();
  crossing.turn_ended();
  EXPECT_EQ(front_end_wakes, 0);
}

TEST_F(CrossingTest, QuestionsAboutLeasesCrossAndTheirAnswersComeBack) {
  for (int i = 0; i < 3; ++i) lease();
  cross();
  ASSERT_EQ(replica.leases.size(), 3u);
  replica.leases[0].responder->done({.left_s = 5});
  replica.leases[1].responder->failed({Code::unavailable, "no"});
  replica.leases.clear();
  EXPECT_TRUE(notes.empty());
  come_back();
  EXPECT_EQ(notes, (std::vector<std::string>{"left 5", "no", "dropped"}));
}

TEST_F(NarrowCrossingTest, QuestionsAboutLeasesCountAsReads) {
  lease();
  lease();
  EXPECT_EQ(notes, (std::vector<std::string>{"etcdserver: too many requests"}));
}

}  // namespace
}  // namespace cairn::server
