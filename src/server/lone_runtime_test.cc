// A Runtime on a simulated disk: turns, answers, who follows, start and end. What several members do with one
// another is for the simulator and the end-to-end tests.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <string>
#include <vector>

#include "node/requests.h"
#include "node/status.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "server/data_dir.h"
#include "server/runtime.h"
#include "sim_disk/sim_disk.h"

namespace cairn::server {
namespace {

constexpr std::uint64_t kSelf = 5;
constexpr auto kElectionTimeout = std::chrono::milliseconds(20);

DataDir data_on(sim::SimDisk* disk) {
  const Start start{
      .bootstrap = Bootstrap{.cluster_id = 7,
                             .self = kSelf,
                             .members = {{.id = kSelf, .name = "n1", .peer_urls = {"http://a:1"}}}},
      .name = "n1",
      .random = 77,
      .unix_ms = 1};
  Result<DataDir> data =
      open_data_dir(*disk, "/srv/n1", start, {.segment_bytes = 64 << 10, .spare_segments = 1});
  EXPECT_TRUE(data) << data.error().message;
  return std::move(*data);
}

struct WrittenAt final : node::WriteResponder {
  WrittenAt(std::vector<std::int64_t>* to, bool* dropped) : revisions(to), was_dropped(dropped) {}
  ~WrittenAt() override { *was_dropped = *was_dropped || !answered; }
  void done(mvcc::Outcome outcome) override {
    answered = true;
    revisions->push_back(outcome.code == Code::ok ? outcome.revision : 0);
  }
  std::vector<std::int64_t>* revisions;
  bool* was_dropped;
  bool answered = false;
};

struct ReadAt final : node::ReadResponder {
  explicit ReadAt(std::vector<std::int64_t>* to) : revisions(to) {}
  void ready(const mvcc::View& view) override { revisions->push_back(view.revision()); }
  void failed(Error) override { revisions->push_back(0); }
  std::vector<std::int64_t>* revisions;
};

struct LoneRuntime : testing::Test {
  LoneRuntime() : data(data_on(&disk)) {
    node::Config node;
    node.raft.id = raft::NodeId{kSelf};
    node.raft.election_timeout = kElectionTimeout;
    node.raft.heartbeat_interval = kElectionTimeout / 4;
    node.cluster_id = 7;
    peer::Config peer;
    peer.cluster_id = node.cluster_id;
    peer.self = node.raft.id;
    runtime = std::make_unique<Runtime>(
        io, Runtime::Parts{
                .node = node,
                .peer = peer,
                .recovered = std::move(data.recovered),
                .log = std::move(data.log),
                .snapshots = std::move(data.snapshots),
                .snapshot_pace = &data.snapshot_disk->pace(),
                .metrics = &metrics,
                .limits = {.pauses_logged = {.slow = Duration::zero(), .interval = std::chrono::hours(1)},
                           .observe_interval = std::chrono::milliseconds(1),
                           .slow_apply = Duration::zero()},
                .diverged = [](const std::string&) {}});
    runtime->on_turn_end([this] { ++turns; });
  }

  void run_until(const std::function<bool()>& done) {
    while (!done()) ASSERT_GT(io.run_one(), 0U) << "nothing is left to happen";
  }
  void write() {
    runtime->write({.kind = node::CommandKind::put,
                    .request = "\n\1a",
                    .idempotency_key = {},
                    .deadline = runtime->now() + std::chrono::hours(1),
                    .responder = std::make_unique<WrittenAt>(&written, &dropped)});
  }
  void read() {
    runtime->read({.serializable = false,
                   .deadline = runtime->now() + std::chrono::hours(1),
                   .responder = std::make_unique<ReadAt>(&seen)});
  }

  sim::SimDisk disk;
  DataDir data;
  Metrics registry;
  ServerMetrics metrics{&registry};
  boost::asio::io_context io{1};
  std::vector<std::int64_t> written, seen;
  bool dropped = false;
  int turns = 0;
  std::unique_ptr<Runtime> runtime;
};

TEST_F(LoneRuntime, WritesAndReadsAreAnsweredOnceAMemberAloneLeads) {
  write();
  run_until([this] { return !written.empty(); });
  EXPECT_EQ(written, std::vector<std::int64_t>{2});
  EXPECT_EQ(runtime->brief().leader.v, kSelf);
  EXPECT_EQ(runtime->numbers().applied, runtime->status().applied);
  EXPECT_EQ(metrics.leader_changes.value(), 1U);
  read();
  run_until([this] { return !seen.empty(); });
  EXPECT_EQ(seen, std::vector<std::int64_t>{2});
}

TEST_F(LoneRuntime, ItIsSaidWhenAMemberIsReadyAndWhenItDidNotRun) {
  std::vector<std::string> lines;
  configure_log({.format = LogFormat::text,
                 .sink = [&](std::string_view line) { lines.emplace_back(line.substr(25)); }});
  const auto said = [&](const std::string& begins) {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const auto& line) { return line.starts_with(begins); });
  };
  EXPECT_FALSE(said("info  ready to serve")) << "nobody leads";
  run_until([&] { return said("info  ready to serve client requests revision=1"); });
  EXPECT_EQ(runtime->brief().leader.v, kSelf);
  run_until([&] { return said("warn  this member did not run when it had to"); });
  configure_log({});
}

// As after SIGCONT: messages were there first, and the timer was put off without a word.
TEST_F(LoneRuntime, ItIsSaidThoughSomethingElseIsHandledBeforeTheTimer) {
  std::vector<std::string> lines;
  configure_log({.format = LogFormat::text,
                 .sink = [&](std::string_view line) { lines.emplace_back(line.substr(25)); }});
  const auto says_so = [](const std::string& line) {
    return line.starts_with("warn  this member did not run when it had to");
  };
  write();
  run_until([this] { return turns > 0; });
  ASSERT_TRUE(std::none_of(lines.begin(), lines.end(), says_so)) << "its timer is not due yet";
  boost::asio::post(io, [this] {
    const Time begun = runtime->now();
    while (runtime->now() < begun + 2 * kElectionTimeout) continue;  // it did not run
  });
  write();
  turns = 0;
  run_until([this] { return turns > 0; });
  EXPECT_TRUE(std::any_of(lines.begin(), lines.end(), says_so));
  configure_log({});
}

TEST_F(LoneRuntime, ATurnThatTakesTooLongToApplyIsCounted) {
  write();
  run_until([this] { return !written.empty(); });
  EXPECT_GE(metrics.slow_applies.value(), 1U);
  EXPECT_LE(metrics.slow_applies.value(), static_cast<std::uint64_t>(turns) + 1)
      << "not of a turn that applies nothing";
}

TEST_F(LoneRuntime, WhatComesInOneTurnIsOneTurn) {
  write();
  run_until([this] { return !written.empty(); });
  run_until([this] { return turns > 0; });
  turns = 0;
  for (int i = 0; i < 100; ++i) write();
  io.poll_one();
  EXPECT_LE(turns, 1);
  run_until([this] { return written.size() == 101; });
  EXPECT_LT(turns, 50);
  EXPECT_EQ(runtime->numbers().last.v, runtime->numbers().applied.v);
}

TEST_F(LoneRuntime, AFollowerSeesWhatThereIsAndThenEveryTurnThatChangesIt) {
  write();
  run_until([this] { return !written.empty(); });
  std::vector<std::int64_t> views;
  runtime->follow([&](const std::shared_ptr<const mvcc::View>& view) { views.push_back(view->revision()); });
  EXPECT_TRUE(views.empty()) << "not within the call";
  run_until([&] { return !views.empty(); });
  EXPECT_EQ(views, std::vector<std::int64_t>{2});
  write();
  write();
  run_until([&] { return views.size() > 1; });
  EXPECT_EQ(views, (std::vector<std::int64_t>{2, 4})) << "one view a turn";
  runtime->follow({});
  write();
  run_until([this] { return written.size() == 4; });
  EXPECT_EQ(views.size(), 2U);
}

TEST_F(LoneRuntime, OthersAreShownViewsBeforeTheirTurnEnds) {
  struct Others final : node::Audience {
    bool listens() const override { return interested; }
    void published(std::shared_ptr<const mvcc::View> view) override {
      latest = view->revision();
      in_turn = turns;
    }
    explicit Others(const int& of) : turns(of) {}
    const int& turns;
    bool interested = false;
    std::int64_t latest = 0;
    int in_turn = 0;
  } others(turns);
  runtime->show_to(others);
  write();
  run_until([this] { return !written.empty(); });
  EXPECT_EQ(others.latest, 0) << "nobody there has asked";
  others.interested = true;
  write();
  run_until([&] { return others.latest == 3; });
  run_until([&] { return turns > others.in_turn; });
}

TEST_F(LoneRuntime, AMemberTellsTheClusterWhoItIsUntilItIsKnown) {
  const mvcc::MemberInfo self{
      .id = kSelf, .name = "renamed", .peer_urls = {"http://a:1"}, .client_urls = {"http://a:2"}};
  runtime->publish(self);
  run_until([this] { return runtime->members()->at(kSelf).name == "renamed"; });
  EXPECT_EQ(runtime->members()->at(kSelf), self);
}

TEST_F(LoneRuntime, ALeaderAloneHasNobodyToHandOverTo) {
  write();
  run_until([this] { return !written.empty(); });
  bool done = false;
  runtime->hand_over(std::chrono::hours(1), [&] { done = true; });
  EXPECT_TRUE(done);
}

TEST_F(LoneRuntime, AfterStopNothingIsTakenAndWhatWaitsIsDroppedInTheEnd) {
  write();
  runtime->stop();
  write();
  EXPECT_TRUE(written.empty());
  runtime.reset();
  EXPECT_TRUE(dropped);
  EXPECT_TRUE(written.empty());
}

TEST_F(LoneRuntime, WhatWasAnsweredIsThereAfterARestart) {
  write();
  run_until([this] { return !written.empty(); });
  runtime.reset();
  data = {};
  disk.kill_process();
  const DataDir again = data_on(&disk);
  EXPECT_GT(again.recovered.raft.entries.size(), 1U);
}

}  // namespace
}  // namespace cairn::server
