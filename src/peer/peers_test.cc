#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/socket.h"  // tidy-allow(heavy): what it is told is asked of it
#include "peer/connection.h"
#include "peer/peers_fixture.h"

namespace cairn::peer {
namespace {

raft::Message vote(const Member& from, const Member& to, std::uint64_t term) {
  return {
      .from = from.self, .to = to.self, .term = raft::Term(term), .body = raft::VoteRequest{}, .life = kLife};
}

raft::Message append(const Member& from, const Member& to, std::size_t entries, std::size_t bytes) {
  raft::AppendRequest body;
  for (std::size_t i = 0; i < entries; ++i) {
    body.entries.push_back({.term = raft::Term(1),
                            .index = raft::Index(i + 1),
                            .type = raft::EntryType::command,
                            .data = make_bytes(std::string(bytes, static_cast<char>('a' + i % 26)))});
  }
  return {.from = from.self, .to = to.self, .term = raft::Term(1), .body = std::move(body), .life = kLife};
}

raft::Message offer(const Member& from, const Member& to) {
  raft::SnapshotOffer body;
  body.meta.index = raft::Index(100);
  body.meta.term = raft::Term(3);
  body.meta.members.voters = {from.self, to.self};
  return {.from = from.self, .to = to.self, .term = raft::Term(4), .body = body, .life = kLife};
}

TEST_F(PeersTest, MessagesArriveInOrderBothWays) {
  Member a(io, 1), b(io, 2);
  introduce(a, b);
  for (std::uint64_t i = 0; i < 100; ++i) {
    a.peers->send(vote(a, b, i + 1));  // the first ones before the connection is there
    b.peers->send(vote(b, a, i + 1001));
  }
  ASSERT_TRUE(
      reached([&] { return a.recorder.messages.size() == 100 && b.recorder.messages.size() == 100; }));
  for (std::uint64_t i = 0; i < 100; ++i) {
    EXPECT_EQ(b.recorder.messages[i].term.v, i + 1);
    EXPECT_EQ(a.recorder.messages[i].term.v, i + 1001);
  }
  EXPECT_TRUE(a.recorder.refused.empty());
}

TEST_F(PeersTest, NotesCarryAnyBytes) {
  Member a(io, 1), b(io, 2);
  introduce(a, b);
  const std::string note("\0note\xff", 6);
  a.peers->send_note(b.self, make_bytes(note));
  ASSERT_TRUE(reached([&] { return b.recorder.notes.size() == 1; }));
  EXPECT_EQ(b.recorder.notes[0], std::make_pair(a.self, note));
}

TEST_F(PeersTest, WrittenByteByByteMessagesArriveWhole) {
  Config config;
  config.limits.write_bytes_max = 1;
  Member a(io, 1, kCluster, config), b(io, 2, kCluster, config);
  introduce(a, b);
  const raft::Message sent = append(a, b, 1, 500);
  a.peers->send(sent);
  ASSERT_TRUE(reached([&] { return b.recorder.messages.size() == 1; }));
  std::string expected, got;
  encode_message(sent, &expected);
  encode_message(b.recorder.messages[0], &got);
  EXPECT_EQ(expected, got);
}

TEST_F(PeersTest, LargeMessagesArriveWhole) {
  // A sanitizer on a busy machine may take longer for one of them than a connection may be silent, and what
  // is lost with a connection is not sent again.
  Config patient;
  patient.hello_timeout = patient.connect_timeout = patient.silence_timeout = std::chrono::seconds(60);
  Member a(io, 1, kCluster, patient), b(io, 2, kCluster, patient);
  introduce(a, b);
  ASSERT_TRUE(connected(a));
  const raft::Message sent = append(a, b, 20, std::size_t{1} << 20);
  a.peers->send(sent);
  ASSERT_TRUE(reached([&] { return b.recorder.messages.size() == 1; }, std::chrono::seconds(60)));
  std::string expected, got;
  encode_message(sent, &expected);
  encode_message(b.recorder.messages[0], &got);
  EXPECT_TRUE(expected == got);
}

TEST_F(PeersTest, ClosedProcessIsReportedAtOnceAndOnce) {
  Member a(io, 1), b(io, 2);
  introduce(a, b);
  ASSERT_TRUE(connected(a));
  b.peers->close();
  ASSERT_TRUE(reached([&] { return !a.recorder.lost.empty(); }));
  ASSERT_TRUE(reached([&] { return a.recorder.unreachable.size() >= 2; }));  // and attempts to reconnect fail
  EXPECT_EQ(a.recorder.lost, std::vector{b.self});
  EXPECT_TRUE(b.recorder.lost.empty());  // our own closing is no news to us
}

TEST_F(PeersTest, ReconnectsToARestartedMember) {
  Member a(io, 1);
  auto b = std::make_unique<Member>(io, 2);
  introduce(a, *b);
  ASSERT_TRUE(connected(a));
  const std::uint16_t port = b->port;
  b = nullptr;
  ASSERT_TRUE(reached([&] { return !a.recorder.lost.empty(); }));

  Recorder recorder;
  MemoryFiles files;
  Peers again(io, Member::with({}, 2, kCluster), recorder, files);
  again.set_peers({a.address()});
  ASSERT_TRUE(again.listen("127.0.0.1", port).has_value());
  ASSERT_TRUE(reached([&] {
    if (recorder.messages.empty())
      a.peers->send({a.self, NodeId(2), raft::Term(9), raft::TimeoutNow{}, kLife});
    return !recorder.messages.empty();
  }));
  again.close();
  ASSERT_TRUE(reached([&] { return a.recorder.lost.size() == 2; }));  // a second death is news again
}

TEST_F(PeersTest, WhoHasSeveralAddressesIsReachedAtTheOneThatAnswers) {
  Member a(io, 1), b(io, 2), wrong(io, 3);
  b.peers->set_peers({a.address()});
  PeerAddress address = b.address();
  address.port = 1;  // nobody is there
  address.also = {{"127.0.0.1", wrong.port},
                  {"127.0.0.1", b.port}};  // another member is at the first of these
  a.peers->set_peers({address});
  ASSERT_TRUE(connected(a));
  a.peers->send({a.self, b.self, raft::Term(1), raft::TimeoutNow{}, kLife});
  EXPECT_TRUE(reached([&] { return b.recorder.messages.size() == 1; }));
}

TEST_F(PeersTest, OtherClusterIsRefusedWithTheIdsInTheLogOfWhoRefusesOnly) {
  Member a(io, 1), b(io, 2, kCluster + 1);
  a.peers->set_peers({b.address()});
  b.peers->set_peers({{a.self, "127.0.0.1", 1}});  // which does not answer there
  a.peers->send(vote(a, b, 1));
  ASSERT_TRUE(reached([&] { return !a.recorder.refused.empty() && !b.recorder.refused.empty(); }));
  EXPECT_EQ(b.recorder.refused[0].reason, Refused::hello);
  EXPECT_NE(b.recorder.refused[0].why.find(
                "of cluster 000000000000004d, this member belongs to cluster 000000000000004e"),
            std::string::npos)
      << b.recorder.refused[0].why;
  EXPECT_EQ(a.recorder.refused[0].reason, Refused::by_other);
  EXPECT_NE(a.recorder.refused[0].why.find("another cluster or another member is here"), std::string::npos);
  EXPECT_EQ(a.recorder.refused[0].why.find("4e"), std::string::npos) << a.recorder.refused[0].why;
  EXPECT_EQ(b.peers->refused(Refused::hello), 1u);
  EXPECT_TRUE(b.recorder.messages.empty());
}

TEST_F(PeersTest, WrongMemberBehindAnAddressIsRefused) {
  Member a(io, 1), b(io, 2);
  a.peers->set_peers({{NodeId(3), "127.0.0.1", b.port}});
  ASSERT_TRUE(reached([&] { return !a.recorder.refused.empty() && !b.recorder.refused.empty(); }));
  EXPECT_TRUE(b.recorder.refused[0].names_another);
  EXPECT_NE(b.recorder.refused[0].why.find("for member 0000000000000003, this member is 0000000000000002"),
            std::string::npos);
  EXPECT_NE(a.recorder.refused[0].why.find("another cluster or another member is here"), std::string::npos);
}

TEST_F(PeersTest, WhatBecomesOfAConnectionIsSaidOnceEachTime) {
  Member a(io, 1);
  std::uint16_t port = 0;
  {
    Member b(io, 2);
    port = b.port;
    introduce(a, b);
    ASSERT_TRUE(reached([&] { return a.recorder.links.size() == 1; }));
    EXPECT_TRUE(a.recorder.links[0].connected);
    EXPECT_EQ(a.recorder.links[0].peer, b.self);
    EXPECT_EQ(a.recorder.links[0].address, "127.0.0.1:" + std::to_string(port));
  }
  // It is gone: first the loss, then that nobody answers there, however often that is tried.
  ASSERT_TRUE(reached(
      [&] { return a.peers->stats().at(0).send_failures > 0 || a.recorder.unreachable.size() >= 4; }));
  ASSERT_EQ(a.recorder.links.size(), 3u);
  EXPECT_FALSE(a.recorder.links[1].connected);
  EXPECT_TRUE(a.recorder.links[1].was_connected);
  EXPECT_EQ(a.recorder.links[1].why, "it closed the connection");
  EXPECT_FALSE(a.recorder.links[2].was_connected);
  EXPECT_EQ(a.recorder.links[2].why, "Connection refused");
}

TEST_F(PeersTest, BeyondTheQueueLimitTheNewestAreDroppedAndReportedOnce) {
  Config config;
  config.unsent_bytes_max = 10000;
  Member a(io, 1, kCluster, config), b(io, 2);
  introduce(a, b);
  for (int i = 0; i < 20; ++i) a.peers->send(append(a, b, 1, 1000));
  EXPECT_TRUE(a.recorder.unreachable.empty());  // never from within send()
  ASSERT_TRUE(reached([&] { return b.recorder.messages.size() == 9; }));
  EXPECT_EQ(a.recorder.unreachable, std::vector{b.self});
  EXPECT_EQ(a.peers->stats().at(0).send_failures, 11u);
}

TEST_F(PeersTest, SilentConnectionsAreGivenUp) {
  Config config;
  config.heartbeat_interval = std::chrono::milliseconds(5);
  config.hello_timeout = std::chrono::milliseconds(30);
  Member a(io, 1, kCluster, config);
  tcp::socket silent(io);
  silent.connect(tcp::endpoint(asio::ip::address_v4::loopback(), a.port));
  bool closed = false;
  char byte;
  silent.async_read_some(asio::buffer(&byte, 1), [&](boost::system::error_code error, std::size_t) {
    closed = error == asio::error::eof || error == asio::error::connection_reset;
  });
  EXPECT_TRUE(reached([&] { return closed; }));
}

TEST_F(PeersTest, IdleConnectionsStayOpenThroughHeartbeats) {
  Config config;
  config.heartbeat_interval = std::chrono::milliseconds(5);
  config.silence_timeout = std::chrono::milliseconds(200);
  Member a(io, 1, kCluster, config), b(io, 2, kCluster, config);
  introduce(a, b);
  ASSERT_TRUE(connected(a));
  const auto idle_until = std::chrono::steady_clock::now() + std::chrono::milliseconds(450);
  reached([&] { return std::chrono::steady_clock::now() >= idle_until; });
  EXPECT_TRUE(connected(a));
  EXPECT_TRUE(a.recorder.lost.empty() && a.recorder.unreachable.empty() && b.recorder.unreachable.empty());
}

TEST_F(PeersTest, AClientOnThePeerPortIsTurnedAway) {
  Member a(io, 1);
  tcp::socket client(io);
  client.connect(tcp::endpoint(asio::ip::address_v4::loopback(), a.port));
  asio::write(client, asio::buffer(std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
  ASSERT_TRUE(reached([&] { return !a.recorder.refused.empty(); }));
  EXPECT_EQ(a.recorder.refused[0].reason, Refused::bytes);
  EXPECT_NE(a.recorder.refused[0].why.find("not the peer protocol"), std::string::npos)
      << a.recorder.refused[0].why;
}

TEST_F(PeersTest, SnapshotIsStoredBeforeItsOfferArrives) {
  Member a(io, 1), b(io, 2);
  introduce(a, b);
  a.files.chunks = {"zero", std::string(std::size_t{3} << 20, 'x'), "two"};
  int ok = -1;
  bool finished_before = false;
  a.peers->send_snapshot(offer(a, b), 3, [&](const SnapshotEnd& end) { ok = end.ok ? 1 : 0; });
  ASSERT_TRUE(reached([&] {
    if (!b.recorder.messages.empty()) finished_before = b.files.finished;
    return ok >= 0 && !b.recorder.messages.empty();
  }));
  EXPECT_EQ(ok, 1);
  EXPECT_TRUE(finished_before);
  ASSERT_EQ(b.files.stored.size(), 3u);
  EXPECT_TRUE(b.files.stored[1] == a.files.chunks[1]);
  EXPECT_EQ(std::get<raft::SnapshotOffer>(b.recorder.messages[0].body).meta.index.v, 100u);
}

TEST_F(PeersTest, SnapshotGoesOnWhereItStopped) {
  Member a(io, 1), b(io, 2);
  introduce(a, b);
  a.files.chunks = {"0", "1", "2", "3"};
  b.files.fail_chunk_at = 2;
  int ok = -1;
  std::string refused;
  a.peers->send_snapshot(offer(a, b), 4, [&](const SnapshotEnd& end) {
    ok = end.ok ? 1 : 0;
    refused = end.refused;
  });
  ASSERT_TRUE(reached([&] { return ok >= 0; }));
  EXPECT_EQ(ok, 0);
  EXPECT_EQ(refused, "disk full") << "in the receiver's words";
  EXPECT_EQ(b.recorder.snapshots_refused, (std::vector<std::string>{"1 disk full"}));
  EXPECT_TRUE(b.recorder.messages.empty());

  b.files.fail_chunk_at = ~std::uint64_t{0};
  a.files.sent.clear();
  ok = -1;
  a.peers->send_snapshot(offer(a, b), 4, [&](const SnapshotEnd& end) { ok = end.ok ? 1 : 0; });
  ASSERT_TRUE(reached([&] { return ok >= 0; }));
  EXPECT_EQ(ok, 1);
  EXPECT_EQ(a.files.sent, (std::vector<std::uint64_t>{2, 3}));
}

TEST_F(PeersTest, OfferIsNotDeliveredWhenTheSnapshotIsNotDurable) {
  Member a(io, 1), b(io, 2);
  introduce(a, b);
  a.files.chunks = {"0"};
  b.files.fail_finish = true;
  int ok = -1;
  a.peers->send_snapshot(offer(a, b), 1, [&](const SnapshotEnd& end) { ok = end.ok ? 1 : 0; });
  ASSERT_TRUE(reached([&] { return ok >= 0; }));
  EXPECT_EQ(ok, 0);
  EXPECT_TRUE(b.recorder.messages.empty());
}

TEST_F(PeersTest, ASlowDiskAtTheReceiverIsNoStall) {
  Config config;
  config.heartbeat_interval = std::chrono::milliseconds(5);
  config.snapshot_stall_timeout = std::chrono::milliseconds(100);
  Member a(io, 1, kCluster, config), b(io, 2, kCluster, config);
  introduce(a, b);
  a.files.chunks = {"0"};
  b.files.hold_finish = true;
  int ok = -1;
  a.peers->send_snapshot(offer(a, b), 1, [&](const SnapshotEnd& end) { ok = end.ok ? 1 : 0; });
  ASSERT_TRUE(reached([&] { return b.files.finished; }));
  const auto later = std::chrono::steady_clock::now() + std::chrono::milliseconds(250);
  reached([&] { return std::chrono::steady_clock::now() >= later; });
  EXPECT_EQ(ok, -1);
  b.files.held({});
  ASSERT_TRUE(reached([&] { return ok >= 0; }));
  EXPECT_EQ(ok, 1);
}

TEST_F(PeersTest, OneSnapshotStreamAtATimeAndClosingEndsIt) {
  Member a(io, 1), b(io, 2);
  introduce(a, b);
  a.files.chunks = {"0"};
  b.files.hold_finish = true;
  int first = -1, second = -1;
  a.peers->send_snapshot(offer(a, b), 1, [&](const SnapshotEnd& end) { first = end.ok ? 1 : 0; });
  a.peers->send_snapshot(offer(a, b), 1, [&](const SnapshotEnd& end) { second = end.ok ? 1 : 0; });
  EXPECT_EQ(second, -1);  // never from within the call
  ASSERT_TRUE(reached([&] { return second >= 0 && b.files.finished; }));
  EXPECT_EQ(second, 0);
  EXPECT_EQ(first, -1);
  a.peers->close();
  EXPECT_EQ(first, 0);
}

TEST_F(PeersTest, AnOfferAmongMessagesIsRefused) {
  Member a(io, 1), b(io, 2);
  introduce(a, b);
  a.peers->send(offer(a, b));
  ASSERT_TRUE(reached([&] { return !b.recorder.refused.empty(); }));
  EXPECT_TRUE(b.recorder.messages.empty());
}

TEST_F(PeersTest, RemovedMembersAreLeftAlone) {
  Member a(io, 1), b(io, 2);
  introduce(a, b);
  ASSERT_TRUE(connected(a));
  a.peers->set_peers({a.address()});
  EXPECT_TRUE(a.peers->stats().empty());
  a.peers->send(vote(a, b, 1));
  ASSERT_TRUE(reached([&] { return !b.recorder.lost.empty(); }));
  EXPECT_TRUE(b.recorder.messages.empty());
}

TEST_F(PeersTest, SnapshotToADeadMemberFails) {
  Member a(io, 1);
  auto b = std::make_unique<Member>(io, 2);
  const raft::Message message = offer(a, *b);
  a.peers->set_peers({b->address()});
  b = nullptr;
  int ok = -1;
  a.peers->send_snapshot(message, 1, [&](const SnapshotEnd& end) { ok = end.ok ? 1 : 0; });
  ASSERT_TRUE(reached([&] { return ok >= 0; }));
  EXPECT_EQ(ok, 0);
}

TEST_F(PeersTest, SnapshotKeepsToItsRate) {
  Config config;
  config.snapshot_bytes_per_second = std::uint64_t{10} << 20;
  Member a(io, 1, kCluster, config), b(io, 2);
  introduce(a, b);
  a.files.chunks.assign(4, std::string(std::size_t{1} << 20, 'x'));
  int ok = -1;
  const auto began = std::chrono::steady_clock::now();
  a.peers->send_snapshot(offer(a, b), 4, [&](const SnapshotEnd& end) { ok = end.ok ? 1 : 0; });
  ASSERT_TRUE(reached([&] { return ok >= 0; }));
  EXPECT_EQ(ok, 1);
  EXPECT_GE(std::chrono::steady_clock::now() - began,
            std::chrono::milliseconds(300));  // the last one may burst
}

TEST_F(PeersTest, APortInUseIsNamed) {
  Member a(io, 1), b(io, 2);
  const auto taken = b.peers->listen("127.0.0.1", a.port);
  ASSERT_FALSE(taken.has_value());
  EXPECT_NE(taken.error().message.find(std::to_string(a.port)), std::string::npos);
  EXPECT_NE(taken.error().message.find("in use"), std::string::npos);
  EXPECT_EQ(taken.error().code, Code::unavailable);
}

// The kernel takes connections on behalf of a process that does nothing.
struct Hanging {
  explicit Hanging(asio::io_context& io) : acceptor(io, {asio::ip::address_v4::loopback(), 0}) {}
  tcp::acceptor acceptor;
};

TEST_F(PeersTest, WhoDoesNotAnswerTheHelloIsTriedAgain) {
  Config config;
  config.hello_timeout = config.silence_timeout = std::chrono::hours(1);
  config.connect_timeout = config.retry_min = config.retry_max = std::chrono::milliseconds(5);
  Hanging nobody(io);
  Member a(io, 1, kCluster, config);
  a.peers->set_peers({{NodeId(2), "127.0.0.1", nobody.acceptor.local_endpoint().port()}});
  ASSERT_TRUE(reached([&] { return a.recorder.unreachable.size() == 3; }));
  EXPECT_FALSE(a.peers->stats().at(0).connected);
  EXPECT_TRUE(a.recorder.lost.empty());
}

// How long it takes to fail so often, where nobody listens.
TEST_F(PeersTest, PausesBetweenAttemptsDoubleUpToTheLongest) {
  std::uint16_t closed_port = 0;
  {
    Hanging gone(io);
    closed_port = gone.acceptor.local_endpoint().port();
  }
  Config config;
  config.retry_min = std::chrono::milliseconds(1);
  config.retry_max = std::chrono::milliseconds(8);
  Member a(io, 1, kCluster, config);
  const Time began = std::chrono::steady_clock::now();
  a.peers->set_peers({{NodeId(2), "127.0.0.1", closed_port}});
  ASSERT_TRUE(reached([&] { return a.recorder.unreachable.size() == 20; }));
  // Of each pause the jitter takes up to a half: 1, 2, 4, and then 8 at most.
  EXPECT_GE(std::chrono::steady_clock::now() - began,
            std::chrono::microseconds(500 + 1000 + 2000 + 16 * 4000));
}

int option_of(int socket, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(socket, IPPROTO_TCP, name, &value, &size), 0);
  return value;
}

TEST_F(PeersTest, TheKernelIsToldWhenAConnectionIsDead) {
  for (const auto& [interval, seconds] :
       {std::pair<Duration, int>{std::chrono::seconds(7), 7}, {std::chrono::milliseconds(20), 1}}) {
    Config config;
    config.keep_alive_interval = interval;
    config.keep_alive_probes = 3;
    config.silence_timeout = std::chrono::milliseconds(1234);
    net::Socket socket(io, tcp::v4());
    const int descriptor = socket.native_handle();
    const Connection connection(io, std::move(socket), config, nullptr, "");
    EXPECT_EQ(option_of(descriptor, TCP_KEEPIDLE), seconds);
    EXPECT_EQ(option_of(descriptor, TCP_KEEPINTVL), seconds);
    EXPECT_EQ(option_of(descriptor, TCP_KEEPCNT), 3);
    EXPECT_EQ(option_of(descriptor, TCP_USER_TIMEOUT), 1234);
  }
}

}  // namespace
}  // namespace cairn::peer
