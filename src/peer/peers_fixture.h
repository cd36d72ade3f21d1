// For the tests of Peers: members in one process on loopback, and strangers who say to them what they like.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "peer/codec.h"
#include "peer/frame.h"
#include "peer/peers.h"

namespace cairn::peer {

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
  std::vector<std::string> snapshots_refused;  // "from whom, why"
  std::vector<NodeId> introduced;

  void on_message(raft::Message message) override { messages.push_back(std::move(message)); }
  void on_note(NodeId from, Bytes note) override { notes.emplace_back(from, *note); }
  void on_unreachable(NodeId peer) override { unreachable.push_back(peer); }
  void on_connection_lost(NodeId peer) override { lost.push_back(peer); }
  void on_refused(const Refusal& refusal) override { refused.push_back(refusal); }
  void on_snapshot_refused(NodeId peer, const Error& why) override {
    snapshots_refused.push_back(std::to_string(peer.v) + ' ' + why.message);
  }
  void on_introduced(NodeId peer, const Introduction&, const std::string& from) override {
    introduced.push_back(peer);
    introduced_from.push_back(from);
  }
  raft::Term own_term() const override { return term; }
  Time introductions_from() const override { return strangers_from; }
  std::uint64_t founded() const override { return founding; }
  raft::Term term;
  std::uint64_t founding = 0;
  Time strangers_from = Time::min();
  std::vector<std::string> introduced_from;
  void on_link(const LinkNews& news) override { links.push_back(news); }
  std::vector<LinkNews> links;
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
      if (error == asio::error::operation_aborted) return;  // it is gone
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

}  // namespace cairn::peer
