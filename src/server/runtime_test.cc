// The loop's side of a member, with its threads and sockets: what it tries again, and how long for.
#include "server/runtime.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>

#include "node/status.h"
#include "observe/log.h"
#include "server/bootstrap.h"
#include "server/data_dir.h"
#include "sim_disk/sim_disk.h"
#include "wal/format.h"

namespace cairn::server {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kCluster = 7;

// Where the two members listen: the configuration says so, and that is written before either runs.
std::vector<std::uint16_t> free_ports(std::size_t count) {
  boost::asio::io_context io;
  std::vector<boost::asio::ip::tcp::acceptor> held;
  std::vector<std::uint16_t> ports;
  for (std::size_t i = 0; i < count; ++i) {
    held.emplace_back(io, boost::asio::ip::tcp::endpoint(boost::asio::ip::make_address("127.0.0.1"), 0));
    ports.push_back(held.back().local_endpoint().port());
  }
  return ports;
}
const std::vector<std::uint16_t> kPorts = free_ports(2);
std::string url(std::size_t at) { return "http://127.0.0.1:" + std::to_string(kPorts[at]); }
const std::vector<BootstrapMember> kMembers{{1, "n1", {url(0)}}, {2, "n2", {url(1)}}};

node::Config node_config(std::uint64_t self) {
  node::Config config;
  config.raft.id = raft::NodeId(self);
  config.raft.seed = self;
  config.raft.election_timeout = milliseconds(100);
  config.raft.heartbeat_interval = milliseconds(10);
  config.raft.hash = wal::hash_of;
  config.cluster_id = kCluster;
  config.request_id_seed = self << 32U;
  config.sweep_interval = milliseconds(1);
  return config;
}

peer::Config peer_config(std::uint64_t self) {
  peer::Config config;
  config.cluster_id = kCluster;
  config.self = raft::NodeId(self);
  config.retry_min = config.retry_max = milliseconds(5);
  return config;
}

// Each thread that uses a disk has one of its own: a simulated disk is no business of two.
struct Running {
  using Prepare = std::function<void(sim::SimDisk& snapshot_disk)>;
  Running(boost::asio::io_context& io, std::uint64_t self, const Runtime::Limits& limits,
          const Prepare& prepare = {})
      : runtime(io, parts(self, limits, prepare)) {
    EXPECT_TRUE(runtime.peers().listen("127.0.0.1", kPorts[self - 1]).has_value());
  }
  ~Running() { runtime.stop(); }

  Runtime::Parts parts(std::uint64_t self, const Runtime::Limits& limits, const Prepare& prepare) {
    snapshot_disk.put("data/junk", "");
    if (prepare) prepare(snapshot_disk);
    Start start{Bootstrap{kCluster, self, kMembers}, kMembers[self - 1].name};
    start.random = 77 + self;
    data = std::move(*open_data_dir(log_disk, "/data", start, {.segment_bytes = 64 << 10}));
    return {.node = node_config(self),
            .peer = peer_config(self),
            .recovered = std::move(data.recovered),
            .initial = kMembers,
            .log = std::move(data.log),
            .snapshots = std::move(*wal::SnapshotStore::open(snapshot_disk, "data")),
            .snapshot_pace = &pace,
            .metrics = &metrics,
            .limits = limits,
            .diverged = [](const std::string& why) { FAIL() << why; },
            .removed = [this] { ++removed; }};
  }
  int removed = 0;
  bool leads() const { return runtime.status().role == "leader"; }

  sim::SimDisk log_disk, snapshot_disk;
  DataDir data;
  Pace pace;
  Metrics registry;
  ServerMetrics metrics{&registry};
  Runtime runtime;
};

struct RuntimeTest : testing::Test {
  RuntimeTest() { set_log_level(LogLevel::error); }
  ~RuntimeTest() override { configure_log({}); }
  // The bound only ends a broken test.
  template <class Condition>
  bool reached(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition() && std::chrono::steady_clock::now() < end) {
      io.restart();
      io.run_one_until(end);
    }
    return condition();
  }
  void remove_one_of_two();
  boost::asio::io_context io;
  Runtime::Limits limits;
};

TEST_F(RuntimeTest, WhatItPublishesIsWrittenAgainUntilItIsKnown) {
  limits.publish_retry_interval = milliseconds(2);
  Running a(io, 1, limits);
  const mvcc::MemberInfo self{1, "n1", {url(0)}, {"http://a:2"}};
  a.runtime.publish(self);
  // Alone it cannot know of anything written: each try ends with its time.
  ASSERT_TRUE(reached([&] { return a.runtime.status().failed_writes >= 2; }));
  Running b(io, 2, limits);
  EXPECT_TRUE(reached([&] {
    const auto known = b.runtime.members()->find(1);
    return known != b.runtime.members()->end() && known->second == self;
  }));
}

// One of two members removes the other, which is to learn it.
void RuntimeTest::remove_one_of_two() {
  limits.observe_interval = milliseconds(1);
  Running a(io, 1, limits), b(io, 2, limits);
  ASSERT_TRUE(reached([&] { return a.leads() || b.leads(); }));
  Running& leader = a.leads() ? a : b;
  Running& other = a.leads() ? b : a;
  // Refused, as long as it is not known yet that a majority answers.
  bool is_asked = false, is_made = false;
  const auto remove = [&] {
    if (is_asked) return is_made;
    is_asked = true;
    leader.runtime.change_members({.kind = node::MembershipKind::remove,
                                   .member = raft::NodeId{a.leads() ? 2U : 1U},
                                   .replaced = {},
                                   .about = {},
                                   .deadline = leader.runtime.now() + std::chrono::hours(1),
                                   .done = [&](const node::MembershipOutcome& outcome) {
                                     is_made = outcome.kind == node::MembershipOutcome::Kind::made;
                                     is_asked = is_made;
                                   }});
    return false;
  };
  ASSERT_TRUE(reached(remove));
  ASSERT_TRUE(reached([&] { return other.removed > 0; }));
  const int turns = 20;
  for (int i = 0; i < turns; ++i) io.run_one();
  EXPECT_EQ(other.removed, 1);
  EXPECT_EQ(leader.removed, 0);
  EXPECT_TRUE(leader.leads());
}

TEST_F(RuntimeTest, WhoIsRemovedIsToldAndSaysSoOnce) {
  limits.removal.certain_after = milliseconds(1);
  limits.removal.certain_when_unheard = std::chrono::hours(1);
  remove_one_of_two();
}

TEST_F(RuntimeTest, WhoIsRemovedAndHeardByNobodyBelievesTheOneThatIsLeft) {
  limits.removal.certain_after = std::chrono::hours(1);
  limits.removal.certain_when_unheard = milliseconds(1);
  remove_one_of_two();
}

TEST_F(RuntimeTest, HandingOverIsWaitedForAsLongAsThereIsPatience) {
  limits.hand_over_poll_interval = milliseconds(1);
  Running a(io, 1, limits), b(io, 2, limits);
  ASSERT_TRUE(reached([&] { return a.leads() || b.leads(); }));
  Running& leader = a.leads() ? a : b;
  bool done = false;
  leader.runtime.hand_over(Duration::zero(), [&done] { done = true; });
  EXPECT_TRUE(done);
  EXPECT_TRUE(leader.leads());
  done = false;
  leader.runtime.hand_over(std::chrono::hours(1), [&done] { done = true; });
  EXPECT_FALSE(done);
  ASSERT_TRUE(reached([&] { return done; }));
  EXPECT_FALSE(leader.leads());
}

struct Ignore final : mvcc::ApplySink {
  bool wants(std::uint64_t) const override { return false; }
  void done(std::uint64_t, mvcc::Outcome) override {}
};

// A received snapshot that cannot be read, for want of descriptors: it is all there, and is read later.
TEST_F(RuntimeTest, ASnapshotThatCannotBeReadForTheMomentIsLoadedLater) {
  limits.load_retry_interval = milliseconds(20);
  raft::SnapshotMeta meta;
  meta.index = raft::Index(3);
  meta.term = raft::Term(1);
  meta.members.voters = {raft::NodeId(1), raft::NodeId(2)};
  mvcc::StateMachine machine(member_infos({kCluster, 1, kMembers}));
  Ignore ignore;
  for (std::uint64_t index = 1; index <= meta.index.v; ++index) machine.apply({index, 1}, {}, &ignore);
  Running a(io, 1, limits, [&](sim::SimDisk& disk) {
    const auto store = std::move(*wal::SnapshotStore::open(disk, "data"));
    const auto writer = std::move(*store->create(meta));
    ASSERT_TRUE(machine.view()->save(writer.get()) && writer->publish());
  });
  a.snapshot_disk.fail_io(1, io::kPassing, false);
  const Time began = a.runtime.now();
  peer::Receiver& receiver = a.runtime;
  receiver.on_message({.from = raft::NodeId(2),
                       .to = raft::NodeId(1),
                       .term = raft::Term(1),
                       .body = raft::SnapshotOffer{meta},
                       .life = {raft::Incarnation(9), 1, true}});
  ASSERT_TRUE(reached([&] { return a.runtime.status().applied == meta.index; }));
  EXPECT_GE(a.runtime.now() - began, limits.load_retry_interval);
}

TEST_F(RuntimeTest, OfRefusedConnectionsOnlySoManyKindsAreLogged) {
  limits.refusals_logged.lines_max = 1;
  std::vector<std::string> lines;
  configure_log({.level = LogLevel::warn, .sink = [&lines](std::string_view line) {
                   if (line.find("peer connection was refused") != std::string_view::npos)
                     lines.emplace_back(line);
                 }});
  {
    Running a(io, 1, limits);
    peer::Receiver& receiver = a.runtime;
    receiver.on_refused({peer::Refused::bytes, raft::NodeId(2), "no frame", {}});
    receiver.on_refused({peer::Refused::hello, raft::NodeId(2), "another cluster", {}});
    receiver.on_refused({peer::Refused::bytes, raft::NodeId(2), "no frame", {}});
  }
  configure_log({});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("no frame"), std::string::npos) << lines[0];
}

TEST_F(RuntimeTest, WhoSpeaksOfAnImpossibleTermIsNotCalledSilentAlone) {
  limits.refused_lately = std::chrono::hours(1);
  Running a(io, 1, limits), b(io, 2, limits);
  ASSERT_TRUE(reached([&] { return a.leads() || b.leads(); }));
  Running& leader = a.leads() ? a : b;
  const raft::NodeId other(a.leads() ? 2 : 1);
  ASSERT_TRUE(reached([&] { return leader.runtime.members()->contains(other.v); }));
  peer::Receiver& receiver = leader.runtime;
  receiver.on_refused({peer::Refused::implausible, other, "no member says this: term 9", {}, true});
  const node::MemberStatus status = leader.runtime.status();
  const auto about = std::find_if(status.followers.begin(), status.followers.end(),
                                  [&](const node::FollowerStatus& follower) { return follower.id == other; });
  ASSERT_NE(about, status.followers.end());
  EXPECT_NE(about->stuck.find("a term that no member has"), std::string::npos) << about->stuck;
}

TEST_F(RuntimeTest, WhoIsRefusedSaysSoAndNotThatNobodyAnswers) {
  limits.refused_lately = std::chrono::hours(1);
  Running a(io, 1, limits);  // of three, alone
  peer::Receiver& receiver = a.runtime;
  receiver.on_refused({peer::Refused::by_other, raft::NodeId(2), "member 2 refused this member", {}});
  ASSERT_TRUE(reached([&] { return !a.runtime.status().waits_for.empty(); }));
  const std::string waits_for = a.runtime.status().waits_for;
  EXPECT_NE(waits_for.find("refuses this member"), std::string::npos) << waits_for;
  EXPECT_NE(waits_for.find("cairn member add"), std::string::npos) << waits_for;
}

TEST_F(RuntimeTest, AConnectionThatComesAndGoesIsSaidOnceAMinute) {
  limits.links_logged = {.lines_max = 8, .interval = std::chrono::hours(1)};
  std::vector<std::string> lines;
  configure_log({.level = LogLevel::info, .sink = [&lines](std::string_view line) {
                   if (line.find("127.0.0.9") != std::string_view::npos) lines.emplace_back(line);
                 }});
  {
    Running a(io, 1, limits);
    peer::Receiver& receiver = a.runtime;
    for (int i = 0; i < 5; ++i) {
      receiver.on_link({raft::NodeId(2), "127.0.0.9:1", false, false, "Connection refused"});
      receiver.on_link({raft::NodeId(2), "127.0.0.9:1", true, false, ""});
      receiver.on_link({raft::NodeId(2), "127.0.0.9:1", false, true, "it closed the connection"});
    }
  }
  configure_log({});
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_NE(lines[0].find("a member cannot be reached"), std::string::npos) << lines[0];
  EXPECT_NE(lines[1].find("connected to a member"), std::string::npos) << lines[1];
  EXPECT_NE(lines[2].find("lost the connection to a member"), std::string::npos) << lines[2];
  EXPECT_NE(lines[3].find("connected to a member"), std::string::npos) << "the loss that was said is over";
}

TEST_F(RuntimeTest, OfRefusedSnapshotsOnlySoManySendersAreLogged) {
  limits.snapshots_logged.lines_max = 1;
  std::vector<std::string> lines;
  configure_log({.level = LogLevel::warn, .sink = [&lines](std::string_view line) {
                   if (line.find("needs a snapshot") != std::string_view::npos) lines.emplace_back(line);
                 }});
  {
    Running a(io, 1, limits);
    peer::Receiver& receiver = a.runtime;
    receiver.on_snapshot_refused(raft::NodeId(2), {Code::data_loss, "needs 7 bytes more"});
    receiver.on_snapshot_refused(raft::NodeId(2), {Code::data_loss, "needs 8 bytes more"});
    receiver.on_snapshot_refused(raft::NodeId(3), {Code::data_loss, "needs 9 bytes more"});
  }
  configure_log({});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("needs 7 bytes more"), std::string::npos) << lines[0];
}

TEST_F(RuntimeTest, WhomItWaitsForIsLoggedAgainInItsInterval) {
  limits.waits_logged.interval = milliseconds(1);
  std::size_t lines = 0;
  configure_log({.level = LogLevel::warn, .sink = [&lines](std::string_view line) {
                   if (line.find("waits for n2") != std::string_view::npos) lines += 1;
                 }});
  {
    Running alone(io, 1, limits);
    EXPECT_TRUE(reached([&lines] { return lines >= 3; }));
  }
  configure_log({});
}

}  // namespace
}  // namespace cairn::server
