#include "peer/session.h"

#include <gtest/gtest.h>

#include "base/codec.h"
#include "peer/codec.h"

namespace cairn::peer {
namespace {

using raft::Index;
using raft::NodeId;
using raft::Term;

constexpr raft::Life kLife{raft::Incarnation(7), 1, true};

struct SessionTest : testing::Test {
  static Config config_of() {
    Config config;
    config.cluster_id = 1;
    config.self = NodeId(3);
    return config;
  }

  // The verdict on a frame with this payload.
  tl::expected<Session::Taken, Refusal> take(FrameType type, std::string payload) {
    payloads.push_back(std::make_unique<std::string>(std::move(payload)));
    return session.take({type, *payloads.back()}, Term(1000));
  }
  tl::expected<Session::Taken, Refusal> hello(ConnectionKind kind) {
    std::string bytes;
    put_hello(&bytes, {.kind = kind, .cluster_id = 1, .from = NodeId(2), .to = NodeId(3)});
    return take(FrameType::hello, bytes.substr(kFrameHeaderBytes));
  }
  static std::string encoded(const raft::Message& message) {
    std::string bytes;
    encode_message(message, &bytes);
    return bytes;
  }
  static raft::Message offer(std::uint64_t term = 4) {
    raft::SnapshotOffer body;
    body.meta.index = Index(100);
    body.meta.term = Term(3);
    body.meta.members.voters = {NodeId(2), NodeId(3)};
    return {.from = NodeId(2), .to = NodeId(3), .term = Term(term), .body = body, .life = kLife};
  }
  tl::expected<Session::Taken, Refusal> begin(std::uint64_t chunks, const raft::Message& message) {
    std::string bytes;
    put_snapshot_begin(&bytes, {.manifest = "manifest", .chunks = chunks, .offer = message});
    return take(FrameType::snapshot_begin, bytes.substr(kFrameHeaderBytes));
  }
  static std::string chunk(std::uint64_t number) {
    std::string bytes;
    codec::put_varint(&bytes, number);
    return bytes + "stored";
  }

  const Config config = config_of();
  std::set<NodeId> members{NodeId(2), NodeId(4)};
  Session session{config, members};
  std::vector<std::unique_ptr<std::string>> payloads;
};

TEST_F(SessionTest, TheLogSaysWhatDoesNotFit) {
  const Hello good{.cluster_id = 1, .from = NodeId(2), .to = NodeId(3)};
  EXPECT_TRUE(check_hello(good, config, members).has_value());
  const auto reason = [&](const Hello& hello) { return check_hello(hello, config, members).error().message; };
  Hello hello = good;
  hello.version = 7;
  EXPECT_NE(reason(hello).find("version 7, this member speaks 2"), std::string::npos) << reason(hello);
  hello = good;
  hello.cluster_id = 0xabc;
  EXPECT_NE(reason(hello).find("cluster abc"), std::string::npos) << reason(hello);
  hello = good;
  hello.to = NodeId(4);
  EXPECT_NE(reason(hello).find("for member 4"), std::string::npos) << reason(hello);
  hello = good;
  hello.from = NodeId(3);
  EXPECT_NE(reason(hello).find("one identity"), std::string::npos) << reason(hello);
  hello = good;
  hello.from = NodeId(5);
  EXPECT_NE(reason(hello).find("no member of this cluster"), std::string::npos) << reason(hello);
}

TEST_F(SessionTest, NothingIsHeardBeforeTheHello) {
  const raft::Message vote{
      .from = NodeId(2), .to = NodeId(3), .term = Term(1), .body = raft::VoteRequest{}, .life = kLife};
  for (const auto& [type, payload] :
       {std::pair(FrameType::message, encoded(vote)), std::pair(FrameType::note, std::string("note")),
        std::pair(FrameType::heartbeat, std::string()), std::pair(FrameType::snapshot_chunk, chunk(0))}) {
    const auto taken = take(type, payload);
    ASSERT_FALSE(taken.has_value());
    EXPECT_EQ(taken.error().reason, Refused::hello);
    EXPECT_FALSE(taken.error().answer.empty());
    EXPECT_FALSE(session.greeted());
  }
}

TEST_F(SessionTest, EachKindOfConnectionCarriesItsOwnFrames) {
  ASSERT_TRUE(hello(ConnectionKind::messages).has_value());
  const raft::Message vote{
      .from = NodeId(2), .to = NodeId(3), .term = Term(1), .body = raft::VoteRequest{}, .life = kLife};
  EXPECT_TRUE(take(FrameType::message, encoded(vote)).has_value());
  EXPECT_TRUE(take(FrameType::note, "any").has_value());
  EXPECT_TRUE(take(FrameType::heartbeat, "").has_value());
  EXPECT_FALSE(take(FrameType::heartbeat, "x").has_value());
  EXPECT_FALSE(hello(ConnectionKind::messages).has_value());
  EXPECT_FALSE(take(FrameType::message, encoded(offer())).has_value());
  EXPECT_FALSE(begin(3, offer()).has_value());
  EXPECT_FALSE(take(FrameType::snapshot_chunk, chunk(0)).has_value());
  EXPECT_FALSE(take(FrameType::snapshot_failed, "").has_value());
  EXPECT_FALSE(take(FrameType::hello_answer, "\1").has_value());

  session = Session(config, members);
  ASSERT_TRUE(hello(ConnectionKind::snapshot).has_value());
  EXPECT_FALSE(take(FrameType::message, encoded(vote)).has_value());
  EXPECT_FALSE(take(FrameType::note, "any").has_value());
  EXPECT_TRUE(begin(3, offer()).has_value());
}

TEST_F(SessionTest, MessagesAreThoseOfTheConnectionsTwoMembers) {
  ASSERT_TRUE(hello(ConnectionKind::messages).has_value());
  for (const auto& [from, to] : {std::pair(4, 3), std::pair(2, 4), std::pair(3, 2)}) {
    const auto taken = take(FrameType::message, encoded({.from = NodeId(static_cast<std::uint64_t>(from)),
                                                         .to = NodeId(static_cast<std::uint64_t>(to)),
                                                         .term = Term(1),
                                                         .body = raft::VoteReply{},
                                                         .life = kLife}));
    ASSERT_FALSE(taken.has_value());
    EXPECT_EQ(taken.error().reason, Refused::identity);
    EXPECT_EQ(taken.error().who, NodeId(2));
    EXPECT_TRUE(taken.error().answer.empty());
  }
}

TEST_F(SessionTest, ChunksComeOneByOneAsTheyAreAskedFor) {
  ASSERT_TRUE(hello(ConnectionKind::snapshot).has_value());
  EXPECT_FALSE(take(FrameType::snapshot_chunk, chunk(0)).has_value());  // of what?
  ASSERT_TRUE(begin(3, offer()).has_value());
  EXPECT_FALSE(begin(3, offer()).has_value());
  EXPECT_FALSE(take(FrameType::snapshot_chunk, chunk(0)).has_value());  // not asked for
  session.want_chunk(1);
  EXPECT_FALSE(take(FrameType::snapshot_chunk, chunk(0)).has_value());
  const auto taken = take(FrameType::snapshot_chunk, chunk(1));
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(std::get<Session::Chunk>(*taken).stored, "stored");
  EXPECT_FALSE(take(FrameType::snapshot_chunk, chunk(1)).has_value());  // replayed
  session.want_chunk(3);
  EXPECT_FALSE(take(FrameType::snapshot_chunk, chunk(3)).has_value());  // there are only three
}

TEST_F(SessionTest, ASnapshotIsCheckedBeforeItsFirstByteIsStored) {
  const auto reason = [&](std::uint64_t chunks, const raft::Message& message) {
    session = Session(config, members);
    EXPECT_TRUE(hello(ConnectionKind::snapshot).has_value());
    const auto taken = begin(chunks, message);
    EXPECT_FALSE(taken.has_value());
    return taken ? Refused::bytes : taken.error().reason;
  };
  EXPECT_EQ(reason(3, offer(1001)), Refused::implausible);  // beyond the ceiling
  EXPECT_EQ(reason(config.limits.snapshot_chunks_max + 1, offer()), Refused::implausible);
  raft::Message other = offer();
  other.from = NodeId(4);
  EXPECT_EQ(reason(3, other), Refused::identity);
  EXPECT_EQ(
      reason(
          3,
          {.from = NodeId(2), .to = NodeId(3), .term = Term(1), .body = raft::TimeoutNow{}, .life = kLife}),
      Refused::frame);
}

}  // namespace
}  // namespace cairn::peer
