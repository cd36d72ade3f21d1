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
    return session.take({type, *payloads.back()}, Term(1000), Time{});
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
  Known known{{NodeId(2), NodeId(4)}, {Term(5), Index(100)}};
  Session session{config, known};
  std::vector<std::unique_ptr<std::string>> payloads;
};

TEST_F(SessionTest, TheLogSaysWhatDoesNotFit) {
  const Hello good{.cluster_id = 1, .from = NodeId(2), .to = NodeId(3)};
  EXPECT_TRUE(check_hello(good, config, known, Term(1000), Time{}).has_value());
  const auto reason = [&](const Hello& hello) {
    return check_hello(hello, config, known, Term(1000), Time{}).error().message;
  };
  Hello hello = good;
  hello.version = 7;
  EXPECT_NE(reason(hello).find("version 7, this member speaks 5"), std::string::npos) << reason(hello);
  hello = good;
  hello.cluster_id = 0xabc;
  EXPECT_NE(reason(hello).find("cluster 0000000000000abc"), std::string::npos) << reason(hello);
  hello = good;
  hello.to = NodeId(4);
  EXPECT_NE(reason(hello).find("for member 0000000000000004"), std::string::npos) << reason(hello);
  hello = good;
  hello.from = NodeId(3);
  EXPECT_NE(reason(hello).find("one identity"), std::string::npos) << reason(hello);
  hello = good;
  hello.from = NodeId(5);
  EXPECT_NE(reason(hello).find("no member of this cluster"), std::string::npos) << reason(hello);
}

// The configuration here is the one of term 5, index 100.
TEST_F(SessionTest, ANewerConfigurationIntroducesWhoIsNotKnownYet) {
  const auto verdict = [&](Term term, Index index, NodeId from = NodeId(5)) {
    return check_hello({.cluster_id = 1,
                        .from = from,
                        .to = NodeId(3),
                        .introduction = Introduction{{term, index}, "host", 1}},
                       config, known, Term(1000), Time{});
  };
  EXPECT_TRUE(verdict(Term(5), Index(101)).has_value());
  EXPECT_TRUE(verdict(Term(6), Index(90)).has_value());    // the own one was never committed
  EXPECT_FALSE(verdict(Term(5), Index(100)).has_value());  // it would be in that one
  EXPECT_FALSE(verdict(Term(5), Index(99)).has_value());
  EXPECT_FALSE(verdict(Term(4), Index(1000)).has_value());
  EXPECT_FALSE(verdict(Term(), Index()).has_value());
  EXPECT_FALSE(verdict(Term(1001), Index(101)).has_value());  // no cluster gets there
  EXPECT_FALSE(verdict(Term(6), Index(~std::uint64_t{0})).has_value());
  EXPECT_TRUE(verdict(Term(1), Index(1), NodeId(2)).has_value());  // known, and needs none
  EXPECT_FALSE(verdict(Term(6), Index(101), NodeId(3)).has_value());
  EXPECT_NE(verdict(Term(5), Index(99)).error().message.find("term 5, index 100 here is newer"),
            std::string::npos);
  known.introductions_from = Time{} + std::chrono::seconds(1);  // a leader was heard a moment ago
  EXPECT_FALSE(verdict(Term(5), Index(101)).has_value());
  EXPECT_TRUE(verdict(Term(1), Index(1), NodeId(2)).has_value());
  EXPECT_TRUE(check_hello({.cluster_id = 1,
                           .from = NodeId(5),
                           .to = NodeId(3),
                           .introduction = Introduction{{Term(5), Index(101)}, "host", 1}},
                          config, known, Term(1000), known.introductions_from)
                  .has_value());
  known = {};  // of somebody who joins, and knows nobody
  EXPECT_TRUE(verdict(Term(1), Index(1)).has_value());
}

TEST_F(SessionTest, TellsAMemberThatWasRemovedAndNobodyElse) {
  const auto answer = [&](std::uint64_t from, std::optional<Introduction> by, std::uint64_t cluster = 1) {
    session = Session(config, known);
    std::string bytes;
    put_hello(&bytes,
              {.cluster_id = cluster, .from = NodeId(from), .to = NodeId(3), .introduction = std::move(by)});
    const auto taken = take(FrameType::hello, bytes.substr(kFrameHeaderBytes));
    return taken.has_value() ? "taken" : taken.error().answer;
  };
  const Introduction older{{Term(5), Index(99)}, "host", 1}, newer{{Term(5), Index(101)}, "host", 1};
  EXPECT_EQ(answer(5, older), kNoLongerMember);
  EXPECT_EQ(answer(5, newer), "taken");
  EXPECT_EQ(answer(4, older), "taken");
  EXPECT_NE(answer(5, std::nullopt), kNoLongerMember);
  EXPECT_NE(answer(5, Introduction{{}, "host", 1}), kNoLongerMember);  // nothing stands there
  EXPECT_NE(answer(3, older), kNoLongerMember);
  EXPECT_NE(answer(5, older, 2), kNoLongerMember);
  known.members.clear();  // only this one is left
  EXPECT_EQ(answer(5, older), kNoLongerMember);
  known = {};  // of who has only just come, and knows nobody
  EXPECT_EQ(answer(5, older), "taken");
}

TEST_F(SessionTest, WhoIsOfAnotherFoundingWasNeverRemoved) {
  known.introductions_from = Time{} + std::chrono::hours(1);
  const auto answer = [&](std::uint64_t founded, std::uint64_t own, std::uint64_t index = 99) {
    known.founded = own;
    session = Session(config, known);
    Hello hello{.cluster_id = 1, .from = NodeId(5), .to = NodeId(3), .founded = founded};
    hello.introduction = Introduction{{Term(5), Index(index)}, "host", 1};
    std::string bytes;
    put_hello(&bytes, hello);
    return take(FrameType::hello, bytes.substr(kFrameHeaderBytes)).error().answer;
  };
  EXPECT_EQ(answer(7, 8), kOfAnotherFounding);
  EXPECT_EQ(answer(7, 7), kNoLongerMember);
  EXPECT_EQ(answer(0, 7), kNoLongerMember);  // neither knows
  EXPECT_EQ(answer(7, 0), kNoLongerMember);
  EXPECT_EQ(answer(7, 8, 200), kOfAnotherFounding);  // by a later configuration: there, too
  EXPECT_NE(answer(7, 7, 200), kNoLongerMember);
}

// The core would not believe the offer at its end; but the snapshot would lie there for the next start.
TEST_F(SessionTest, NoSnapshotIsTakenFromAMemberOfAnotherFounding) {
  const auto answer = [&](ConnectionKind kind, std::uint64_t founded, std::uint64_t own) {
    known.founded = own;
    session = Session(config, known);
    std::string bytes;
    put_hello(&bytes,
              {.kind = kind, .cluster_id = 1, .from = NodeId(2), .to = NodeId(3), .founded = founded});
    const auto taken = take(FrameType::hello, bytes.substr(kFrameHeaderBytes));
    return taken.has_value() ? "taken" : taken.error().answer;
  };
  EXPECT_EQ(answer(ConnectionKind::snapshot, 7, 8), kOfAnotherFounding);
  EXPECT_EQ(answer(ConnectionKind::snapshot, 7, 7), "taken");
  EXPECT_EQ(answer(ConnectionKind::snapshot, 7, 0), "taken") << "it has nothing that could be replaced";
  EXPECT_EQ(answer(ConnectionKind::messages, 7, 8), "taken") << "to be told so";
}

TEST_F(SessionTest, SaysWhoIsHeardByAnIntroduction) {
  ASSERT_TRUE(hello(ConnectionKind::messages).has_value());
  EXPECT_FALSE(session.introduced());
  session = Session(config, known);
  std::string bytes;
  put_hello(&bytes, {.cluster_id = 1,
                     .from = NodeId(5),
                     .to = NodeId(3),
                     .introduction = Introduction{{Term(6), Index(101)}, "host", 1}});
  ASSERT_TRUE(take(FrameType::hello, bytes.substr(kFrameHeaderBytes)).has_value());
  EXPECT_TRUE(session.introduced());
  EXPECT_EQ(session.hello().introduction->host, "host");
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

  session = Session(config, known);
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
    session = Session(config, known);
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
