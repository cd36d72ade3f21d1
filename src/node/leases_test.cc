// The time of leases: the part alone, and in whole members.
#include "node/leases.h"

#include <gtest/gtest.h>

#include <map>

#include "base/prng.h"
#include "etcd/reasons.h"
#include "node/lease_calls.h"
#include "node/mini_cluster_fixture.h"
#include "node/parts_fixture.h"
#include "proto/command.pb.h"

namespace cairn::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Told {
  std::optional<LeaseTime> time;
  std::optional<Error> error;
};

struct LeaseResult final : LeaseResponder {
  explicit LeaseResult(std::shared_ptr<Told> target) : to(std::move(target)) {}
  void done(const LeaseTime& time) override { to->time = time; }
  void failed(Error error) override { to->error = std::move(error); }
  std::shared_ptr<Told> to;
};

struct LeaseCluster {
  explicit LeaseCluster(std::size_t members, std::function<void(Config*)> tune = {})
      : cluster(members, std::move(tune)), leader(cluster.elect()) {
    cluster.advance(milliseconds(200));
  }

  std::shared_ptr<std::optional<mvcc::Outcome>> write(CommandKind kind, std::string request) {
    auto result = std::make_shared<std::optional<mvcc::Outcome>>();
    cluster.handle(leader, ClientWrite{.kind = kind,
                                       .request = std::move(request),
                                       .idempotency_key = {},
                                       .deadline = cluster.now() + seconds(7),
                                       .responder = std::make_unique<WriteResult>(result)});
    cluster.settle();
    return result;
  }
  void grant(std::int64_t id, std::int64_t ttl) {
    etcdserverpb::LeaseGrantRequest request;
    request.set_id(id);
    request.set_ttl(ttl);
    const auto granted = write(CommandKind::lease_grant, request.SerializeAsString());
    ASSERT_TRUE(granted->has_value() && (*granted)->code == Code::ok);
  }
  void put(const std::string& key, std::int64_t lease) {
    etcdserverpb::PutRequest request;
    request.set_key(key);
    request.set_lease(lease);
    const auto put = write(CommandKind::put, request.SerializeAsString());
    ASSERT_TRUE(put->has_value() && (*put)->code == Code::ok);
  }
  std::shared_ptr<Told> ask(std::uint64_t member, std::int64_t id,
                            LeaseCallKind kind = LeaseCallKind::keep_alive, Duration patience = seconds(7)) {
    auto told = std::make_shared<Told>();
    cluster.handle(member, LeaseCall{.kind = kind,
                                     .id = id,
                                     .deadline = cluster.now() + patience,
                                     .responder = std::make_unique<LeaseResult>(told)});
    cluster.settle();
    return told;
  }
  std::int64_t left(std::uint64_t member, std::int64_t id) {
    const auto told = ask(member, id, LeaseCallKind::time_to_live);
    cluster.advance(milliseconds(10));
    return told->time ? told->time->left_s : -2;
  }
  bool exists(std::int64_t id) { return cluster.node(leader).view()->lease(id).has_value(); }
  std::uint64_t other() const { return leader == 1 ? 2 : 1; }
  // The leader is gone for as long as it takes to have another.
  void fail_over() {
    cluster.cut(leader);
    leader = cluster.elect();
    ASSERT_NE(leader, 0U);
  }

  MiniCluster cluster;
  std::uint64_t leader;
};

TEST(Lease, ExpiresWithItsKeysOnEveryMember) {
  LeaseCluster lease(3);
  lease.grant(7, 5);
  lease.put("a", 7);
  lease.put("b", 7);
  lease.cluster.advance(milliseconds(4900));
  EXPECT_TRUE(lease.exists(7));
  lease.cluster.advance(milliseconds(400));
  for (std::uint64_t id = 1; id <= 3; ++id) {
    EXPECT_EQ(lease.cluster.node(id).view()->lease(7), std::nullopt) << id;
    EXPECT_EQ(lease.cluster.node(id).view()->key_count(), 0U) << id;
    EXPECT_EQ(lease.cluster.node(id).view()->revision(), 4) << "both in one revision";
  }
}

TEST(Lease, AKeepAliveAtAnyMemberMakesItLastAllOfItsTtl) {
  LeaseCluster lease(3);
  lease.grant(7, 5);
  for (const std::uint64_t at : {lease.leader, lease.other()}) {
    lease.cluster.advance(seconds(4));
    const auto told = lease.ask(at, 7);
    ASSERT_TRUE(told->time.has_value());
    EXPECT_EQ(told->time->left_s, 5);
    EXPECT_EQ(told->time->granted_s, 5);
  }
  lease.cluster.advance(milliseconds(4900));
  EXPECT_TRUE(lease.exists(7));
  lease.cluster.advance(milliseconds(400));
  EXPECT_FALSE(lease.exists(7));
  EXPECT_EQ(lease.ask(lease.other(), 7)->time->left_s, 0) << "no news, and no error";
}

TEST(Lease, HowMuchIsLeftTheLeaderKnows) {
  LeaseCluster lease(3);
  lease.grant(7, 50);
  lease.cluster.advance(milliseconds(9900));
  for (std::uint64_t id = 1; id <= 3; ++id) {
    EXPECT_EQ(lease.left(id, 7), 40);
    EXPECT_EQ(lease.left(id, 8), -1);
  }
}

TEST(Lease, ANewLeaderGivesAllOfItAndAnElectionTimeout) {
  LeaseCluster lease(3);
  lease.grant(7, 5);
  lease.cluster.advance(seconds(4));
  lease.fail_over();
  const Time elected = lease.cluster.now();
  while (lease.exists(7) && lease.cluster.now() < elected + seconds(20))
    lease.cluster.advance(milliseconds(50));
  EXPECT_GE(lease.cluster.now() - elected, milliseconds(5900));
  EXPECT_LE(lease.cluster.now() - elected, milliseconds(6400));
}

TEST(Lease, ADeposedLeaderNeitherRevokesNorAnswers) {
  LeaseCluster lease(3);
  lease.grant(7, 5);
  lease.cluster.advance(milliseconds(4500));
  const std::uint64_t deposed = lease.leader;
  lease.cluster.cut(deposed);
  const auto asked = lease.ask(deposed, 7, LeaseCallKind::keep_alive, seconds(3));
  lease.cluster.advance(milliseconds(600));  // it is over, as far as this member knows
  EXPECT_TRUE(lease.cluster.node(deposed).leader() == raft::NodeId{deposed});
  EXPECT_FALSE(asked->time.has_value());
  lease.leader = lease.cluster.elect();
  ASSERT_NE(lease.leader, deposed);
  lease.cluster.advance(seconds(3));
  EXPECT_FALSE(asked->time.has_value());
  ASSERT_TRUE(asked->error.has_value());
  lease.cluster.heal();
  lease.cluster.advance(milliseconds(1500));
  EXPECT_TRUE(lease.exists(7));
  EXPECT_TRUE(lease.cluster.node(deposed).view()->lease(7).has_value());
}

TEST(Lease, ACheckpointIsWhatTheNextLeaderGoesBy) {
  LeaseCluster lease(3, [](Config* config) { config->leases.checkpoint_interval = seconds(10); });
  lease.grant(7, 30);
  lease.grant(8, 30);
  lease.cluster.advance(milliseconds(10300));
  EXPECT_EQ(lease.cluster.node(lease.leader).view()->lease(7)->remaining_s, 20);
  const auto told = lease.ask(lease.other(), 8);
  lease.cluster.advance(milliseconds(200));
  EXPECT_EQ(told->time->left_s, 30);
  EXPECT_EQ(lease.cluster.node(lease.leader).view()->lease(8)->remaining_s, 0) << "before it was answered";
  lease.fail_over();
  lease.cluster.advance(milliseconds(22000));
  EXPECT_FALSE(lease.exists(7));
  EXPECT_TRUE(lease.exists(8));
}

TEST(Lease, OneThatIsRenewedIsNeverCheckpointed) {
  LeaseCluster lease(1, [](Config* config) { config->leases.checkpoint_interval = seconds(10); });
  lease.grant(7, 30);
  for (int i = 0; i < 10; ++i) {
    lease.cluster.advance(seconds(9));
    lease.ask(1, 7);
    ASSERT_EQ(lease.cluster.node(1).view()->lease(7)->remaining_s, 0);
  }
}

TEST(Lease, ANewLeaderTakesThemOnInSlices) {
  LeaseCluster lease(3, [](Config* config) { config->leases.slice = 2; });
  for (int id = 1; id <= 9; ++id) lease.grant(id, 5);
  for (int i = 0; i < 2; ++i) {  // what it drops afterwards, too
    lease.fail_over();
    lease.cluster.heal();
    lease.cluster.advance(milliseconds(300));
  }
  EXPECT_EQ(lease.cluster.node(lease.leader).view()->lease_count(), 9U);
  lease.cluster.advance(milliseconds(6300));
  EXPECT_EQ(lease.cluster.node(lease.leader).view()->lease_count(), 0U);
}

TEST(Lease, ManyExpireInAsManyEntriesAsTheLimitsSay) {
  LeaseCluster lease(1, [](Config* config) { config->leases.expired_max = 3; });
  for (int id = 1; id <= 9; ++id) lease.grant(id, 5);
  const raft::Index before = lease.cluster.node(1).status().commit;
  lease.cluster.advance(seconds(7));
  EXPECT_EQ(lease.cluster.node(1).view()->lease_count(), 0U);
  EXPECT_EQ(lease.cluster.node(1).status().commit.v - before.v, 3U);
}

TEST(Lease, ThoseWithManyKeysExpireOneByOne) {
  LeaseCluster lease(1, [](Config* config) { config->leases.expired_keys_max = 1; });
  for (int id = 1; id <= 3; ++id) {
    lease.grant(id, 5);
    lease.put("a" + std::to_string(id), id);
    lease.put("b" + std::to_string(id), id);
  }
  const raft::Index before = lease.cluster.node(1).status().commit;
  lease.cluster.advance(seconds(7));
  EXPECT_EQ(lease.cluster.node(1).view()->key_count(), 0U);
  EXPECT_EQ(lease.cluster.node(1).status().commit.v - before.v, 3U);
}

TEST(Lease, CheckpointsGoIntoAsManyEntriesAsTheLimitsSay) {
  LeaseCluster lease(1, [](Config* config) {
    config->leases.checkpoint_interval = seconds(10);
    config->leases.checkpoints_max = 2;
    config->leases.look_interval = milliseconds(50);
  });
  for (int id = 1; id <= 5; ++id) lease.grant(id, 100);
  const raft::Index before = lease.cluster.node(1).status().commit;
  lease.cluster.advance(seconds(11));
  for (int id = 1; id <= 5; ++id) EXPECT_GT(lease.cluster.node(1).view()->lease(id)->remaining_s, 0) << id;
  EXPECT_EQ(lease.cluster.node(1).status().commit.v - before.v, 3U);
}

TEST(LeaseCalls, BeyondTheLimitsAreRefusedAndLongOnesAreSplit) {
  LeaseCluster lease(3, [](Config* config) {
    config->leases.calls_max = 3;
    config->leases.call_batch_max = 1;
  });
  lease.grant(7, 5);
  std::vector<std::shared_ptr<Told>> told;
  for (int i = 0; i < 4; ++i) {
    told.push_back(std::make_shared<Told>());
    lease.cluster.handle(lease.other(), LeaseCall{.kind = LeaseCallKind::keep_alive,
                                                  .id = 7,
                                                  .deadline = lease.cluster.now() + seconds(7),
                                                  .responder = std::make_unique<LeaseResult>(told.back())});
  }
  EXPECT_EQ(told[3]->error->reason, Reason::too_many_requests);
  lease.cluster.settle();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(told[static_cast<std::size_t>(i)]->time->left_s, 5);
}

TEST(LeaseCalls, WaitForALeaderUntilTheirDeadline) {
  LeaseCluster lease(3);
  lease.grant(7, 50);
  const std::uint64_t at = lease.other();
  lease.cluster.cut(lease.leader);
  const auto told = lease.ask(at, 7), impatient = lease.ask(at, 7, LeaseCallKind::keep_alive, seconds(1));
  lease.cluster.advance(milliseconds(1100));
  EXPECT_TRUE(impatient->error.has_value());
  lease.leader = lease.cluster.elect();
  lease.cluster.advance(milliseconds(1200));
  ASSERT_TRUE(told->time.has_value());
  EXPECT_EQ(told->time->left_s, 50);
}

// However much is asked meanwhile.
TEST(LeaseCalls, OneThatGotNoAnswerIsSoonAskedAgain) {
  LeaseCluster lease(3);
  lease.grant(7, 50);
  lease.cluster.no_room_for_notes = true;
  const auto unlucky = lease.ask(lease.other(), 7);
  lease.cluster.no_room_for_notes = false;
  for (int i = 0; i < 40 && !unlucky->time; ++i) {
    lease.ask(lease.other(), 7);
    lease.cluster.advance(milliseconds(10));
  }
  EXPECT_TRUE(unlucky->time.has_value());
}

// ---- the part alone ----

struct LeasesAlone : testing::Test, LeasePort, AnswerPort {
  void propose(OwnProposal proposal) override { proposals.push_back(std::move(proposal)); }
  void read(ClientRead read) override { reads.push_back(std::move(read)); }
  void answer(const Asked&, std::optional<std::string> body) override {
    if (body) answers.push_back(*decode_lease_times(*body));
  }

  // Granted or revoked as if by the log.
  void apply(const command::Command& command) {
    command::Batch batch;
    *batch.add_commands() = command;
    struct Sink final : mvcc::ApplySink {
      bool wants(std::uint64_t) const override { return false; }
      void done(std::uint64_t, mvcc::Outcome) override {}
      void leases_changed(const std::vector<std::int64_t>& ids) override { changed = ids; }
      std::vector<std::int64_t> changed;
    } sink;
    machine.apply({machine.applied_index() + 1, 3}, batch.SerializeAsString(), &sink);
    if (!sink.changed.empty()) leases.changed(sink.changed, standing(), machine);
  }
  void grant(std::int64_t id, std::int64_t ttl) {
    command::Command command;
    command.mutable_lease_grant()->set_id(id);
    command.mutable_lease_grant()->set_ttl(ttl);
    apply(command);
  }
  void renew(std::int64_t id) {
    leases.asked(LeaseCallKind::keep_alive, encode_lease_ids({id}),
                 Reply(*this, {raft::NodeId{1}, raft::Term{3}, 1}));
    leases.begin_turn(standing(), applied, machine);
    ASSERT_FALSE(reads.empty());
    const ClientRead read = std::move(reads.back());
    reads.pop_back();
    read.responder->ready(*machine.view());
    leases.answer(standing(), machine);
  }
  void pass(Duration time) {
    now += time;
    leases.begin_turn(standing(), applied, machine);
    leases.answer(standing(), machine);
  }
  void outcome(OwnOutcome::Kind kind) {
    const OwnProposal proposal = std::move(proposals.front());
    proposals.erase(proposals.begin());
    if (kind == OwnOutcome::Kind::applied) {
      command::Command command;
      if (proposal.kind == CommandKind::lease_revoke)
        command.mutable_lease_revoke()->ParseFromString(proposal.request);
      else
        command.mutable_lease_checkpoint()->ParseFromString(proposal.request);
      apply(command);
    }
    proposal.done({.kind = kind});
    pass({});
  }
  Standing standing() const { return led_by(leader, term, now); }

  mvcc::StateMachine machine{std::vector<mvcc::MemberInfo>{}};
  Duration now = seconds(1);
  std::uint64_t leader = 1, term = 3;
  raft::Term applied{3};
  std::vector<OwnProposal> proposals;
  std::vector<ClientRead> reads;
  std::vector<std::vector<LeaseTime>> answers;
  LeaseLimits limits{.checkpoint_interval = seconds(10)};
  Leases leases{limits, seconds(1), *this};
};

TEST_F(LeasesAlone, ExpiryIsProposedOnceForItsTermAndGeneration) {
  pass({});
  grant(7, 5);
  pass(milliseconds(4999));
  EXPECT_TRUE(proposals.empty());
  EXPECT_EQ(leases.deadline(), Time(seconds(6)));
  pass(milliseconds(101));
  pass(seconds(1));
  ASSERT_EQ(proposals.size(), 1U);
  EXPECT_EQ(proposals[0].kind, CommandKind::lease_revoke);
  EXPECT_EQ(proposals[0].term, raft::Term{3});
  EXPECT_TRUE(proposals[0].frees);
  command::RevokeLeases request;
  request.ParseFromString(proposals[0].request);
  EXPECT_EQ(request.ShortDebugString(), "expired { id: 7 generation: 1 }");
  outcome(OwnOutcome::Kind::applied);
  EXPECT_EQ(machine.lease(7), std::nullopt);
  EXPECT_EQ(leases.timers(), 0U);
}

TEST_F(LeasesAlone, ARenewalWaitsForWhatBecomesOfTheExpiry) {
  pass({});
  for (const bool expires : {false, true}) {
    answers.clear();
    grant(7, 5);
    pass(milliseconds(5100));
    ASSERT_EQ(proposals.size(), 1U);
    renew(7);
    EXPECT_TRUE(answers.empty()) << "nobody knows yet";
    outcome(expires ? OwnOutcome::Kind::applied : OwnOutcome::Kind::refused);
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0][0].left_s, expires ? 0 : 5);
    pass(seconds(4));
    EXPECT_TRUE(proposals.empty()) << "it has all of its TTL again, or is gone";
  }
}

TEST_F(LeasesAlone, ARefusedExpiryIsProposedAgain) {
  pass({});
  grant(7, 5);
  pass(milliseconds(5100));
  outcome(OwnOutcome::Kind::refused);
  EXPECT_TRUE(proposals.empty());
  pass(limits.look_interval);
  EXPECT_EQ(proposals.size(), 1U);
}

TEST_F(LeasesAlone, ARenewalWaitsUntilTheStateGivesAllOfItAgain) {
  pass({});
  grant(7, 30);
  pass(milliseconds(10100));
  ASSERT_EQ(proposals.size(), 1U);
  EXPECT_EQ(proposals[0].kind, CommandKind::lease_checkpoint);
  renew(7);
  EXPECT_TRUE(answers.empty()) << "a checkpoint of less is on its way";
  outcome(OwnOutcome::Kind::applied);
  EXPECT_TRUE(answers.empty());
  EXPECT_EQ(machine.lease(7)->remaining_s, 20);
  pass(limits.look_interval);
  ASSERT_EQ(proposals.size(), 1U);
  outcome(OwnOutcome::Kind::applied);
  EXPECT_EQ(machine.lease(7)->remaining_s, 0);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0][0].left_s, 30);
}

TEST_F(LeasesAlone, ACheckpointOfTheLeaderBeforeCountsHoweverLateItIsApplied) {
  grant(7, 30);
  pass({});
  command::Command late;
  auto* const lease = late.mutable_lease_checkpoint()->add_leases();
  lease->set_id(7);
  lease->set_generation(1);
  lease->set_remaining(3);
  apply(late);
  renew(7);
  EXPECT_TRUE(answers.empty());
  pass(milliseconds(10));
  outcome(OwnOutcome::Kind::applied);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(machine.lease(7)->remaining_s, 0);
}

TEST_F(LeasesAlone, WhoLosesLeadershipAnswersNobodyAndForgetsItsTimers) {
  pass({});
  grant(7, 5);
  leases.asked(LeaseCallKind::keep_alive, encode_lease_ids({7}),
               Reply(*this, {raft::NodeId{1}, raft::Term{3}, 1}));
  leases.begin_turn(standing(), applied, machine);
  leader = 2, term = 4;
  reads[0].responder->ready(*machine.view());
  leases.answer(standing(), machine);
  pass(seconds(10));
  EXPECT_TRUE(answers.empty());
  EXPECT_TRUE(proposals.empty());
  EXPECT_EQ(leases.deadline(), Time::max());
  leader = 1, term = 5;
  pass(seconds(100));
  EXPECT_EQ(leases.timers(), 0U) << "what leaders before it have said is not all applied yet";
  applied = raft::Term{5};
  pass({});
  EXPECT_EQ(leases.timers(), 1U);
  pass(milliseconds(5900));
  EXPECT_TRUE(proposals.empty()) << "all of it, and an election timeout";
  pass(milliseconds(200));
  EXPECT_EQ(proposals.size(), 1U);
}

TEST_F(LeasesAlone, WhatIsRevokedOrGrantedAnewHasNoOldTimer) {
  pass({});
  grant(7, 5);
  command::Command revoke;
  revoke.mutable_lease_revoke()->set_id(7);
  apply(revoke);
  EXPECT_EQ(leases.timers(), 0U);
  pass(seconds(3));
  grant(7, 5);
  pass(seconds(3));
  EXPECT_TRUE(proposals.empty());
  pass(milliseconds(2100));
  EXPECT_EQ(proposals.size(), 1U);
}

TEST(LeaseTimers, AreDueInTheOrderOfTheirTimes) {
  LeaseTimers timers;
  std::map<std::int64_t, Time> model;
  Prng random(7);
  for (int i = 0; i < 2000; ++i) {
    const auto id = static_cast<std::int64_t>(random.below(20));
    const Time wake{Duration(static_cast<std::int64_t>(random.below(1000)))};
    if (random.chance(1, 4)) {
      timers.erase(id);
      model.erase(id);
    } else if (model.contains(id) && random.chance(1, 2)) {
      timers.wake_at(id, model[id] = wake);
    } else {
      timers.put(id, {}, model[id] = wake);
    }
    Time first = Time::max();
    for (const auto& [_, at] : model) first = std::min(first, at);
    ASSERT_EQ(timers.size(), model.size());
    ASSERT_EQ(timers.next().has_value(), !model.empty());
    if (!model.empty()) {
      ASSERT_EQ(timers.next()->wake, first);
    }
  }
  while (timers.drop_some(3)) continue;
  EXPECT_EQ(timers.size(), 0U);
  EXPECT_FALSE(timers.next().has_value());
}

}  // namespace
}  // namespace cairn::node
