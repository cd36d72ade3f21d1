#include "peer/peers.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <map>
#include <string>
#include <vector>

#include "peer/codec.h"
#include "peer/frame.h"

namespace cairn::peer {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using raft::NodeId;

constexpr std::uint64_t kCluster = 77;
constexpr raft::Life kLife{raft::Incarnation(7), 1, true};

struct Recorder final : Receiver {
  std::vector<raft::Message> messages;
  std::vector<std::pair<NodeId, std::string>> notes;
  std::vector<NodeId> unreachable, lost;
  std::vector<Refusal> refused;

  void on_message(raft::Message message) override { messages.push_back(std::move(message)); }
  void on_note(NodeId from, Bytes note) override { notes.emplace_back(from, *note); }
  void on_unreachable(NodeId peer) override { unreachable.push_back(peer); }
  void on_connection_lost(NodeId peer) override { lost.push_back(peer); }
  void on_refused(const Refusal& refusal) override { refused.push_back(refusal); }
};

// Snapshots in memory; completions come at once, from within the call.
struct MemoryFiles final : SnapshotFiles {
  std::string manifest_bytes = "manifest";
  std::vector<std::string> chunks;              // to send
  std::map<std::uint64_t, std::string> stored;  // received
  std::uint64_t fail_chunk_at = ~std::uint64_t{0};
  bool finished = false, fail_finish = false, hold_finish = false;
  std::function<void(Status)> held;
  std::vector<std::uint64_t> sent;

  void manifest(raft::SnapshotMeta, std::function<void(Result<std::string>)> done) override {
    done(manifest_bytes);
  }
  void chunk(raft::SnapshotMeta, std::uint64_t number,
             std::function<void(Result<std::string>)> done) override {
    sent.push_back(number);
    done(chunks.at(number));
  }
  void begin_receive(NodeId, raft::SnapshotMeta meta, std::string manifest,
                     std::function<void(Result<std::uint64_t>)> done) override {
    EXPECT_EQ(meta.index, raft::Index(100));
    EXPECT_EQ(manifest, manifest_bytes);
    done(stored.size());
  }
  void receive_chunk(NodeId, std::uint64_t number, std::string bytes,
                     std::function<void(Status)> done) override {
    if (number == fail_chunk_at) return done(fail(Code::resource_exhausted, "disk full"));
    stored[number] = std::move(bytes);
    done({});
  }
  void finish_receive(NodeId, std::function<void(Status)> done) override {
    if (fail_finish) return done(fail(Code::data_loss, "chunk 3 damaged"));
    finished = true;
    if (hold_finish) {
      held = std::move(done);
    } else {
      done({});
    }
  }
};

struct Member {
  Member(asio::io_context& io, std::uint64_t id, std::uint64_t cluster = kCluster, Config config = {})
      : self(id), peers(std::make_unique<Peers>(io, with(config, id, cluster), recorder, files)) {
    port = *peers->listen("127.0.0.1", 0);
  }
  static Config with(Config config, std::uint64_t id, std::uint64_t cluster) {
    config.cluster_id = cluster;
    config.self = NodeId(id);
    return config;
  }
  PeerAddress address() const { return {self, "127.0.0.1", port}; }

  NodeId self;
  Recorder recorder;
  MemoryFiles files;
  std::unique_ptr<Peers> peers;
  std::uint16_t port = 0;
};

struct PeersTest : testing::Test {
  asio::io_context io;

  // Runs the loop until the condition holds; the bound only ends a broken test.
  template <class Condition>
  bool reached(Condition condition, std::chrono::seconds bound = std::chrono::seconds(10)) {
    const auto end = std::chrono::steady_clock::now() + bound;
    while (!condition() && std::chrono::steady_clock::now() < end) {
      io.restart();
      io.run_one_until(end);
    }
    return condition();
  }
  bool connected(const Member& member) {
    return reached([&] {
      for (const PeerStats& stats : member.peers->stats()) {
        if (!stats.connected || !stats.incoming) return false;
      }
      return true;
    });
  }
  static void introduce(Member& a, Member& b) {
    a.peers->set_peers({a.address(), b.address()});
    b.peers->set_peers({a.address(), b.address()});
  }
};

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

TEST_F(PeersTest, LargeMessagesArriveWhole) {
  Member a(io, 1), b(io, 2);
  introduce(a, b);
  const raft::Message sent = append(a, b, 20, std::size_t{1} << 20);
  a.peers->send(sent);
  ASSERT_TRUE(reached([&] { return b.recorder.messages.size() == 1; }));
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

TEST_F(PeersTest, OtherClusterIsRefusedWithTheIdsInTheLogOfWhoRefusesOnly) {
  Member a(io, 1), b(io, 2, kCluster + 1);
  a.peers->set_peers({b.address()});
  b.peers->set_peers({{a.self, "127.0.0.1", 1}});  // which does not answer there
  a.peers->send(vote(a, b, 1));
  ASSERT_TRUE(reached([&] { return !a.recorder.refused.empty() && !b.recorder.refused.empty(); }));
  EXPECT_EQ(b.recorder.refused[0].reason, Refused::hello);
  EXPECT_NE(b.recorder.refused[0].why.find("of cluster 4d, this member belongs to cluster 4e"),
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
  EXPECT_NE(b.recorder.refused[0].why.find("for member 3, this member is 2"), std::string::npos);
  EXPECT_NE(a.recorder.refused[0].why.find("another cluster or another member is here"), std::string::npos);
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

// Somebody with a socket, who says what it likes.
struct Stranger {
  Stranger(asio::io_context& io, const Member& to) : socket(io) {
    socket.connect(tcp::endpoint(asio::ip::address_v4::loopback(), to.port));
    wait();
  }
  void say(const std::string& bytes) { asio::write(socket, asio::buffer(bytes)); }
  void hello(Hello hello) {
    std::string bytes;
    put_hello(&bytes, hello);
    say(bytes);
  }
  void message(const raft::Message& message) {
    std::string bytes;
    const std::size_t at = begin_frame(&bytes, FrameType::message);
    encode_message(message, &bytes);
    end_frame(&bytes, at);
    say(bytes);
  }
  void wait() {
    socket.async_read_some(asio::buffer(piece), [this](boost::system::error_code error, std::size_t size) {
      heard.append(piece, size);
      closed = static_cast<bool>(error);
      if (!error) wait();
    });
  }

  tcp::socket socket;
  char piece[4096];
  std::string heard;
  bool closed = false;
};

TEST_F(PeersTest, MessagesInAnotherMembersNameAreRefused) {
  Member a(io, 1);
  a.peers->set_peers({{NodeId(2), "127.0.0.1", 1}, {NodeId(3), "127.0.0.1", 1}});
  Stranger liar(io, a);
  liar.hello({.cluster_id = kCluster, .from = NodeId(2), .to = a.self});
  liar.message(
      {.from = NodeId(3), .to = a.self, .term = raft::Term(9), .body = raft::TimeoutNow{}, .life = kLife});
  ASSERT_TRUE(reached([&] { return liar.closed; }));
  ASSERT_EQ(a.recorder.refused.size(), 1u);
  EXPECT_EQ(a.recorder.refused[0].reason, Refused::identity);
  EXPECT_EQ(a.recorder.refused[0].who, NodeId(2));
  EXPECT_TRUE(a.recorder.messages.empty());
}

TEST_F(PeersTest, WhoIsNoMemberIsNotHeardAndLearnsNoId) {
  Member a(io, 0xaaaa, 0xbbbb);
  Stranger before(io, a);  // set_peers() has not been called: nobody is known yet
  before.hello({.cluster_id = 0xbbbb, .from = NodeId(2), .to = a.self});
  ASSERT_TRUE(reached([&] { return before.closed; }));
  a.peers->set_peers({{NodeId(2), "127.0.0.1", 1}});
  const Hello wrong[] = {{.cluster_id = 0xbbbb, .from = NodeId(9), .to = a.self},
                         {.cluster_id = 0xbbbb, .from = NodeId(2), .to = NodeId(9)},
                         {.cluster_id = 9, .from = NodeId(2), .to = a.self},
                         {.cluster_id = 0xbbbb, .from = a.self, .to = a.self},
                         {.cluster_id = 0xbbbb, .from = NodeId(0), .to = a.self}};
  for (const Hello& hello : wrong) {
    Stranger stranger(io, a);
    stranger.hello(hello);
    stranger.message(
        {.from = hello.from, .to = a.self, .term = raft::Term(9), .body = raft::TimeoutNow{}, .life = kLife});
    ASSERT_TRUE(reached([&] { return stranger.closed; }));
    // What a stranger is told says nothing that it did not know: not even which of the three was wrong.
    EXPECT_EQ(stranger.heard, before.heard);
    EXPECT_EQ(stranger.heard.find("aaaa"), std::string::npos);
    EXPECT_EQ(stranger.heard.find("bbbb"), std::string::npos);
  }
  EXPECT_TRUE(a.recorder.messages.empty());
  EXPECT_EQ(a.peers->refused(Refused::hello), 6u);
}

TEST_F(PeersTest, WhoIsNoMemberAnyMoreIsNotHeardAnyMore) {
  Member a(io, 1);
  a.peers->set_peers({{NodeId(2), "127.0.0.1", 1}});
  Stranger member(io, a);
  member.hello({.cluster_id = kCluster, .from = NodeId(2), .to = a.self});
  ASSERT_TRUE(reached([&] { return !member.heard.empty(); }));
  EXPECT_FALSE(member.closed);
  a.peers->set_peers({{NodeId(3), "127.0.0.1", 1}});
  EXPECT_TRUE(reached([&] { return member.closed; }));
}

TEST_F(PeersTest, AnImplausibleMessageClosesTheConnectionBeforeItIsDelivered) {
  Member a(io, 1);
  a.peers->set_peers({{NodeId(2), "127.0.0.1", 1}});
  Stranger liar(io, a);
  liar.hello({.cluster_id = kCluster, .from = NodeId(2), .to = a.self});
  liar.message({.from = NodeId(2),
                .to = a.self,
                .term = raft::Term(~std::uint64_t{0}),
                .body = raft::VoteRequest{},
                .life = kLife});
  liar.message(
      {.from = NodeId(2), .to = a.self, .term = raft::Term(1), .body = raft::VoteRequest{}, .life = kLife});
  ASSERT_TRUE(reached([&] { return liar.closed; }));
  EXPECT_TRUE(a.recorder.messages.empty());
  EXPECT_EQ(a.peers->refused(Refused::implausible), 1u);
  EXPECT_NE(a.recorder.refused.at(0).why.find("term 18446744073709551615"), std::string::npos)
      << a.recorder.refused.at(0).why;
}

TEST_F(PeersTest, OnlyAnAcceptedHelloReplacesAnOlderConnection) {
  Member a(io, 1);
  a.peers->set_peers({{NodeId(2), "127.0.0.1", 1}});
  Stranger first(io, a);
  first.hello({.cluster_id = kCluster, .from = NodeId(2), .to = a.self});
  ASSERT_TRUE(reached([&] { return !first.heard.empty(); }));
  Stranger refused(io, a);
  refused.hello({.cluster_id = kCluster + 1, .from = NodeId(2), .to = a.self});
  ASSERT_TRUE(reached([&] { return refused.closed; }));
  EXPECT_FALSE(first.closed);
  Stranger other_kind(io, a);
  other_kind.hello(
      {.kind = ConnectionKind::snapshot, .cluster_id = kCluster, .from = NodeId(2), .to = a.self});
  ASSERT_TRUE(reached([&] { return !other_kind.heard.empty(); }));
  EXPECT_FALSE(first.closed);
  Stranger second(io, a);
  second.hello({.cluster_id = kCluster, .from = NodeId(2), .to = a.self});
  EXPECT_TRUE(reached([&] { return first.closed; }));
  EXPECT_FALSE(other_kind.closed);
}

TEST_F(PeersTest, SilentConnectionsKeepNoMemberOut) {
  Config config;
  config.ungreeted_max = 3;
  Member a(io, 1, kCluster, config), b(io, 2);
  std::vector<std::unique_ptr<Stranger>> strangers;
  for (std::size_t i = 0; i < 5; ++i) {
    strangers.push_back(std::make_unique<Stranger>(io, a));
    const std::size_t gone = i < 3 ? 0 : i - 2;
    ASSERT_TRUE(reached([&] {
      return a.peers->refused(Refused::crowded) == gone && (gone == 0 || strangers[gone - 1]->closed);
    }));
  }
  EXPECT_FALSE(strangers[2]->closed);
  introduce(a, b);
  EXPECT_TRUE(connected(b));
  EXPECT_TRUE(connected(a));
}

TEST_F(PeersTest, AByteNowAndThenIsNoHello) {
  Config config;
  config.heartbeat_interval = std::chrono::milliseconds(5);
  config.hello_timeout = std::chrono::milliseconds(60);
  Member a(io, 1, kCluster, config);
  Stranger slow(io, a);
  std::string hello;
  put_hello(&hello, {.cluster_id = kCluster, .from = NodeId(2), .to = a.self});
  asio::steady_timer timer(io);
  std::size_t at = 0;
  const std::function<void()> drip = [&] {
    timer.expires_after(std::chrono::milliseconds(2));
    timer.async_wait([&](boost::system::error_code error) {
      if (error || slow.closed || at + 1 == hello.size()) return;
      boost::system::error_code ignored;
      asio::write(slow.socket, asio::buffer(&hello[at++], 1), ignored);
      drip();
    });
  };
  drip();
  // The hello would take longer than that and be whole at last.
  EXPECT_TRUE(reached([&] { return slow.closed; }));
  EXPECT_LT(at + 1, hello.size());
}

TEST_F(PeersTest, SnapshotIsStoredBeforeItsOfferArrives) {
  Member a(io, 1), b(io, 2);
  introduce(a, b);
  a.files.chunks = {"zero", std::string(std::size_t{3} << 20, 'x'), "two"};
  int ok = -1;
  bool finished_before = false;
  a.peers->send_snapshot(offer(a, b), 3, [&](bool result) { ok = result; });
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
  a.peers->send_snapshot(offer(a, b), 4, [&](bool result) { ok = result; });
  ASSERT_TRUE(reached([&] { return ok >= 0; }));
  EXPECT_EQ(ok, 0);
  EXPECT_TRUE(b.recorder.messages.empty());

  b.files.fail_chunk_at = ~std::uint64_t{0};
  a.files.sent.clear();
  ok = -1;
  a.peers->send_snapshot(offer(a, b), 4, [&](bool result) { ok = result; });
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
  a.peers->send_snapshot(offer(a, b), 1, [&](bool result) { ok = result; });
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
  a.peers->send_snapshot(offer(a, b), 1, [&](bool result) { ok = result; });
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
  a.peers->send_snapshot(offer(a, b), 1, [&](bool result) { first = result; });
  a.peers->send_snapshot(offer(a, b), 1, [&](bool result) { second = result; });
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
  a.peers->send_snapshot(message, 1, [&](bool result) { ok = result; });
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
  a.peers->send_snapshot(offer(a, b), 4, [&](bool result) { ok = result; });
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

}  // namespace
}  // namespace cairn::peer
