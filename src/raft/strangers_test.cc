// Who is heard by an introduction alone, and what its word is worth; and the way back of who was lied to.
#include <gtest/gtest.h>

#include <algorithm>

#include "raft/core.h"
#include "raft/members.h"
#include "raft/state.h"
#include "raft/testing/elected.h"
#include "raft/waits.h"

namespace cairn::raft {
namespace {

using testing::first_start;
using testing::kStart;

constexpr Life kFull{Incarnation{7}, 1, true};
constexpr NodeId kKnown{2}, kStranger{777};

Entry noop(std::uint64_t term, std::uint64_t index) {
  return {Term{term}, Index{index}, EntryType::noop, {}};
}

// Member 1 of 1, 2 and 3: it follows 2 in term 3, and three entries of that term are committed.
struct Strangers : ::testing::Test {
  explicit Strangers(std::vector<std::uint64_t> voters = {1, 2, 3})
      : core(config(), {hard_state(), first_start(std::move(voters)), {}}, kStart) {}
  static Config config() {
    Config config;
    config.id = NodeId{1};
    config.terms_ahead_max = 1000;
    return config;
  }
  static HardState hard_state() {
    HardState state{Term{3}, {}};
    state.life = {Incarnation{5}, 1, true};
    return state;
  }
  void follow_the_known_leader() {
    AppendRequest request;
    request.entries = {noop(3, 1), noop(3, 2), noop(3, 3)};
    request.commit = Index{3};
    receive(kKnown, 3, request);
    settle();
  }
  void receive(NodeId from, std::uint64_t term, Body body, Life life = kFull) {
    core.step(now, Received{{from, NodeId{1}, Term{term}, std::move(body), life, Incarnation{5}}}, &out);
  }
  void settle() {
    core.step(now, Flush{}, &out);
    if (!out.write.empty()) core.step(now, Persisted{out.write.back().seq}, &out);
    out = {};
  }
  // Nobody was heard for so many election timeouts.
  void wait(int timeouts) { now += timeouts * core.state().config.election_timeout; }
  const State& state() const { return core.state(); }
  static AppendRequest contradiction() {
    AppendRequest request;
    request.entries = {noop(8, 1)};
    return request;
  }

  Time now = kStart;
  Core core;
  Output out;
};

TEST_F(Strangers, AreNotHeardWhileAMemberLeads) {
  follow_the_known_leader();
  wait(config().strangers_after_timeouts - 1);
  const std::vector<Body> all = {contradiction(), VoteRequest{.last_index = Index{9}, .last_term = Term{7}},
                                 AppendReply{}, TimeoutNow{}, StartSeen{Incarnation{5}, 99}};
  for (const Body& each : all) receive(kStranger, 8, each);
  EXPECT_EQ(strangers_heard_from(state()), kStart + 3 * config().election_timeout);
  EXPECT_EQ(state().term, Term{3});
  EXPECT_TRUE(state().life.full);
  EXPECT_TRUE(out.diverged.empty());
  EXPECT_TRUE(out.forgot.empty());
  EXPECT_TRUE(out.send.empty());
}

TEST_F(Strangers, AreHeardWhereNoMemberLeadsAndKeepNobodyFromLeading) {
  follow_the_known_leader();
  wait(config().strangers_after_timeouts);
  AppendRequest request;
  request.prev_index = Index{3};
  request.prev_term = Term{3};
  receive(kStranger, 8, request);
  EXPECT_EQ(state().term, Term{8});
  EXPECT_EQ(state().leader, kStranger);
  settle();
  receive(NodeId{3}, 9, VoteRequest{.pre = true, .last_index = Index{3}, .last_term = Term{3}});
  ASSERT_EQ(out.send.size(), 1U);
  EXPECT_TRUE(std::get<VoteReply>(out.send[0].body).granted);
}

TEST_F(Strangers, LiftTheTermOnceAnElectionTimeout) {
  follow_the_known_leader();
  wait(config().strangers_after_timeouts);
  receive(kStranger, 8, AppendRequest{});
  receive(kStranger, 9, AppendRequest{});
  EXPECT_EQ(state().term, Term{8});
  receive(kKnown, 10, AppendReply{});
  EXPECT_EQ(state().term, Term{10});
  wait(1);
  receive(kStranger, 11, AppendRequest{});
  EXPECT_EQ(state().term, Term{11});
}

TEST_F(Strangers, AreNotHeardWhileVotesAreUnderWay) {
  follow_the_known_leader();
  wait(config().strangers_after_timeouts);
  core.step(now, Tick{}, &out);
  ASSERT_TRUE(std::holds_alternative<Candidate>(state().role));
  receive(kStranger, 3, AppendRequest{});
  EXPECT_TRUE(std::holds_alternative<Candidate>(state().role));
  now += config().election_timeout / 2;
  receive(kStranger, 3, AppendRequest{});
  EXPECT_EQ(state().leader, kStranger);
}

TEST_F(Strangers, AreNotBelievedAgainstTheOwnMemory) {
  follow_the_known_leader();
  wait(config().strangers_after_timeouts);
  AppendRequest acknowledged;
  acknowledged.acknowledged = Index{9};
  const std::vector<Body> lies = {contradiction(), acknowledged, StartSeen{Incarnation{5}, 99}};
  for (const Body& lie : lies) {
    out = {};
    receive(kStranger, 8, lie);
    ASSERT_EQ(out.disbelieved.size(), 1U);
    EXPECT_EQ(out.disbelieved[0].who, kStranger);
    EXPECT_TRUE(out.diverged.empty());
    EXPECT_TRUE(out.forgot.empty());
    EXPECT_EQ(state().term, Term{3});
  }
  out = {};
  receive(kKnown, 8, contradiction());
  EXPECT_FALSE(out.diverged.empty());
}

// Whoever says so took a member's name: a leader of such a term there is not.
TEST_F(Strangers, NobodyIsConvictedInATermThatCannotBe) {
  follow_the_known_leader();
  receive(kKnown, 3 + config().terms_ahead_max + 1, contradiction());
  EXPECT_TRUE(out.diverged.empty());
  EXPECT_TRUE(state().life.full);
  receive(kKnown, 3 + config().terms_ahead_max + 1, AppendRequest{});
  EXPECT_TRUE(out.diverged.empty());
  AppendRequest acknowledged;
  acknowledged.acknowledged = Index{9};
  receive(kKnown, 3 + config().terms_ahead_max + 1, acknowledged);
  EXPECT_TRUE(out.forgot.empty());
  EXPECT_TRUE(state().life.full);
}

// Its directory is from an earlier cluster of the same members and name, which may be ahead in term and
// index.
TEST_F(Strangers, WhoIsOfAnotherFoundingIsHeardInNothing) {
  Members members = state().log.members();
  found(
      &members,
      {{NodeId{1}, Incarnation{5}, true}, {kKnown, Incarnation{7}, true}, {NodeId{3}, Incarnation{9}, true}});
  ASSERT_NE(members.founded, 0U);
  AppendRequest founding;
  founding.entries = {{Term{3}, Index{1}, EntryType::members, encode(members)}};
  receive(kKnown, 3, founding);
  settle();
  EXPECT_EQ(state().life.founded, 0U) << "it may not be committed";
  founding.commit = Index{1};
  receive(kKnown, 3, founding);
  core.step(now, Flush{}, &out);
  ASSERT_FALSE(out.write.empty());
  EXPECT_EQ(out.write.back().hard_state->life.founded, members.founded)
      << "and remembers it, before it says more";
  settle();

  Life other = kFull;
  other.founded = members.founded ^ 2;
  wait(2);
  VoteRequest vote;
  vote.last_index = Index{100};
  vote.last_term = Term{8};
  for (const Body& body :
       std::vector<Body>{vote, contradiction(), SnapshotOffer{}, StartSeen{Incarnation{5}, 99}}) {
    out = {};
    receive(NodeId{3}, 9, body, other);
    ASSERT_EQ(out.disbelieved.size(), 1U);
    EXPECT_EQ(out.disbelieved[0].who, NodeId{3});
    EXPECT_TRUE(out.diverged.empty() && out.forgot.empty() && out.send.empty());
    EXPECT_EQ(state().term, Term{3});
  }
  const Waits waits = waits_of(state());
  const Waits::Voter said{NodeId{3}, Standing::other_founding};
  EXPECT_NE(std::find(waits.others.begin(), waits.others.end(), said), waits.others.end());
  for (int timeouts = 0; timeouts < 20; ++timeouts) {
    const Waits::Voter now_said = waits_of(state()).others.back();
    EXPECT_EQ(now_said,
              (Waits::Voter{NodeId{3}, timeouts < 10 ? Standing::other_founding : Standing::silent}))
        << "it says so now and then, as long as it is there; " << timeouts;
    wait(1);
    core.step(now, Tick{}, &out);
    settle();
  }
  const std::uint64_t term = state().term.v;
  out = {};
  other.founded = 0;  // it does not know yet: who is wiped, say
  vote.pre = true;
  receive(NodeId{3}, term + 1, vote, other);
  EXPECT_TRUE(out.disbelieved.empty());
}

// Its log is of that one: the leader of another would replace what is left of it.
TEST_F(Strangers, WhoForgetsKnowsItsFoundingStill) {
  HardState state = hard_state();
  state.life.founded = 6;
  state.life.start = 1;
  core = Core(config(), {state, first_start({1, 2, 3}), {noop(3, 1)}}, kStart);
  receive(NodeId{3}, 3, StartSeen{Incarnation{5}, 99}, {Incarnation{9}, 1, false});
  ASSERT_FALSE(out.forgot.empty());
  EXPECT_EQ(core.state().life.founded, 6U);
  settle();
  Life other = kFull;
  other.founded = 4;
  AppendRequest request;
  request.entries = {noop(8, 1)};
  core.step(now, Received{{kKnown, NodeId{1}, Term{8}, request, other, core.state().life.incarnation}}, &out);
  EXPECT_EQ(out.disbelieved.size(), 1U);
  EXPECT_EQ(core.state().log.last_term(), Term{3});
}

TEST_F(Strangers, WhoWasOfAnotherFoundingIsNamedNoMoreOnceItIsRemoved) {
  Members members = state().log.members();
  found(&members, {{NodeId{1}, Incarnation{5}, true}, {kKnown, Incarnation{7}, true}});
  AppendRequest append;
  append.entries = {{Term{3}, Index{1}, EntryType::members, encode(members)}};
  append.commit = Index{1};
  receive(kKnown, 3, append);
  settle();
  Life other = kFull;
  other.founded = members.founded ^ 2;
  receive(NodeId{3}, 9, SnapshotOffer{}, other);
  ASSERT_TRUE(state().other_founding.contains(NodeId{3}));
  std::erase(members.voters, NodeId{3});
  append.prev_index = Index{1};
  append.prev_term = Term{3};
  append.entries = {{Term{3}, Index{2}, EntryType::members, encode(members)}};
  receive(kKnown, 3, append);
  ASSERT_EQ(state().log.last(), Index{2});
  EXPECT_TRUE(state().other_founding.empty());
}

// It would found nothing any more.
TEST_F(Strangers, MakeNoFounderForget) {
  HardState fresh;
  fresh.life = {Incarnation{5}, 1, false};
  core = Core(config(), {fresh, first_start({1, 2, 3}), {}}, kStart);
  wait(config().strangers_after_timeouts);
  receive(kStranger, 8, StartSeen{Incarnation{5}, 99});
  EXPECT_EQ(out.disbelieved.size(), 1U);
  EXPECT_FALSE(state().has_forgotten);
  EXPECT_EQ(state().life.incarnation, Incarnation{5});
}

// Once there is a cluster, nobody need found one.
TEST_F(Strangers, WhoCouldNotFoundTheClusterIsNotSaidToWhenItIsFounded) {
  HardState fresh;
  fresh.life = {Incarnation{5}, 1, false};
  core = Core(config(), {fresh, first_start({1, 2, 3}), {}}, kStart);
  wait(3);
  core.step(now, Tick{}, &out);
  settle();
  receive(NodeId{3}, 0, VoteReply{.pre = true, .granted = false}, {Incarnation{9}, 1, false});
  EXPECT_EQ(waits_of(state()).what, Wait::founders);
  ASSERT_TRUE(state().cannot_found.contains(NodeId{3}));
  AppendRequest founding;
  founding.entries = {{Term{3}, Index{1}, EntryType::members, encode(state().log.members())}};
  receive(kKnown, 3, founding);
  ASSERT_EQ(state().log.last(), Index{1});
  EXPECT_TRUE(state().cannot_found.empty());
}

struct WhoJoins : Strangers {
  WhoJoins() : Strangers(std::vector<std::uint64_t>{}) {}
};

TEST_F(WhoJoins, HearsWhoeverKnowsOfIt) {
  receive(kStranger, 8, AppendRequest{});
  EXPECT_EQ(state().leader, kStranger);
}

// ---- terms that no cluster has ----
struct Strayed : Strangers {
  Strayed() {
    core = Core(config(), {{}, first_start({1, 2, 3}), {}}, kStart);
    begin({});
  }
  void begin(std::vector<Entry> entries) {
    HardState wiped;
    wiped.life = {Incarnation{5}, 1, false};
    core = Core(config(), {wiped, first_start({1, 2, 3}), std::move(entries)}, kStart);
  }
};

TEST_F(Strayed, WhoIsNotFullBeginsAnewWhenAMemberSpeaksInALowerTerm) {
  receive(kKnown, 5000, AppendRequest{});
  settle();
  receive(kKnown, 4000, AppendRequest{});
  EXPECT_TRUE(out.forgot.empty());  // so far an honest member may be behind
  EXPECT_EQ(state().term, Term{5000});
  receive(NodeId{3}, 3999, AppendRequest{}, {Incarnation{8}, 1, false});
  EXPECT_TRUE(out.forgot.empty());  // it does not count either
  receive(kKnown, 3999, AppendRequest{});
  EXPECT_NE(out.forgot.find("told of term 5000, where member 2 speaks of term 3999"), std::string::npos)
      << out.forgot;
  EXPECT_EQ(state().term, Term{});
  EXPECT_NE(state().life.incarnation, Incarnation{5});
  EXPECT_FALSE(state().life.full);
  EXPECT_FALSE(state().has_forgotten);  // it may found a cluster still, as it might before
  settle();
  receive(kKnown, 3999, AppendRequest{});
  EXPECT_EQ(state().leader, kKnown);
  EXPECT_EQ(state().term, Term{3999});
}

TEST_F(Strayed, WhatIsLeftOfItsLogStays) {
  begin({noop(2, 1), noop(3, 2)});
  receive(kKnown, 5000, AppendRequest{});
  receive(kKnown, 4, AppendRequest{});
  EXPECT_EQ(state().term, Term{3});
  EXPECT_EQ(state().log.last(), Index{2});
  EXPECT_TRUE(state().has_forgotten);
}

TEST_F(Strayed, EntriesOfSuchATermAreNoLogOfThisCluster) {
  AppendRequest request;
  request.entries = {noop(5000, 1)};
  receive(kKnown, 5000, request);
  receive(kKnown, 4, AppendRequest{});
  EXPECT_NE(out.diverged.find("holds entries of that term"), std::string::npos) << out.diverged;
}

TEST_F(Strangers, WhoIsFullKeepsItsTerm) {
  follow_the_known_leader();
  receive(kKnown, 5000, AppendRequest{});
  receive(kKnown, 4, AppendRequest{});
  EXPECT_TRUE(out.forgot.empty());
  EXPECT_EQ(state().term, Term{5000});
}

}  // namespace
}  // namespace cairn::raft
