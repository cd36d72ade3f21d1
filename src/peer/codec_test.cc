#include "peer/codec.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "peer/frame.h"
#include "peer/wire.h"

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

Members any_members() {
  return {.voters = any<std::vector<NodeId>>(),
          .voters_old = any<std::vector<NodeId>>(),
          .learners = any<std::vector<NodeId>>(),
          .learners_next = any<std::vector<NodeId>>(),
          .auto_leave = any<bool>()};
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

Body any_body() {
  switch (*rc::gen::inRange(0, 9)) {
    case 0:
      return VoteRequest{any<bool>(), any<bool>(), any<Index>(), any<Term>()};
    case 1:
      return VoteReply{any<bool>(), any<bool>()};
    case 2:
      return AppendRequest{any<Index>(), any<Term>(), any<Index>(), any<std::uint64_t>(), any_entries()};
    case 3:
    {
      AppendReply reply{any<bool>(), any<Index>(), any<Index>(), any<Term>(), any<std::uint64_t>()};
      reply.space = *rc::gen::element(Space::plenty, Space::low, Space::none);
      return reply;
    }
    case 4:
      return SnapshotOffer{{any<Index>(), any<Term>(), any_members()}};
    case 5:
      return SnapshotReply{any<Index>(), any<bool>()};
    case 6:
      return TimeoutNow{};
    case 7:
      return ReadIndexRequest{any<std::uint64_t>()};
    default:
      return ReadIndexReply{any<std::uint64_t>(), any<bool>(), any<Index>()};
  }
}

Message any_message() { return {any<NodeId>(), any<NodeId>(), any<Term>(), any_body()}; }

// Field by field, so that a field which neither direction carries is noticed.
struct Same {
  bool operator()(const VoteRequest& a, const VoteRequest& b) const {
    return a.pre == b.pre && a.transfer == b.transfer && a.last_index == b.last_index &&
           a.last_term == b.last_term;
  }
  bool operator()(const VoteReply& a, const VoteReply& b) const {
    return a.pre == b.pre && a.granted == b.granted;
  }
  bool operator()(const AppendRequest& a, const AppendRequest& b) const {
    return a.prev_index == b.prev_index && a.prev_term == b.prev_term && a.commit == b.commit &&
           a.read_round == b.read_round &&
           std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(),
                      [](const Entry& x, const Entry& y) {
                        return x.term == y.term && x.index == y.index && x.type == y.type &&
                               !x.data == !y.data && (!x.data || *x.data == *y.data);
                      });
  }
  bool operator()(const AppendReply& a, const AppendReply& b) const {
    return a.ok == b.ok && a.match == b.match && a.hint == b.hint && a.hint_term == b.hint_term &&
           a.read_round == b.read_round && a.space == b.space;
  }
  bool operator()(const SnapshotOffer& a, const SnapshotOffer& b) const { return a.meta == b.meta; }
  bool operator()(const SnapshotReply& a, const SnapshotReply& b) const {
    return a.index == b.index && a.ok == b.ok;
  }
  bool operator()(const TimeoutNow&, const TimeoutNow&) const { return true; }
  bool operator()(const ReadIndexRequest& a, const ReadIndexRequest& b) const { return a.id == b.id; }
  bool operator()(const ReadIndexReply& a, const ReadIndexReply& b) const {
    return a.id == b.id && a.ok == b.ok && a.index == b.index;
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
  std::string bytes(1, '\3');  // an append request
  bytes.append(16, '\1');      // from, to
  for (int i = 0; i < 5; ++i) wire::put_varint(&bytes, 1);
  wire::put_varint(&bytes, std::uint64_t{1} << 60);
  const auto message = decode_message(bytes);
  ASSERT_FALSE(message.has_value());
  EXPECT_NE(message.error().message.find("entries do not fit"), std::string::npos) << message.error().message;
}

TEST(Codec, ALyingDataLengthIsRefused) {
  std::string bytes = encoded(
      {NodeId(1), NodeId(2), Term(1),
       AppendRequest{
           Index(), Term(), Index(), 0, {{Term(1), Index(1), EntryType::command, make_bytes("abc")}}}});
  bytes[bytes.size() - 4] = '\4';
  EXPECT_FALSE(decode_message(bytes).has_value());
}

TEST(Codec, UnknownKindsAndEntryTypesAreRefused) {
  std::string bytes = encoded({NodeId(1), NodeId(2), Term(1), TimeoutNow{}});
  bytes[0] = '\12';
  EXPECT_FALSE(decode_message(bytes).has_value());
  bytes =
      encoded({NodeId(1), NodeId(2), Term(1),
               AppendRequest{Index(), Term(), Index(), 0, {{Term(1), Index(1), EntryType::noop, nullptr}}}});
  bytes[bytes.size() - 2] = '\3';
  EXPECT_FALSE(decode_message(bytes).has_value());
}

TEST(Varint, SixtyFourBitsAndNoMore) {
  for (const std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128}, ~std::uint64_t{0}}) {
    std::string bytes;
    wire::put_varint(&bytes, value);
    wire::Reader in(bytes);
    EXPECT_EQ(in.varint(), value);
    EXPECT_TRUE(in.complete());
  }
  wire::Reader in("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");
  in.varint();
  EXPECT_FALSE(in.ok());
}

// Feeds bytes in pieces of one size and collects what comes out.
Result<std::vector<std::string>> frames_of(std::string_view bytes, std::size_t piece, std::size_t limit) {
  FrameReader reader(limit);
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
  FrameReader reader(std::size_t{1} << 30);
  std::string bytes;
  put_frame(&bytes, FrameType::note, "");
  wire::store(bytes.data(), std::uint32_t{1} << 30);
  const auto room = reader.prepare();
  bytes.copy(room.data(), bytes.size());
  reader.commit(bytes.size());
  ASSERT_TRUE(reader.next().has_value());
  EXPECT_LE(reader.prepare().size(), std::size_t{1} << 20);
}

TEST(Hello, SaysWhatDoesNotFit) {
  const Hello good{.cluster_id = 1, .from = NodeId(2), .to = NodeId(3)};
  EXPECT_TRUE(check_hello(good, 1, NodeId(3)).has_value());
  const auto reason = [](const Hello& hello) { return check_hello(hello, 1, NodeId(3)).error().message; };
  Hello hello = good;
  hello.version = 2;
  EXPECT_NE(reason(hello).find("version 2"), std::string::npos);
  hello = good;
  hello.cluster_id = 0xabc;
  EXPECT_NE(reason(hello).find("cluster abc"), std::string::npos);
  hello = good;
  hello.to = NodeId(4);
  EXPECT_NE(reason(hello).find("wants member 4"), std::string::npos);
  hello = good;
  hello.from = NodeId(3);
  EXPECT_NE(reason(hello).find("one identity"), std::string::npos);
}

TEST(Hello, ALaterVersionIsReadFarEnoughToRefuseIt) {
  std::string bytes;
  put_hello(&bytes, {.version = 9, .cluster_id = 1, .from = NodeId(2), .to = NodeId(3)});
  const auto hello = decode_hello(bytes.substr(kFrameHeaderBytes) + "more");
  ASSERT_TRUE(hello.has_value());
  EXPECT_FALSE(check_hello(*hello, 1, NodeId(3)).has_value());
}

TEST(Hello, RefusalCarriesItsReason) {
  std::string bytes;
  put_hello_answer(&bytes, fail(Code::failed_precondition, "because"));
  const Status verdict = decode_hello_answer(std::string_view(bytes).substr(kFrameHeaderBytes));
  ASSERT_FALSE(verdict.has_value());
  EXPECT_EQ(verdict.error().message, "because");
  EXPECT_FALSE(decode_hello_answer("").has_value());
}

}  // namespace
}  // namespace cairn::peer
