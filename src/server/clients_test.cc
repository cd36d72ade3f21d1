// Those who serve clients, on the loop and on threads of their own: how they end, and what each of them
// takes.
#include "server/clients.h"

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <mutex>

#include "etcd/reasons.h"
#include "mvcc/state_machine.h"
#include "node/member.h"
#include "node/requests.h"
#include "node/status.h"
#include "observe/log.h"
#include "rpc/client.h"

namespace cairn::server {
namespace {

using boost::asio::ip::tcp;
using std::chrono::milliseconds;

// Leads, and keeps what it is asked until the test answers.
struct HoldingReplica final : node::Member {
  std::vector<node::ClientWrite> writes;
  mvcc::StateMachine machine{{{1, "n1", {}, {"http://a:1"}}}};

  Time now() const override { return std::chrono::steady_clock::now(); }
  void write(node::ClientWrite request) override { writes.push_back(std::move(request)); }
  void read(node::ClientRead) override {}
  void move_leader(node::MoveLeader) override {}
  void lease(node::LeaseCall) override {}
  void change_members(node::ChangeMembership) override {}
  bool ask(node::ReplicaQuestion) override { return true; }
  node::MemberBrief brief() const override {
    return {.cluster_id = 7, .id = raft::NodeId(1), .leader = raft::NodeId(1), .term = raft::Term(1)};
  }
  std::shared_ptr<const mvcc::MemberMap> members() const override { return machine.members(); }
  const std::shared_ptr<const mvcc::AuthState>& auth() const override { return machine.auth(); }
  bool knows_users() const override { return true; }
  std::int64_t clock_ms() const override { return machine.clock_ms(); }
  void follow(node::Follower by) override { follower = std::move(by); }
  node::Follower follower;
};

// A client that watches, and reads nothing.
struct Watcher {
  Watcher(boost::asio::io_context& io, std::uint16_t port) : client(io, "127.0.0.1", port) {
    client.open_stream(
        "/etcdserverpb.Watch/Watch", {}, [](std::string_view) {}, [](const rpc::GrpcReply&) {});
  }
  rpc::GrpcClient client;
};

// A client that puts one key, and goes when it has its answer.
struct Client {
  Client(boost::asio::io_context& io, std::uint16_t port) : socket(io) {
    socket.connect({boost::asio::ip::address_v4::loopback(), port});
    boost::asio::write(
        socket,
        boost::asio::buffer(std::string("PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")));
    hear();
  }
  void hear() {
    socket.async_read_some(boost::asio::buffer(piece),
                           [this](boost::system::error_code error, std::size_t size) {
                             heard.append(piece, size);
                             if (!error) return hear();
                             boost::system::error_code ignored;
                             socket.close(ignored);
                             closed = true;
                           });
  }
  tcp::socket socket;
  char piece[4096];
  std::string heard;
  bool closed = false;
};

struct ClientsTest : testing::TestWithParam<std::size_t> {  // front-end threads
  ~ClientsTest() override {
    replica.writes.clear();
    callers.clear();
  }
  Clients::Limits limits() const {
    Clients::Limits limits;
    limits.front_ends = GetParam();
    limits.drain_poll_interval = limits.front_end.drain_poll_interval = milliseconds(1);
    return limits;
  }
  void serve(const Clients::Limits& limits) {
    clients.emplace(io, replica, api::Config{}, limits);
    port = *clients->listen("127.0.0.1", 0);
    clients->start();
  }
  Client& call() { return *callers.emplace_back(std::make_unique<Client>(io, port)); }
  // The bound only ends a broken test.
  template <class Condition>
  bool reached(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition() && std::chrono::steady_clock::now() < end) {
      io.restart();
      io.run_one_until(end);
      clients->turn_ended();
    }
    return condition();
  }
  void answer(std::size_t number) {
    replica.writes.at(number).responder->done(mvcc::refuse(etcd::error_of(Reason::no_space)));
    clients->turn_ended();
  }

  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  HoldingReplica replica;
  std::optional<Clients> clients;
  std::vector<std::unique_ptr<Client>> callers;
  std::uint16_t port = 0;
};

// Who serves on the loop asks the replica itself, which goes before the clients do.
TEST_P(ClientsTest, NothingIsAskedOfTheReplicaAfterTheEnd) {
  serve(limits());
  const Watcher watcher(io, port);
  const auto follows = [this] { return GetParam() == 0 ? replica.follower != nullptr : clients->listens(); };
  ASSERT_TRUE(reached(follows));
  clients->stop();
  EXPECT_EQ(replica.follower, nullptr);
}

TEST_P(ClientsTest, DrainingWaitsForRequestsInProgress) {
  Clients::Limits patient = limits();
  patient.drain_patience = std::chrono::hours(1);
  serve(patient);
  const Client& client = call();
  ASSERT_TRUE(reached([&] { return replica.writes.size() == 1; }));
  bool drained = false;
  clients->drain([&drained] { drained = true; });
  EXPECT_FALSE(drained);
  answer(0);
  ASSERT_TRUE(reached([&] { return drained; }));
  EXPECT_TRUE(reached([&] { return client.closed; }));
  EXPECT_TRUE(client.heard.starts_with("HTTP/1.1 ")) << client.heard;
  clients->stop();
}

TEST_P(ClientsTest, DrainingEndsWithItsPatience) {
  Clients::Limits brief = limits();
  brief.drain_patience = milliseconds(20);
  serve(brief);
  call();
  ASSERT_TRUE(reached([&] { return replica.writes.size() == 1; }));
  bool drained = false;
  const Time began = std::chrono::steady_clock::now();
  clients->drain([&drained] { drained = true; });
  ASSERT_TRUE(reached([&] { return drained; }));
  EXPECT_GE(std::chrono::steady_clock::now() - began, brief.drain_patience);
  clients->stop();
}

TEST_P(ClientsTest, WithoutPatienceNothingIsWaitedFor) {
  Clients::Limits hasty = limits();
  hasty.drain_patience = Duration::zero();
  serve(hasty);
  call();
  ASSERT_TRUE(reached([&] { return replica.writes.size() == 1; }));
  bool drained = false;
  clients->drain([&drained] { drained = true; });
  EXPECT_TRUE(drained);
  clients->stop();
}

TEST_P(ClientsTest, WhoCrowdsIsNamedOnceAMinute) {
  std::mutex mutex;
  std::string logged;
  configure_log({.level = LogLevel::warn, .sink = [&](std::string_view line) {
                   const std::lock_guard lock(mutex);
                   logged.append(line).append("\n");
                 }});
  Clients::Limits narrow = limits();
  narrow.rpc.connections_per_source_max = 1;
  narrow.crowding_logged = {.lines_max = 1, .interval = std::chrono::hours(1)};
  serve(narrow);
  const Client& first = call();
  ASSERT_TRUE(reached([&] { return replica.writes.size() == 1; }));
  for (int i = 0; i < 3; ++i) {
    const Client& more = call();
    EXPECT_TRUE(reached([&] { return more.closed; }));
    EXPECT_EQ(more.heard, "");
  }
  EXPECT_FALSE(first.closed);
  clients->stop();
  configure_log({});
  EXPECT_EQ(std::count(logged.begin(), logged.end(), '\n'), 1) << logged;
  EXPECT_NE(logged.find("\"client\":\"127.0.0.1\",\"open\":1"), std::string::npos) << logged;
}

TEST_P(ClientsTest, TheLimitsOfConnectionsHoldOnEachThread) {
  Clients::Limits narrow = limits();
  narrow.rpc.http_body_bytes_max = 0;
  serve(narrow);
  const Client& client = call();
  ASSERT_TRUE(reached([&] { return !client.heard.empty(); }));
  EXPECT_TRUE(client.heard.starts_with("HTTP/1.1 413")) << client.heard;
  EXPECT_TRUE(replica.writes.empty());
  clients->stop();
}

INSTANTIATE_TEST_SUITE_P(Threads, ClientsTest, testing::Values(0, 1, 2));

using FrontEnds = ClientsTest;

TEST_P(FrontEnds, RefuseWhatTheyMayNotHaveUnderWay) {
  Clients::Limits narrow = limits();
  narrow.front_end.crossing.writes_max = 1;
  serve(narrow);
  call();
  ASSERT_TRUE(reached([&] { return replica.writes.size() == 1; }));
  const Client& second = call();
  ASSERT_TRUE(reached([&] { return !second.heard.empty(); }));
  EXPECT_TRUE(second.heard.starts_with("HTTP/1.1 429")) << second.heard;
  EXPECT_EQ(replica.writes.size(), 1U);
  clients->stop();
}

INSTANTIATE_TEST_SUITE_P(One, FrontEnds, testing::Values(1));

}  // namespace
}  // namespace cairn::server
