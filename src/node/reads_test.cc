#include "node/reads.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "node/parts_fixture.h"

namespace cairn::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Said final : ReadResponder {
  explicit Said(std::vector<std::string>* to) : lines(to) {}
  void ready(const mvcc::View&) override { lines->push_back("ready"); }
  void failed(Error error) override { lines->push_back(error.message); }
  std::vector<std::string>* lines;
};

struct ReadsTest : testing::Test {
  RecordingCore core;
  Reads reads{{.count = 3, .retry_after = seconds(1)}, core};
  mvcc::StateMachine machine{{}};
  std::vector<std::string> said;

  void add(bool serializable = false, Duration deadline = seconds(60)) {
    reads.add({serializable, Time(deadline), std::make_unique<Said>(&said)});
  }
  // The barriers asked for in a turn.
  std::vector<std::uint64_t> ask(const Standing& standing) {
    reads.ask(standing);
    asked_ = std::exchange(core.inputs, {});
    std::vector<std::uint64_t> tags;
    for (const raft::Input& input : asked_)
      if (const auto* barrier = std::get_if<raft::ReadBarrier>(&input)) tags.push_back(barrier->tag);
    return tags;
  }
  std::vector<std::uint64_t> abandoned() const { return abandoned_in(asked_); }
  static std::vector<std::uint64_t> abandoned_in(const std::vector<raft::Input>& inputs) {
    std::vector<std::uint64_t> tags;
    for (const raft::Input& input : inputs)
      if (const auto* over = std::get_if<raft::AbandonReads>(&input))
        tags.insert(tags.end(), over->tags.begin(), over->tags.end());
    return tags;
  }

 private:
  std::vector<raft::Input> asked_;
};

TEST_F(ReadsTest, OfOneTurnShareABarrierAndWaitForItsIndex) {
  add();
  add();
  const auto tags = ask(led_by(2));
  ASSERT_EQ(tags.size(), 1U);
  reads.ready({tags[0], raft::Index{1}});
  reads.serve(machine);
  EXPECT_TRUE(said.empty()) << "index 1 is not applied yet";
  machine.apply({1, 1}, "", nullptr);
  reads.serve(machine);
  EXPECT_EQ(said, (std::vector<std::string>{"ready", "ready"}));
  EXPECT_TRUE(reads.empty());
  EXPECT_TRUE(ask(led_by(2)).empty());
}

TEST_F(ReadsTest, SerializableOnesNeedNoBarrier) {
  add(true);
  EXPECT_TRUE(ask(led_by(2)).empty());
  reads.serve(machine);
  EXPECT_EQ(said, std::vector<std::string>{"ready"});
}

TEST_F(ReadsTest, BeyondTheLimitAreRefusedUntilOneIsAnswered) {
  for (int i = 0; i < 3; ++i) add();
  EXPECT_TRUE(said.empty());
  add();
  EXPECT_EQ(said, std::vector<std::string>{"etcdserver: too many requests"});
  reads.ready({ask(led_by(2)).at(0), raft::Index{}});
  reads.serve(machine);
  said.clear();
  add();
  EXPECT_TRUE(said.empty());
}

TEST_F(ReadsTest, AFailedBarrierIsAskedAgainUnderAnotherLeadershipOnly) {
  add();
  const auto first = ask(led_by(0));
  reads.failed({first.at(0)});
  EXPECT_TRUE(reads.any_failed());
  EXPECT_TRUE(ask(led_by(0)).empty());
  EXPECT_FALSE(reads.any_failed());
  const auto second = ask(led_by(2));
  ASSERT_EQ(second.size(), 1U);
  EXPECT_NE(second[0], first[0]);
  EXPECT_TRUE(abandoned().empty()) << "the core has none of it any more";
}

TEST_F(ReadsTest, AnOverdueBarrierIsAbandonedAndAskedAgain) {
  add();
  const auto first = ask(led_by(2, 3, seconds(5)));
  EXPECT_TRUE(ask(led_by(2, 3, seconds(6) - milliseconds(1))).empty());
  const auto second = ask(led_by(2, 3, seconds(6)));
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(abandoned(), first);
  reads.ready({first[0], raft::Index{}});
  reads.serve(machine);
  EXPECT_TRUE(said.empty()) << "an answer to what was asked before comes too late";
  reads.ready({second[0], raft::Index{}});
  reads.serve(machine);
  EXPECT_EQ(said, std::vector<std::string>{"ready"});
}

TEST_F(ReadsTest, WhatExpiresIsToldWhyAndABarrierThatNobodyWaitsForIsAbandoned) {
  add(false, seconds(5));
  const auto tags = ask(led_by(2));
  reads.expire(led_by(2, 3, seconds(4)));
  EXPECT_TRUE(said.empty() && core.inputs.empty());
  reads.expire(led_by(2, 3, seconds(5)));
  EXPECT_EQ(said, std::vector<std::string>{"etcdserver: request timed out"});
  EXPECT_EQ(abandoned_in(core.inputs), tags);
  EXPECT_TRUE(reads.empty());
  add(false, seconds(5));
  reads.expire(led_by(0, 3, seconds(6)));
  EXPECT_EQ(said.back(), "etcdserver: no leader");
}

TEST_F(ReadsTest, OfWhichOneExpiresKeepTheirBarrier) {
  add(false, seconds(5));
  add(false, seconds(50));
  const auto tags = ask(led_by(2));
  reads.expire(led_by(2, 3, seconds(6)));
  EXPECT_TRUE(core.inputs.empty());
  reads.ready({tags.at(0), raft::Index{}});
  reads.serve(machine);
  EXPECT_EQ(said.back(), "ready");
}

}  // namespace
}  // namespace cairn::node
