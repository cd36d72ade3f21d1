#include "peer/codec.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "base/codec.h"
#include "peer/frame.h"
#include "support/hex.h"

namespace rc {

template <class Tag>
struct Arbitrary<cairn::Strong<Tag>> {
  static Gen<cairn::Strong<Tag>> arbitrary() {
    return gen::map(gen::oneOf(gen::arbitrary<std::uint64_t>(), gen::inRange<std::uint64_t>(0, 300)),
                    [](std::uint64_t value) { return cairn::Strong<Tag>(value); });
  }
};

}  // namespace rc

namespace cairn::peer {
namespace {

using namespace raft;

template <class T>
T any() {
  return *rc::gen::arbitrary<T>();
}

// As in every configuration: sorted, each member once, nobody missing. Others are refused.
std::vector<NodeId> any_ids() {
  auto ids = any<std::set<NodeId>>();
  ids.erase(NodeId());
  return {ids.begin(), ids.end()};
}

std::vector<Recorded> any_records() {
  std::vector<Recorded> records;
  for (const NodeId id : any_ids()) {
    const Incarnation incarnation(*rc::gen::positive<std::uint64_t>());
    records.push_back({id, incarnation, any<bool>()});
  }
  return records;
}

std::vector<About> any_about() {
  std::vector<About> about;
  for (const NodeId id : any_ids()) about.push_back({id, any<std::string>()});
  return about;
}

Members any_members() {
  return {.voters = any_ids(),
          .voters_old = any_ids(),
          .learners = any_ids(),
          .learners_next = any_ids(),
          .auto_leave = any<bool>(),
          .incarnations = any_records(),
          .about = any_about()};
}

std::vector<Entry> any_entries() {
  std::vector<Entry> entries(*rc::gen::inRange<std::size_t>(0, 20));
  for (Entry& entry : entries) {
    entry = {.term = any<Term>(),
             .index = any<Index>(),
             .type = *rc::gen::element(EntryType::noop, EntryType::command, EntryType::members),
             .data = nullptr};
    if (auto data = any<std::string>(); !data.empty()) entry.data = make_bytes(std::move(data));
  }
  return entries;
}

std::vector<Met> any_met() {
  std::vector<Met> all(*rc::gen::inRange<std::size_t>(0, 5));
  for (Met& each : all) each = {any<NodeId>(), any<Incarnation>(), any<std::uint64_t>()};
  return all;
}

Body any_body() {
  switch (*rc::gen::inRange(0, 11)) {
    case 0:
      return VoteRequest{any<bool>(), any<bool>(), any<Index>(), any<Term>(), any<bool>(), any_records()};
    case 1:
      return VoteReply{any<bool>(), any<bool>()};
    case 2:
      return AppendRequest{any<Index>(),         any<Term>(),          any<Index>(), any<std::uint64_t>(),
                           any_entries(),        any<std::uint64_t>(), any<Index>(), any<Index>(),
                           any<std::uint64_t>(), any<Index>()};
    case 3:
      return AppendReply{any<bool>(),          any<Index>(),
                         any<Index>(),         any<Term>(),
                         any<std::uint64_t>(), any<Index>(),
                         any<std::uint64_t>(), *rc::gen::element(Space::plenty, Space::low, Space::none)};
    case 4:
      return SnapshotOffer{{any<Index>(), any<Term>(), any_members(), any<std::uint64_t>()}};
    case 5:
      return SnapshotReply{any<Index>(), any<bool>()};
    case 6:
      return TimeoutNow{};
    case 7:
      return ReadIndexRequest{any<std::uint64_t>()};
    case 9:
      return Started{any<std::uint64_t>()};
    case 8:
      return StartSeen{any<Incarnation>(), any<std::uint64_t>(), any_met()};
    default:
      return ReadIndexReply{any<std::uint64_t>(), any<bool>(), any<Index>()};
  }
}

Message any_message() {
  return {any<NodeId>(),
          any<NodeId>(),
          any<Term>(),
          any_body(),
          Life{any<Incarnation>(), any<std::uint64_t>(), any<bool>(), any<std::uint32_t>()},
          any<Incarnation>()};
}

// Field by field, so that a field which neither direction carries is noticed.
struct Same {
  bool operator()(const VoteRequest& a, const VoteRequest& b) const {
    return a.pre == b.pre && a.transfer == b.transfer && a.last_index == b.last_index &&
           a.last_term == b.last_term && a.form == b.form && a.ballot == b.ballot;
  }
  bool operator()(const VoteReply& a, const VoteReply& b) const {
    return a.pre == b.pre && a.granted == b.granted;
  }
  bool operator()(const AppendRequest& a, const AppendRequest& b) const {
    return a.prev_index == b.prev_index && a.prev_term == b.prev_term && a.commit == b.commit &&
           a.read_round == b.read_round && a.prev_chain == b.prev_chain && a.acknowledged == b.acknowledged &&
           a.state_index == b.state_index && a.state_hash == b.state_hash && a.state_asked == b.state_asked &&
           std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(),
                      [](const Entry& x, const Entry& y) {
                        return x.term == y.term && x.index == y.index && x.type == y.type &&
                               !x.data == !y.data && (!x.data || *x.data == *y.data);
                      });
  }
  bool operator()(const AppendReply& a, const AppendReply& b) const {
    return a.ok == b.ok && a.match == b.match && a.hint == b.hint && a.hint_term == b.hint_term &&
           a.read_round == b.read_round && a.state_index == b.state_index && a.state_hash == b.state_hash &&
           a.space == b.space;
  }
  bool operator()(const SnapshotOffer& a, const SnapshotOffer& b) const { return a.meta == b.meta; }
  bool operator()(const SnapshotReply& a, const SnapshotReply& b) const {
    return a.index == b.index && a.ok == b.ok;
  }
  bool operator()(const TimeoutNow&, const TimeoutNow&) const { return true; }
  bool operator()(const Started& a, const Started& b) const { return a.follows == b.follows; }
  bool operator()(const ReadIndexRequest& a, const ReadIndexRequest& b) const { return a.id == b.id; }
  bool operator()(const ReadIndexReply& a, const ReadIndexReply& b) const {
    return a.id == b.id && a.ok == b.ok && a.index == b.index;
  }
  bool operator()(const StartSeen& a, const StartSeen& b) const {
    return a.incarnation == b.incarnation && a.start == b.start && a.met == b.met;
  }
  template <class A, class B>
  bool operator()(const A&, const B&) const {
    return false;
  }
};

std::string encoded(const Message& message) {
  std::string out;
  encode_message(message, &out);
  return out;
}

RC_GTEST_PROP(Codec, EveryMessageComesBackAsItWas, ()) {
  const Message message = any_message();
  const auto back = decode_message(encoded(message));
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->from == message.from);
  RC_ASSERT(back->to == message.to);
  RC_ASSERT(back->term == message.term);
  RC_ASSERT(back->life == message.life);
  RC_ASSERT(back->to_incarnation == message.to_incarnation);
  RC_ASSERT(std::visit(Same{}, back->body, message.body));
}

RC_GTEST_PROP(Codec, NoPrefixOfAMessageIsAMessage, ()) {
  const std::string bytes = encoded(any_message());
  const auto size = *rc::gen::inRange<std::size_t>(0, bytes.size());
  RC_ASSERT(!decode_message(std::string_view(bytes).substr(0, size)).has_value());
}

RC_GTEST_PROP(Codec, BytesLeftOverAreRefused, ()) {
  RC_ASSERT(!decode_message(encoded(any_message()) + '\0').has_value());
}

RC_GTEST_PROP(Codec, AnyBytesAreDecodedOrRefusedWithoutHarm, (const std::string& bytes)) {
  if (const auto message = decode_message(bytes)) RC_ASSERT(decode_message(encoded(*message)).has_value());
}

TEST(Codec, ALyingEntryCountAllocatesNothing) {
  std::string bytes = encoded({NodeId(1), NodeId(2), Term(1), AppendRequest{}});
  bytes.pop_back();  // the count, which is the last field when there are no entries
  codec::put_varint(&bytes, std::uint64_t{1} << 60);
  const auto message = decode_message(bytes);
  ASSERT_FALSE(message.has_value());
  EXPECT_NE(message.error().message.find("entries do not fit"), std::string::npos) << message.error().message;
}

TEST(Codec, CountsKeepToTheLimits) {
  Limits limits;
  limits.entries_max = 2;
  limits.members_max = 2;
  const auto refused = [&](Body body) {
    const std::string bytes = encoded({NodeId(1), NodeId(2), Term(1), std::move(body)});
    EXPECT_TRUE(decode_message(bytes).has_value());
    return !decode_message(bytes, limits).has_value();
  };
  AppendRequest append;
  append.entries.resize(2);
  EXPECT_FALSE(refused(append));
  append.entries.resize(3);
  EXPECT_TRUE(refused(append));
  VoteRequest vote;
  vote.ballot = {{NodeId(1), {}}, {NodeId(2), {}}};
  EXPECT_FALSE(refused(vote));
  vote.ballot.push_back({NodeId(3), {}});
  EXPECT_TRUE(refused(vote));
  StartSeen seen;
  limits.met_max = 2;
  seen.met.resize(2);
  EXPECT_FALSE(refused(seen));
  seen.met.resize(3);
  EXPECT_TRUE(refused(seen));
  SnapshotOffer offer;
  offer.meta.members.voters = {NodeId(1), NodeId(2)};
  EXPECT_FALSE(refused(offer));
  offer.meta.members.learners = {NodeId(3)};
  EXPECT_TRUE(refused(offer));
}

TEST(Codec, ABallotThatIsNotSortedIsRefused) {
  VoteRequest vote;
  for (const auto& [first, second] : {std::pair(2, 1), std::pair(1, 1)}) {
    vote.ballot = {{NodeId(static_cast<std::uint64_t>(first)), {}},
                   {NodeId(static_cast<std::uint64_t>(second)), {}}};
    EXPECT_FALSE(decode_message(encoded({NodeId(1), NodeId(2), Term(1), vote})).has_value());
  }
}

TEST(Codec, ALyingDataLengthIsRefused) {
  AppendRequest append;
  append.entries = {{Term(1), Index(1), EntryType::command, make_bytes("abc")}};
  std::string bytes = encoded({NodeId(1), NodeId(2), Term(1), append});
  bytes[bytes.size() - 4] = '\4';
  EXPECT_FALSE(decode_message(bytes).has_value());
}

TEST(Codec, UnknownKindsAndEntryTypesAreRefused) {
  std::string bytes = encoded({NodeId(1), NodeId(2), Term(1), TimeoutNow{}});
  bytes[0] = '\14';
  EXPECT_FALSE(decode_message(bytes).has_value());
  AppendRequest append;
  append.entries = {{Term(1), Index(1), EntryType::noop, nullptr}};
  bytes = encoded({NodeId(1), NodeId(2), Term(1), append});
  bytes[bytes.size() - 2] = '\3';
  EXPECT_FALSE(decode_message(bytes).has_value());
}

std::vector<Message> one_of_each_kind() {
  SnapshotMeta meta;
  meta.index = Index(900);
  meta.term = Term(8);
  meta.members.voters = {NodeId(1), NodeId(2)};
  meta.chain = 0x0102030405060708;
  const std::vector<Entry> entries = {
      {.term = Term(7), .index = Index(301), .type = EntryType::command, .data = make_bytes("abc")},
      {.term = Term(8), .index = Index(302), .type = EntryType::noop, .data = nullptr}};
  const std::vector<Recorded> ballot = {{NodeId(1), Incarnation(71), true, 0}};
  const std::vector<Body> bodies = {
      VoteRequest{true, false, Index(300), Term(7), true, ballot},
      VoteReply{true, true},
      AppendRequest{Index(300), Term(7), Index(299), 5, entries, 0xa1a2a3a4a5a6a7a8, Index(298), Index(297),
                    0xb1b2b3b4b5b6b7b8, Index(296)},
      AppendReply{true, Index(300), Index(3), Term(2), 5, Index(299), 0xc1c2c3c4c5c6c7c8, Space::low},
      SnapshotOffer{meta},
      SnapshotReply{Index(900), true},
      TimeoutNow{},
      ReadIndexRequest{1ULL << 63},
      ReadIndexReply{77, true, Index(300)},
      StartSeen{Incarnation(71), 129, {{NodeId(2), Incarnation(72), 300}}},
      Started{129}};
  std::vector<Message> messages;
  for (const Body& body : bodies)
    messages.push_back({NodeId(0x1112131415161718), NodeId(2), Term(300), body,
                        Life{Incarnation(71), 200, true, 0x21222324, 0x3132333435363738}, Incarnation(72)});
  return messages;
}

TEST(Codec, BytesNeverChange) {
  const std::vector<std::string> expected = {
      "0118171615141312110200000000000000ac024700000000000000c801012423222138373635343332"
      "3148000000000000000100ac020701010100000000000000470000000000000001",
      "0218171615141312110200000000000000ac024700000000000000c801012423222138373635343332"
      "3148000000000000000101",
      "0318171615141312110200000000000000ac024700000000000000c801012423222138373635343332"
      "314800000000000000ac0207ab0205a8a7a6a5a4a3a2a1aa02a902b8b7b6b5b4b3b2b1a8020207ad02"
      "010361626308ae020000",
      "0418171615141312110200000000000000ac024700000000000000c801012423222138373635343332"
      "31480000000000000001ac02030205ab02c8c7c6c5c4c3c2c101",
      "0518171615141312110200000000000000ac024700000000000000c801012423222138373635343332"
      "3148000000000000008407080807060504030201320400020000000100000000000000020000000000"
      "000000000000000000000000000000000000000000000000000000000000",
      "0618171615141312110200000000000000ac024700000000000000c801012423222138373635343332"
      "314800000000000000840701",
      "0718171615141312110200000000000000ac024700000000000000c801012423222138373635343332"
      "314800000000000000",
      "0818171615141312110200000000000000ac024700000000000000c801012423222138373635343332"
      "31480000000000000080808080808080808001",
      "0918171615141312110200000000000000ac024700000000000000c801012423222138373635343332"
      "3148000000000000004d01ac02",
      "0a18171615141312110200000000000000ac024700000000000000c801012423222138373635343332"
      "314800000000000000470000000000000081010102000000000000004800000000000000ac02",
      "0b18171615141312110200000000000000ac024700000000000000c801012423222138373635343332"
      "3148000000000000008101"};
  std::vector<std::string> found;
  for (const Message& message : one_of_each_kind()) found.push_back(test::hex_of(encoded(message)));
  EXPECT_EQ(found, expected);
}

TEST(Frame, BytesNeverChange) {
  const std::string refusal = "because";
  std::string hello, accepted, refused, begin;
  put_hello(
      &hello,
      {.kind = ConnectionKind::snapshot, .cluster_id = 1, .from = NodeId(2), .to = NodeId(3), .founded = 4});
  put_hello_answer(&accepted, nullptr, {});
  put_hello_answer(&refused, &refusal, {});
  put_snapshot_begin(&begin, {"manifest", 300, one_of_each_kind()[4]});
  EXPECT_EQ(test::hex_of(hello),
            "2c000000010000005505565821d50bc5636169726e7065720500020100000000000000020000"
            "00000000000300000000000000040000000000000000");
  EXPECT_EQ(test::hex_of(accepted), "0100000002000000788acac33dc6df6f01");
  EXPECT_EQ(test::hex_of(refused), "0800000002000000026b87342926d7600062656361757365");
  EXPECT_EQ(test::hex_of(begin),
            "7b00000006000000d86f55352506b5b4ac02086d616e69666573740518171615141312110200"
            "000000000000ac024700000000000000c8010124232221383736353433323148000000000000"
            "0084070808070605040302013204000200000001000000000000000200000000000000000000"
            "00000000000000000000000000000000000000000000000000");
}

// Feeds bytes in pieces of one size and collects what comes out.
Result<std::vector<std::string>> frames_of(std::string_view bytes, std::size_t piece, std::size_t limit) {
  FrameReader reader;
  reader.set_limit(limit);
  std::vector<std::string> frames;
  while (!bytes.empty()) {
    const auto room = reader.prepare();
    const std::size_t size = std::min({piece, room.size(), bytes.size()});
    bytes.copy(room.data(), size);
    bytes.remove_prefix(size);
    reader.commit(size);
    for (;;) {
      const auto frame = TRY(reader.next());
      if (!frame) break;
      frames.emplace_back(frame->payload);
    }
  }
  return frames;
}

TEST(Frame, ComesOutWholeHoweverTheBytesArrive) {
  const std::vector<std::string> sent = {
      "", "one", std::string(200000, 'x'), "two", std::string(3000000, 'y'), "z"};
  std::string bytes;
  for (const std::string& payload : sent) put_frame(&bytes, FrameType::note, payload);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{17}, std::size_t{65536}, bytes.size()}) {
    const auto frames = frames_of(bytes, piece, std::size_t{4} << 20);
    ASSERT_TRUE(frames.has_value()) << frames.error().message;
    EXPECT_TRUE(*frames == sent) << piece;
  }
}

TEST(Frame, AnyFlippedBitIsNoticed) {
  std::string bytes;
  put_frame(&bytes, FrameType::note, "some payload");
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const auto frames = frames_of(damaged, damaged.size(), 1000);
    EXPECT_TRUE(!frames || frames->empty()) << bit;
  }
}

TEST(Frame, LengthBeyondTheLimitIsRefusedFromTheHeaderAlone) {
  std::string bytes;
  put_frame(&bytes, FrameType::note, std::string(1001, 'x'));
  EXPECT_FALSE(frames_of(std::string_view(bytes).substr(0, kFrameHeaderBytes), 1, 1000).has_value());
  bytes.clear();
  put_frame(&bytes, FrameType::note, std::string(1000, 'x'));
  EXPECT_TRUE(frames_of(bytes, 1, 1000).has_value());
}

TEST(Frame, ALengthAloneBuysNoMemory) {
  FrameReader reader;
  reader.set_limit(std::size_t{1} << 30);
  std::string bytes;
  put_frame(&bytes, FrameType::note, "");
  codec::store(bytes.data(), std::uint32_t{1} << 30);
  const auto room = reader.prepare();
  bytes.copy(room.data(), bytes.size());
  reader.commit(bytes.size());
  ASSERT_TRUE(reader.next().has_value());
  EXPECT_LE(reader.prepare().size(), std::size_t{1} << 20);
}

// Hands bytes over in as large pieces as the reader takes; the first of them that is refused.
std::string refusal_of(FrameReader& reader, std::string_view bytes, std::size_t* frames) {
  while (!bytes.empty()) {
    const std::span<char> room = reader.prepare();
    const std::size_t size = std::min(room.size(), bytes.size());
    bytes.copy(room.data(), size);
    bytes.remove_prefix(size);
    reader.commit(size);
    for (;;) {
      const auto frame = reader.next();
      if (!frame) return frame.error().message;
      if (!*frame) break;
      ++*frames;
    }
  }
  return "";
}

std::string note_of(std::size_t payload_bytes) {
  std::string bytes;
  put_frame(&bytes, FrameType::note, std::string(payload_bytes, 'n'));
  return bytes;
}

TEST(Frame, BeforeTheHelloOnlyOnesOfItsSizeAreTaken) {
  Limits limits;
  limits.hello_frame_bytes_max = 100;
  FrameReader reader(limits);
  std::size_t frames = 0;
  EXPECT_EQ(refusal_of(reader, note_of(100), &frames), "");
  EXPECT_EQ(frames, 1U);
  EXPECT_EQ(refusal_of(reader, note_of(101).substr(0, kFrameHeaderBytes), &frames),
            "frame of 101 bytes exceeds the limit of 100");
  FrameReader greeted(limits);
  greeted.set_limit(limits.frame_bytes_max);
  EXPECT_EQ(refusal_of(greeted, note_of(101), &frames), "");
  EXPECT_EQ(frames, 2U);
}

TEST(Frame, ThereIsAlwaysRoomToReadInto) {
  for (const std::size_t least : {1, 100, 5000}) {
    Limits limits;
    limits.read_bytes_min = least;
    FrameReader reader(limits);
    EXPECT_EQ(reader.prepare().size(), 2 * least);
    std::size_t frames = 0;
    EXPECT_EQ(refusal_of(reader, note_of(10) + note_of(3000) + note_of(0), &frames), "");
    EXPECT_EQ(frames, 3U);
    EXPECT_GE(reader.prepare().size(), least);
  }
}

TEST(Frame, ALargeBufferIsGivenBackOnceItIsEmpty) {
  for (const bool kept : {true, false}) {
    Limits limits;
    limits.read_bytes_min = 100;
    limits.kept_buffer_bytes = kept ? 100'000 : 5000;
    FrameReader reader(limits);
    std::size_t frames = 0;
    EXPECT_EQ(refusal_of(reader, note_of(6000), &frames), "");
    ASSERT_EQ(frames, 1U);
    if (kept) {
      EXPECT_GT(reader.prepare().size(), 6000U);
    } else {
      EXPECT_EQ(reader.prepare().size(), 2 * limits.read_bytes_min);
    }
  }
}

TEST(Hello, ALaterVersionIsReadFarEnoughToRefuseIt) {
  std::string bytes;
  put_hello(&bytes, {.version = 9, .cluster_id = 1, .from = NodeId(2), .to = NodeId(3)});
  const auto hello = decode_hello(bytes.substr(kFrameHeaderBytes) + "more");
  ASSERT_TRUE(hello.has_value());
  EXPECT_EQ(hello->version, 9);
}

TEST(Hello, OfAnEarlierVersionIsReadFarEnoughToRefuseIt) {
  std::string bytes;
  put_hello(&bytes, {.version = 2, .cluster_id = 1, .from = NodeId(2), .to = NodeId(3)});
  const auto hello = decode_hello(std::string_view(bytes).substr(kFrameHeaderBytes, 35));
  ASSERT_TRUE(hello.has_value());
  EXPECT_EQ(hello->version, 2);
}

TEST(Hello, CarriesAnIntroduction) {
  const auto read = [](const Introduction& introduction) {
    std::string bytes;
    put_hello(
        &bytes,
        {.cluster_id = 1, .from = NodeId(2), .to = NodeId(3), .founded = 4, .introduction = introduction});
    return decode_hello(std::string_view(bytes).substr(kFrameHeaderBytes));
  };
  const Introduction introduction{{Term(7), Index(8)}, "n1.example", 2380};
  const auto hello = read(introduction);
  ASSERT_TRUE(hello.has_value());
  EXPECT_EQ(hello->introduction, introduction);
  EXPECT_EQ(hello->founded, 4u);
  const std::size_t longest = Limits{}.host_bytes_max;
  EXPECT_TRUE(read({introduction.by, std::string(longest, 'h'), 1}).has_value());
  EXPECT_FALSE(read({introduction.by, std::string(longest + 1, 'h'), 1}).has_value());
  EXPECT_FALSE(read({introduction.by, "", 1}).has_value());
  EXPECT_FALSE(read({introduction.by, "two words", 1}).has_value());
  EXPECT_FALSE(read({introduction.by, "h\n", 1}).has_value());
  EXPECT_FALSE(read({introduction.by, "host", 0}).has_value());
}

TEST(Hello, RefusalCarriesItsReasonAsFarAsItFits) {
  Limits limits;
  const std::string reason = "because";
  std::string bytes;
  put_hello_answer(&bytes, &reason, limits);
  const auto said = [&] {
    return decode_hello_answer(std::string_view(bytes).substr(kFrameHeaderBytes), limits);
  };
  ASSERT_FALSE(said().has_value());
  EXPECT_EQ(said().error().message, "because");
  limits.reason_bytes_max = 2;
  EXPECT_EQ(said().error().message, "be");
  bytes.clear();
  put_hello_answer(&bytes, &reason, limits);
  EXPECT_EQ(bytes.size(), kFrameHeaderBytes + 3);
  EXPECT_FALSE(decode_hello_answer("", limits).has_value());
  bytes.clear();
  put_hello_answer(&bytes, nullptr, limits);
  EXPECT_TRUE(said().has_value());
}

}  // namespace
}  // namespace cairn::peer
