#include "raft/core.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "raft/life.h"
#include "raft/members.h"
#include "raft/state.h"
#include "raft/testing/elected.h"

namespace cairn::raft {
namespace {

using testing::elect;
using testing::first_start;
using testing::kStart;

TEST(SingleVoter, ElectsItselfAtOnceAndCommitsOnlyWhatIsDurable) {
  Config config;
  config.id = NodeId{1};
  Core core(config, Recovered{HardState{}, first_start({1}), {}}, kStart);
  EXPECT_EQ(core.deadline(), kStart);
  Output out;
  core.step(kStart, Tick{}, &out);
  ASSERT_EQ(out.write.size(), 1U);
  EXPECT_FALSE(is_leader(core.state()));
  core.step(kStart, Persisted{out.write[0].seq}, &out);
  EXPECT_TRUE(is_leader(core.state()));
  core.step(kStart, Propose{7, make_bytes("x")}, &out);
  core.step(kStart, Flush{}, &out);
  ASSERT_EQ(out.write.size(), 2U);
  EXPECT_TRUE(out.apply.empty());
  core.step(kStart, ReadBarrier{9}, &out);
  core.step(kStart, Flush{}, &out);
  EXPECT_TRUE(out.reads.empty());  // no own entry is committed yet
  core.step(kStart, Persisted{out.write[1].seq}, &out);
  core.step(kStart, Flush{}, &out);
  ASSERT_EQ(out.apply.size(), 2U);
  EXPECT_EQ(*out.apply[1].data, "x");
  ASSERT_EQ(out.proposals.accepted.size(), 1U);
  EXPECT_EQ(out.proposals.accepted[0].index, out.apply[1].index);
  ASSERT_EQ(out.reads.size(), 1U);
  EXPECT_EQ(out.reads[0].index, Index{2});
  EXPECT_EQ(core.deadline(), Time::max());  // idle costs nothing
}

TEST(FirstElection, IsAskedForSoonAfterTheStartAndLaterOnesAfterAWholeTimeout) {
  Config config;
  config.id = NodeId{1};
  Time earliest = Time::max();
  Time latest = Time::min();
  for (config.seed = 0; config.seed < 200; ++config.seed) {
    Core core(config, Recovered{HardState{}, first_start({1, 2, 3}), {}}, kStart);
    const Time first = core.deadline();
    earliest = std::min(earliest, first);
    latest = std::max(latest, first);
    Output out;
    core.step(first, Tick{}, &out);
    EXPECT_EQ(out.send.size(), 2U);
    EXPECT_EQ(core.state().term, Term{0}) << "only asks";
    EXPECT_GE(core.deadline(), first + config.election_timeout);
  }
  EXPECT_GE(earliest, kStart + config.heartbeat_interval / 2);
  EXPECT_LT(earliest, kStart + config.election_timeout / 8);
  EXPECT_GT(latest, kStart + config.election_timeout * 3 / 8);
  EXPECT_LE(latest, kStart + config.election_timeout / 2);
}

TEST(SnapshotInstall, BringsItsMembers) {
  Config config;
  config.id = NodeId{1};
  Core core(config, Recovered{HardState{}, first_start({1, 2, 3}), {}}, kStart);
  SnapshotMeta meta = first_start({1, 2, 4});
  meta.index = Index{10};
  meta.term = Term{2};
  Output out;
  core.step(kStart, Received{Message{NodeId{2}, NodeId{1}, Term{2}, SnapshotOffer{meta}}}, &out);
  ASSERT_TRUE(out.install.has_value());
  EXPECT_EQ(core.state().log.members(), meta.members);
  EXPECT_EQ(snapshot_meta_at(core.state(), meta.index), meta);
}

// A vote asked for in a term that the member has not seen must not be given twice, so that term has to be its
// own, durably, before it says a word in it.
TEST(Start, TakesTheTermOfASnapshotThatWasDurableBeforeItsSendersTerm) {
  Config config;
  config.id = NodeId{1};
  SnapshotMeta meta = first_start({1, 2, 3});
  meta.index = Index{10};
  meta.term = Term{5};
  HardState before;
  before.term = Term{2};
  before.vote = NodeId{3};
  Core core(config, Recovered{before, meta, {}}, kStart);
  EXPECT_EQ(core.state().term, Term{5});
  EXPECT_EQ(core.state().vote, NodeId{});
  Output out;
  core.step(kStart, Flush{}, &out);
  ASSERT_EQ(out.write.size(), 1U);
  ASSERT_TRUE(out.write[0].hard_state.has_value());
  EXPECT_EQ(out.write[0].hard_state->term, Term{5});
}

// The disk is slow, and before it answers another leader has replaced what the first was to hear of.
TEST(Promise, OfEntriesThatWereReplacedIsNeverMade) {
  Config config;
  config.id = NodeId{1};
  Core core(config, Recovered{HardState{}, first_start({1, 2, 3}), {}}, kStart);
  Output out;
  AppendRequest first;
  first.entries = {Entry{Term{1}, Index{1}, EntryType::noop, nullptr},
                   Entry{Term{1}, Index{2}, EntryType::command, make_bytes("replaced")}};
  core.step(kStart, Received{Message{NodeId{2}, NodeId{1}, Term{1}, first}}, &out);
  core.step(kStart, Flush{}, &out);
  AppendRequest second;
  second.prev_index = Index{1};
  second.prev_term = Term{1};
  second.entries = {Entry{Term{2}, Index{2}, EntryType::noop, nullptr}};
  core.step(kStart, Received{Message{NodeId{3}, NodeId{1}, Term{2}, second}}, &out);
  core.step(kStart, Flush{}, &out);
  ASSERT_EQ(out.write.size(), 2U);
  core.step(kStart, Persisted{out.write[1].seq}, &out);
  bool acknowledged = false;
  for (const Message& message : out.send) {
    const auto* reply = std::get_if<AppendReply>(&message.body);
    if (reply == nullptr || !reply->ok) continue;
    EXPECT_EQ(message.to, NodeId{3}) << "hears of index " << reply->match.v;
    acknowledged = acknowledged || reply->match == Index{2};
  }
  EXPECT_TRUE(acknowledged);
}

// F3: the leader says what a majority's state was after an entry; who came to another one stops.
TEST(States, WhoDiffersFromAMajorityStops) {
  for (const std::uint64_t theirs : {5U, 6U}) {
    Config config;
    config.id = NodeId{1};
    Core core(config, Recovered{HardState{}, first_start({1, 2, 3}), {}}, kStart);
    Output out;
    AppendRequest append;
    append.commit = Index{1};
    append.entries = {Entry{Term{1}, Index{1}, EntryType::noop, nullptr}};
    core.step(kStart, Received{Message{NodeId{2}, NodeId{1}, Term{1}, append}}, &out);
    core.step(kStart, Flush{}, &out);
    core.step(kStart, Persisted{out.write.back().seq}, &out);
    ASSERT_EQ(out.apply.size(), 1U);
    core.step(kStart, Applied{Index{1}, Index{}, 0, {StateHash{Index{1}, 5}}}, &out);
    AppendRequest told;
    told.prev_index = told.commit = told.state_index = Index{1};
    told.prev_term = Term{1};
    told.state_hash = theirs;
    core.step(kStart, Received{Message{NodeId{2}, NodeId{1}, Term{1}, told}}, &out);
    EXPECT_EQ(out.diverged.empty(), theirs == 5U) << out.diverged;
  }
}

// Promised to who this member was before it forgot, it would form a second cluster.
TEST(Formation, AVoteForAnEarlierLifeDoesNotCount) {
  Config config;
  config.id = NodeId{1};
  HardState unformed;
  unformed.life = Life{Incarnation{5}, 1, false};
  Core core(config, Recovered{unformed, first_start({1, 2}), {}}, kStart);
  Output out;
  const Time asks = core.state().election_deadline;
  core.step(asks, Tick{}, &out);
  const Life theirs{Incarnation{9}, 1, false};
  const auto granted_to = [&](std::uint64_t life) {
    return Received{Message{NodeId{2}, NodeId{1}, Term{1}, VoteReply{true, true}, theirs, Incarnation{life}}};
  };
  core.step(asks, granted_to(3), &out);
  EXPECT_EQ(core.state().term, Term{});
  core.step(asks, granted_to(5), &out);
  EXPECT_EQ(core.state().term, Term{1});
}

TEST(Formation, AMajorityIsEnoughOnceNobodyElseHasComeAndWhereThatIsAllowed) {
  for (const bool allowed : {false, true}) {
    Config config;
    config.id = NodeId{1};
    config.form_with_majority = allowed;
    HardState unformed;
    unformed.life = Life{Incarnation{5}, 1, false};
    Core core(config, Recovered{unformed, first_start({1, 2, 3}), {}}, kStart);
    Output out;
    const Time asks = core.state().election_deadline;
    core.step(asks, Tick{}, &out);
    core.step(asks,
              Received{Message{NodeId{2}, NodeId{1}, Term{1}, VoteReply{true, true},
                               Life{Incarnation{9}, 1, false}, Incarnation{5}}},
              &out);
    EXPECT_EQ(core.state().term, Term{}) << "the third may only be late";
    core.step(core.state().election_deadline, Tick{}, &out);
    EXPECT_EQ(core.state().term, Term{allowed ? 1U : 0U});
  }
}

// Recorded once more, it would end the life of the one that came after it.
TEST(Append, AnIncarnationThatIsOverIsNotCountedAndIsTold) {
  Config config;
  config.id = NodeId{1};
  Core core(config, Recovered{HardState{}, first_start({1, 2, 3}), {}}, kStart);
  Output out;
  const Time asks = elect(&core, NodeId{3}, &out);
  const auto step = [&](Input input) { core.step(asks, std::move(input), &out); };
  const auto from = [](std::uint64_t id, Body body, const Life& life) {
    return Received{Message{NodeId{id}, NodeId{1}, Term{1}, std::move(body), life, Incarnation{}}};
  };
  const Life over{Incarnation{5}, 1, false}, now{Incarnation{7}, 1, false};
  step(from(2, AppendReply{}, over));
  step(from(2, AppendReply{}, now));
  out.send.clear();
  step(from(2, AppendReply{}, over));
  const Leader& leader = *as_leader(core.state());
  const auto peer = std::find_if(leader.peers.begin(), leader.peers.end(),
                                 [](const Progress& each) { return each.id == NodeId{2}; });
  EXPECT_EQ(peer->incarnation, now.incarnation);
  ASSERT_EQ(out.send.size(), 1U);
  const auto* told = std::get_if<StartSeen>(&out.send[0].body);
  ASSERT_NE(told, nullptr);
  EXPECT_EQ(told->incarnation, over.incarnation);
  EXPECT_TRUE(was_rolled_back(over.start, told->start));
}

// Starts are told until they are known to be remembered, and what is remembered is bounded by being a member.
TEST(Starts, ConfirmedOnceItIsDurable) {
  Config config;
  config.id = NodeId{1};
  HardState mine;
  mine.life = Life{Incarnation{5}, 1, true};
  Core core(config, Recovered{mine, first_start({1, 2, 3}), {}}, kStart);
  Output out;
  const Life theirs{Incarnation{9}, 4, true};
  for (const std::uint64_t from : {2, 4}) {  // 4 is no member
    core.step(kStart, Received{Message{NodeId{from}, NodeId{1}, Term{}, Started{}, theirs, Incarnation{}}},
              &out);
  }
  // Late, of an earlier start: its answer names the later one, and so would confirm it.
  core.step(kStart,
            Received{Message{NodeId{2}, NodeId{1}, Term{}, Started{}, Life{Incarnation{9}, 3, true},
                             Incarnation{}}},
            &out);
  core.step(kStart, Flush{}, &out);
  ASSERT_EQ(out.write.size(), 1U);
  EXPECT_EQ(out.write[0].hard_state->met, (std::vector<Met>{{NodeId{2}, Incarnation{9}, 4}}));
  EXPECT_TRUE(out.send.empty());
  core.step(kStart, Persisted{out.write[0].seq}, &out);
  ASSERT_EQ(out.send.size(), 2U);
  const auto* seen = std::get_if<StartSeen>(&out.send[0].body);
  ASSERT_NE(seen, nullptr);
  EXPECT_EQ(out.send[0].to, NodeId{2});
  EXPECT_EQ(seen->incarnation, Incarnation{9});
  EXPECT_EQ(seen->start, 4U);
}

// Away for longer than an election timeout, it has heard nobody, and nobody is to blame.
class ReturnedTest : public ::testing::Test {
 protected:
  void go_on(Time now, Input input) { core_.step(now, std::move(input), &out_); }
  void hear_leader(Time now) {
    go_on(now, Received{Message{NodeId{2}, NodeId{1}, Term{3}, AppendRequest{}}});
    go_on(now, Flush{});
    if (!out_.write.empty()) go_on(now, Persisted{out_.write.back().seq});
  }
  bool asks_for_votes() const { return std::holds_alternative<Candidate>(core_.state().role); }

  const Config config_{.id = NodeId{1}};
  const Duration timeout_ = config_.election_timeout, heartbeat_ = config_.heartbeat_interval;
  Core core_{config_, {.hard_state = {}, .snapshot = first_start({1, 2, 3}), .entries = {}}, kStart};
  Output out_;
};

TEST_F(ReturnedTest, AFollowerListensForTheLeaderFirst) {
  hear_leader(kStart);
  const Time back = kStart + 10 * timeout_;
  go_on(back, Returned{});
  go_on(back, Tick{});
  EXPECT_FALSE(asks_for_votes());
  EXPECT_EQ(core_.state().leader, NodeId{2});
  hear_leader(back + heartbeat_ / 2);
  go_on(back + heartbeat_, Tick{});
  EXPECT_FALSE(asks_for_votes());
}

TEST_F(ReturnedTest, NotForLongerThanThatAndNotAgainAtOnce) {
  hear_leader(kStart);
  Time now = kStart + 10 * timeout_;
  go_on(now, Returned{});
  now = core_.deadline() + 2 * heartbeat_;  // late again, and has heard nothing
  go_on(now, Returned{});
  go_on(now, Tick{});
  EXPECT_EQ(core_.state().leader, NodeId{});
  EXPECT_TRUE(asks_for_votes());
}

TEST_F(ReturnedTest, WhatHarmsNobodyIsNoUseOfTheExcuse) {
  hear_leader(kStart);
  go_on(kStart + 2 * heartbeat_, Returned{});
  hear_leader(kStart + 2 * heartbeat_);
  const Time back = kStart + 2 * heartbeat_ + 2 * timeout_ - heartbeat_;
  go_on(back, Returned{});
  go_on(back, Tick{});
  EXPECT_FALSE(asks_for_votes());
  EXPECT_EQ(core_.state().leader, NodeId{2});
}

TEST(Returned, ALeaderKeepsTheExcuseForAnAbsenceThatNeedsOne) {
  const Config config{.id = NodeId{1}};
  Core core(config, {.hard_state = {}, .snapshot = first_start({1, 2, 3}), .entries = {}}, kStart);
  Output out;
  const Time elected = elect(&core, NodeId{2}, &out);
  core.step(elected + config.heartbeat_interval, Returned{}, &out);
  const Time back = elected + 2 * config.election_timeout;
  core.step(back, Returned{}, &out);
  core.step(back, Tick{}, &out);
  EXPECT_TRUE(is_leader(core.state()));
}

TEST(Returned, ALeaderAsksBeforeItStepsDown) {
  const Config config{.id = NodeId{1}};
  Core core(config, {.hard_state = {}, .snapshot = first_start({1, 2, 3}), .entries = {}}, kStart);
  Output out;
  const Time elected = elect(&core, NodeId{2}, &out);
  const Time back = elected + 10 * config.election_timeout;
  core.step(back, Returned{}, &out);
  core.step(back, Tick{}, &out);
  EXPECT_TRUE(is_leader(core.state()));
  core.step(back + config.heartbeat_interval, Tick{}, &out);
  EXPECT_FALSE(is_leader(core.state())) << "nobody has answered";
}

TEST(SnapshotRefused, TheNextOneIsOfferedLaterAndLaterUpToALimit) {
  Config config;
  config.snapshot_refused_wait_max = 3 * config.heartbeat_interval;
  Progress peer(NodeId{2}, Index{1}, kStart);
  std::vector<Duration> waits;
  for (int i = 0; i < 4; ++i) {
    peer.refuse_snapshot("no room", kStart, config.heartbeat_interval, config.snapshot_refused_wait_max);
    waits.push_back((peer.offer_at - kStart) / config.heartbeat_interval * Duration(1));
  }
  EXPECT_EQ(waits, (std::vector<Duration>{Duration(1), Duration(2), Duration(3), Duration(3)}));
  peer.acknowledge(Index{5});
  EXPECT_EQ(peer.refusal, "");
  peer.refuse_snapshot("no room", kStart, config.heartbeat_interval, config.snapshot_refused_wait_max);
  EXPECT_EQ(peer.offer_at, kStart + config.heartbeat_interval) << "it begins anew once there is progress";
}

// An older copy that is started again and again counts past the start that was met.
TEST(Starts, ALaterOneIsBelievedOnceItSaysThatItFollowsTheOneThatWasMet) {
  Config config;
  config.id = NodeId{1};
  HardState mine;
  mine.life = Life{Incarnation{5}, 1, true};
  mine.met = {{NodeId{2}, Incarnation{9}, 4}};
  Core core(config, Recovered{mine, first_start({1, 2, 3}), {}}, kStart);
  const auto hear = [&core](Body body) {
    Output out;
    const Life later{Incarnation{9}, 6, true};
    core.step(kStart, Received{Message{NodeId{2}, NodeId{1}, Term{}, std::move(body), later, Incarnation{5}}},
              &out);
    return out;
  };
  for (const std::uint64_t follows : {0, 3, 5}) {
    const Output out = hear(Started{follows});
    EXPECT_EQ(core.state().met[0].start, 4U) << follows;
    ASSERT_EQ(out.send.size(), 1U);
    const auto* seen = std::get_if<StartSeen>(&out.send[0].body);
    ASSERT_NE(seen, nullptr);
    EXPECT_EQ(seen->start, 4U);
  }
  hear(ReadIndexRequest{});  // says nothing of what it follows
  EXPECT_EQ(core.state().met[0].start, 4U);
  hear(Started{4});
  EXPECT_EQ(core.state().met[0].start, 6U);
}

// Its log is lost, and with it the configuration that names the others; whom it has met it still knows.
TEST(Starts, OfWhoIsInNoConfigurationLeftAreFollowed) {
  Config config;
  config.id = NodeId{4};
  HardState mine;
  mine.life = Life{Incarnation{5}, 1, false};
  mine.met = {{NodeId{2}, Incarnation{9}, 4}};
  Core core(config, Recovered{mine, SnapshotMeta{}, {}}, kStart);
  Output out;
  const auto hears = [&](Body body) {
    core.step(
        kStart,
        Received{Message{NodeId{2}, NodeId{4}, Term{1}, std::move(body), Life{Incarnation{9}, 5, true}}},
        &out);
    core.step(kStart, Flush{}, &out);
    if (!out.write.empty()) core.step(kStart, Persisted{out.write.back().seq}, &out);
  };
  hears(Started{4});
  EXPECT_EQ(core.state().met, (std::vector<Met>{{NodeId{2}, Incarnation{9}, 5}}));
  Members members = first_start({2}).members;
  members.learners = {NodeId{4}};
  hears(AppendRequest{
      Index{}, Term{}, Index{1}, 0, {Entry{Term{1}, Index{1}, EntryType::members, encode(members)}}});
  EXPECT_EQ(core.state().log.last(), Index{1});
}

TEST(Starts, ToldAgainToThoseWhoHaveNotConfirmed) {
  Config config;
  config.id = NodeId{1};
  HardState mine;
  mine.life = Life{Incarnation{5}, 7, true};
  Core core(config, Recovered{mine, first_start({1, 2, 3}), {}}, kStart);
  const auto told = [&core](Time now) {
    Output out;
    core.step(now, Tick{}, &out);
    std::set<NodeId> to;
    for (const Message& message : out.send) {
      if (std::holds_alternative<Started>(message.body)) to.insert(message.to);
    }
    return to;
  };
  const Time first = core.state().announce_at;
  EXPECT_EQ(told(first - std::chrono::milliseconds(1)), (std::set<NodeId>{}));
  EXPECT_EQ(told(first), (std::set<NodeId>{NodeId{2}, NodeId{3}}));
  const auto confirm = [&core, first](std::uint64_t from, std::uint64_t start) {
    Output out;
    const StartSeen seen{Incarnation{5}, start};
    core.step(first,
              Received{Message{NodeId{from}, NodeId{1}, Term{}, seen, Life{Incarnation{from}, 1, true},
                               Incarnation{5}}},
              &out);
  };
  confirm(2, 6);  // of an earlier start, late
  confirm(3, 7);
  EXPECT_EQ(told(first + config.election_timeout), (std::set<NodeId>{NodeId{2}}));
  confirm(2, 7);
  EXPECT_EQ(told(first + 3 * config.election_timeout), (std::set<NodeId>{}));
  // Member 3 has lost what it had confirmed.
  Output out;
  core.step(first,
            Received{Message{NodeId{3}, NodeId{1}, Term{}, Started{}, Life{Incarnation{33}, 1, false},
                             Incarnation{}}},
            &out);
  EXPECT_EQ(told(first + 3 * config.election_timeout), (std::set<NodeId>{NodeId{3}}));
}

// F1: it may not stand, so leadership would go to nobody for an election timeout.
TEST(Transfer, NotToOneThatHasForgotten) {
  Config config;
  config.id = NodeId{1};
  Core core(config, Recovered{HardState{}, first_start({1, 2, 3}), {}}, kStart);
  Output out;
  const Time asks = elect(&core, NodeId{2}, &out);
  const Life forgetful{Incarnation{7}, 1, false};
  core.step(asks, Received{Message{NodeId{3}, NodeId{1}, Term{1}, AppendReply{}, forgetful, Incarnation{}}},
            &out);
  core.step(asks, Received{Message{NodeId{2}, NodeId{1}, Term{1}, AppendReply{}}}, &out);
  core.step(asks, TransferLeadership{NodeId{3}}, &out);
  EXPECT_FALSE(as_leader(core.state())->transfer.has_value());
  core.step(asks, TransferLeadership{NodeId{2}}, &out);
  EXPECT_TRUE(as_leader(core.state())->transfer.has_value());
}

// It would take itself for one that forgot: a reply of its earlier life, underway for long, was counted after
// a question of its new one had been heard.
TEST(Append, DoesNotTellANewIncarnationWhatAnEarlierOneAcknowledged) {
  Config config;
  config.id = NodeId{1};
  Core core(config, Recovered{HardState{}, first_start({1, 2, 3}), {}}, kStart);
  Output out;
  const Time asks = elect(&core, NodeId{2}, &out);
  core.step(asks, Flush{}, &out);
  core.step(asks, Persisted{out.write.back().seq}, &out);
  ASSERT_TRUE(is_leader(core.state()));
  AppendReply late;
  late.ok = true;
  late.match = core.state().log.last();
  core.step(asks, Received{Message{NodeId{2}, NodeId{1}, Term{1}, late, Life{Incarnation{5}, 1, true}}},
            &out);
  const Life fresh{Incarnation{7}, 1, false};
  core.step(asks, Received{Message{NodeId{2}, NodeId{1}, Term{1}, ReadIndexRequest{1}, fresh}}, &out);
  out = Output{};
  core.step(asks + config.heartbeat_interval * 2, Tick{}, &out);
  bool is_told = false;
  for (const Message& message : out.send) {
    const auto* append = std::get_if<AppendRequest>(&message.body);
    if (append == nullptr || message.to != NodeId{2}) continue;
    is_told = true;
    EXPECT_EQ(message.to_incarnation, Incarnation{7});
    EXPECT_EQ(append->acknowledged, Index{});
  }
  EXPECT_TRUE(is_told);
}

// etcd #8243: one that is behind would ask for ever.
TEST(PreVote, OfAnEarlierTermIsAnsweredWithTheCurrentOne) {
  Config config;
  config.id = NodeId{1};
  Core core(config, Recovered{HardState{Term{5}, NodeId{}}, first_start({1, 2, 3}), {}}, kStart);
  Output out;
  VoteRequest request;
  request.pre = true;
  core.step(kStart, Received{Message{NodeId{2}, NodeId{1}, Term{3}, request}}, &out);
  ASSERT_EQ(out.send.size(), 1U);
  EXPECT_EQ(out.send[0].term, Term{5});
  const auto* reply = std::get_if<VoteReply>(&out.send[0].body);
  ASSERT_NE(reply, nullptr);
  EXPECT_FALSE(reply->granted);
}

TEST(Starts, NotEverybodyWhoEverAskedIsRemembered) {
  Config config;
  config.id = NodeId{1};
  HardState mine;
  mine.life = Life{Incarnation{5}, 1, true};
  for (const std::size_t most : {0, 3}) {
    config.heard_max = most;
    Core core(config, Recovered{mine, first_start({1, 2}), {}}, kStart);
    Output out;
    for (const std::uint64_t from : {2, 11, 12, 13, 14, 15}) {
      core.step(strangers_heard_from(core.state()),
                Received{Message{NodeId{from}, NodeId{1}, Term{}, Started{}, Life{Incarnation{9}, 4, true},
                                 Incarnation{}}},
                &out);
    }
    // Members stay, and so does who speaks now.
    EXPECT_EQ(core.state().heard.size(), std::max<std::size_t>(most, 2));
    EXPECT_TRUE(core.state().heard.contains(NodeId{2}) && core.state().heard.contains(NodeId{15}));
  }
}

// What is under way takes more of the disk than its entries.
TEST(Space, AWriteTakesMoreThanItsEntries) {
  Config config;
  config.id = NodeId{1};
  config.election_reserve_bytes = 1000;
  config.write_overhead_bytes = 500;
  Core core(config, Recovered{HardState{}, first_start({1}), {}}, kStart);
  Output out;
  core.step(kStart, Tick{}, &out);
  core.step(kStart, Persisted{out.write.back().seq}, &out);
  core.step(kStart, Flush{}, &out);
  EXPECT_EQ(core.state().durability.outstanding_bytes(), 500 + size_bytes(out.write.back().entries.at(0)));
  const auto space_with = [&](std::uint64_t room_bytes) {
    core.step(kStart, Persisted{out.write.back().seq, Room{room_bytes, true}}, &out);
    return own_space(core.state());
  };
  EXPECT_EQ(space_with(1000 + 500), Space::none);
  EXPECT_EQ(space_with(1000 + 500 + 1), Space::low);
  core.step(kStart, Propose{7, make_bytes("x"), true}, &out);
  core.step(kStart, Flush{}, &out);
  const std::size_t entry_bytes = size_bytes(out.write.back().entries.at(0));
  EXPECT_EQ(core.state().durability.outstanding_bytes(), 500 + entry_bytes);
}

}  // namespace
}  // namespace cairn::raft
