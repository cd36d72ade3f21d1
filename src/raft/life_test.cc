// What a leader takes a member for that may have forgotten: unit tests of single steps.
#include "raft/life.h"

#include <gtest/gtest.h>

#include "raft/members.h"
#include "raft/state.h"
#include "raft/testing/elected.h"

namespace cairn::raft {
namespace {

using testing::elect;
using testing::first_start;
using testing::kStart;

constexpr Life kSecond{Incarnation{5}, 1, true}, kThird{Incarnation{6}, 1, true},
    kEmpty{Incarnation{7}, 1, false};

// Member 1 leads 2 and 3, which have acknowledged all there is.
class LifeTest : public ::testing::Test {
 protected:
  LifeTest() {
    now_ = elect(&core_, NodeId{2}, &out_);
    persist();
    acknowledge(2, kSecond);
    acknowledge(3, kThird);
    EXPECT_EQ(core_.state().commit, last());
    EXPECT_TRUE(counts(2) && counts(3));
  }

  void step(Input input) { core_.step(now_, std::move(input), &out_); }
  void persist() {
    step(Flush{});
    if (!out_.write.empty()) step(Persisted{out_.write.back().seq});
  }
  Index last() const { return core_.state().log.last(); }
  void hear(std::uint64_t from, const Life& life, Body body) {
    step(
        Received{Message{NodeId{from}, NodeId{1}, core_.state().term, std::move(body), life, Incarnation{}}});
  }
  void acknowledge(std::uint64_t from, const Life& life) {
    AppendReply reply;
    reply.ok = true;
    reply.match = last();
    hear(from, life, reply);
  }
  const Progress& peer(std::uint64_t id) const { return *as_leader(core_.state())->find(NodeId{id}); }
  bool counts(std::uint64_t id) const { return counts_now(core_.state(), peer(id)); }
  Incarnation recorded_of(std::uint64_t id) const {
    const Recorded* record = recorded(core_.state().log.members(), NodeId{id});
    return record == nullptr ? Incarnation{} : record->incarnation;
  }

  static Config config() {
    Config config;
    config.id = NodeId{1};
    return config;
  }
  Core core_{config(), Recovered{HardState{}, first_start({1, 2, 3}), {}}, kStart};
  Output out_;
  Time now_;
};

TEST_F(LifeTest, WhoWasLostCountsAgainOnceItHasAnswered) {
  for (const Input& lost : {Input{ConnectionLost{NodeId{2}}}, Input{Unreachable{NodeId{2}}}}) {
    step(lost);
    EXPECT_TRUE(peer(2).full) << "what it has acknowledged counts";
    EXPECT_FALSE(counts(2)) << "but who comes back may have forgotten it";
    EXPECT_TRUE(counts(3));
    acknowledge(2, kSecond);
    EXPECT_TRUE(counts(2));
  }
}

// Before it answers this leader it introduces itself, or asks for votes.
TEST_F(LifeTest, WhoSpeaksInAnotherStartCountsAgainOnceItHasAnswered) {
  Life again = kSecond;
  again.start = next_start(again.start, 1);
  hear(2, again, Started{kSecond.start});
  EXPECT_FALSE(counts(2));
  acknowledge(2, again);
  EXPECT_TRUE(counts(2));
  hear(2, kEmpty, Started{});
  EXPECT_FALSE(counts(2));
  acknowledge(2, kEmpty);
  EXPECT_FALSE(counts(2));
}

TEST_F(LifeTest, OneThatHasForgottenIsRecordedWhereAQuorumRemembers) {
  step(ConnectionLost{NodeId{2}});
  hear(2, kEmpty, AppendReply{});
  EXPECT_EQ(recorded_of(2), kEmpty.incarnation);
}

// Both are started with empty directories: no record of this leader can be committed, and one that stays in
// its log would be held against the directory of 2, should that be put back.
TEST_F(LifeTest, NobodyIsRecordedByALeaderThatLacksAQuorum) {
  step(ConnectionLost{NodeId{2}});
  step(ConnectionLost{NodeId{3}});
  hear(2, kEmpty, AppendReply{});
  EXPECT_EQ(recorded_of(2), Incarnation{});
  hear(3, Life{Incarnation{8}, 1, false}, AppendReply{});
  EXPECT_EQ(recorded_of(2), Incarnation{});
  EXPECT_EQ(recorded_of(3), Incarnation{});
  Life back = kSecond;  // put back, and started again
  back.start = next_start(back.start, 1);
  hear(2, back, Started{kSecond.start});
  acknowledge(2, back);
  EXPECT_TRUE(counts(2));
  EXPECT_EQ(recorded_of(2), Incarnation{});
  hear(3, Life{Incarnation{8}, 1, false}, AppendReply{});
  EXPECT_EQ(recorded_of(3), Incarnation{8}) << "there is a quorum again";
}

// Two of five stay; of three that were started with empty directories, two are put back, one after the other.
TEST(LifeOfFive, WhoIsNotThereAnyMoreIsNotRecorded) {
  Config config;
  config.id = NodeId{1};
  Core core(config, Recovered{HardState{}, first_start({1, 2, 3, 4, 5}), {}}, kStart);
  Output out;
  const auto step = [&](Time now, Input input) { core.step(now, std::move(input), &out); };
  const Time now = elect(&core, {NodeId{2}, NodeId{3}}, &out);
  const auto persist = [&] {
    step(now, Flush{});
    if (!out.write.empty()) step(now, Persisted{out.write.back().seq});
  };
  const auto hear = [&](std::uint64_t from, const Life& life) {
    AppendReply reply;
    reply.ok = life.full;
    reply.match = core.state().log.last();
    step(now, Received{Message{NodeId{from}, NodeId{1}, core.state().term, reply, life, Incarnation{}}});
  };
  const auto lose = [&](std::uint64_t id) { step(now, ConnectionLost{NodeId{id}}); };
  const auto recorded_of = [&](std::uint64_t id) {
    const Recorded* record = recorded(core.state().log.members(), NodeId{id});
    return record == nullptr ? Incarnation{} : record->incarnation;
  };
  const auto life = [](std::uint64_t incarnation, bool full) {
    return Life{Incarnation{incarnation}, 1, full};
  };
  persist();
  for (const std::uint64_t id : {2, 3, 4, 5}) hear(id, life(10 + id, true));
  ASSERT_EQ(core.state().commit, core.state().log.last());
  for (const std::uint64_t id : {3, 4, 5}) lose(id);
  for (const std::uint64_t id : {3, 4, 5}) hear(id, life(20 + id, false));
  for (const std::uint64_t id : {3, 4}) lose(id);
  hear(3, life(13, true));  // put back: there is a quorum again
  hear(5, life(25, false));
  EXPECT_EQ(recorded_of(5), Incarnation{25});
  EXPECT_EQ(recorded_of(4), Incarnation{}) << "what is known of it is of a process that is gone";
}

TEST_F(LifeTest, WhoIsPutBackAfterItsEndWasRecordedIsToldWhatIsTrue) {
  Core old(Config{.id = NodeId{2}},
           Recovered{HardState{.term = Term{1}, .vote = {}, .life = kSecond}, first_start({1, 2, 3}), {}},
           kStart);
  Output out;
  const auto told = [&](std::uint64_t start) {
    old.step(kStart, Received{Message{NodeId{1}, NodeId{2}, Term{1}, StartSeen{kSecond.incarnation, start}}},
             &out);
    return std::exchange(out.forgot, "");
  };
  EXPECT_EQ(told(start_beyond(kSecond.start)),
            "another member knows of a later life of this member, in another directory or after a loss: "
            "this directory is an older one");
}

}  // namespace
}  // namespace cairn::raft
