#include "peer/codec.h"

#include <algorithm>
#include <utility>

#include "base/codec.h"
#include "raft/members.h"

namespace cairn::peer {
namespace {

using codec::put_fixed;
using codec::put_flag;
using codec::put_varint;
using codec::Reader;

// Numbers on the wire are written down here and not taken from the variant, whose order may change.
enum class Kind : std::uint8_t {
  vote_request = 1,
  vote_reply = 2,
  append_request = 3,
  append_reply = 4,
  snapshot_offer = 5,
  snapshot_reply = 6,
  timeout_now = 7,
  read_index_request = 8,
  read_index_reply = 9,
  start_seen = 10,
  started = 11,
};

constexpr std::size_t kEntryBytesMin = 4;   // term, index, type, length
constexpr std::size_t kMetBytesMin = 17;    // member, incarnation, start
constexpr std::size_t kRecordedBytes = 17;  // member, incarnation, founding

void put_kind(std::string* out, Kind kind) { out->push_back(static_cast<char>(kind)); }

void put_meta(std::string* out, const raft::SnapshotMeta& meta) {
  const Bytes members = raft::encode(meta.members);
  put_varint(out, meta.index.v);
  put_varint(out, meta.term.v);
  put_fixed(out, meta.chain);
  put_varint(out, members->size());
  out->append(*members);
}

void put_ballot(std::string* out, const std::vector<raft::Recorded>& ballot) {
  put_varint(out, ballot.size());
  for (const raft::Recorded& each : ballot) {
    put_fixed(out, each.id.v);
    put_fixed(out, each.incarnation.v);
    put_flag(out, each.founding);
  }
}

struct BodyEncoder {
  std::string* out;

  void operator()(const raft::VoteRequest& body) const {
    put_flag(out, body.pre);
    put_flag(out, body.transfer);
    put_varint(out, body.last_index.v);
    put_varint(out, body.last_term.v);
    put_flag(out, body.form);
    put_ballot(out, body.ballot);
  }
  void operator()(const raft::VoteReply& body) const {
    put_flag(out, body.pre);
    put_flag(out, body.granted);
  }
  void operator()(const raft::AppendRequest& body) const {
    put_varint(out, body.prev_index.v);
    put_varint(out, body.prev_term.v);
    put_varint(out, body.commit.v);
    put_varint(out, body.read_round);
    put_fixed(out, body.prev_chain);
    put_varint(out, body.acknowledged.v);
    put_varint(out, body.state_index.v);
    put_fixed(out, body.state_hash);
    put_varint(out, body.state_asked.v);
    put_varint(out, body.entries.size());
    for (const raft::Entry& entry : body.entries) {
      put_varint(out, entry.term.v);
      put_varint(out, entry.index.v);
      out->push_back(static_cast<char>(entry.type));
      put_varint(out, entry.data ? entry.data->size() : 0);
      if (entry.data) out->append(*entry.data);
    }
  }
  void operator()(const raft::AppendReply& body) const {
    put_flag(out, body.ok);
    put_varint(out, body.match.v);
    put_varint(out, body.hint.v);
    put_varint(out, body.hint_term.v);
    put_varint(out, body.read_round);
    put_varint(out, body.state_index.v);
    put_fixed(out, body.state_hash);
    put_varint(out, static_cast<std::uint64_t>(body.space));
  }
  void operator()(const raft::SnapshotOffer& body) const { put_meta(out, body.meta); }
  void operator()(const raft::SnapshotReply& body) const {
    put_varint(out, body.index.v);
    put_flag(out, body.ok);
  }
  void operator()(const raft::TimeoutNow&) const {}
  void operator()(const raft::ReadIndexRequest& body) const { put_varint(out, body.id); }
  void operator()(const raft::ReadIndexReply& body) const {
    put_varint(out, body.id);
    put_flag(out, body.ok);
    put_varint(out, body.index.v);
  }
  void operator()(const raft::StartSeen& body) const {
    put_fixed(out, body.incarnation.v);
    put_varint(out, body.start);
    put_varint(out, body.met.size());
    for (const raft::Met& each : body.met) {
      put_fixed(out, each.id.v);
      put_fixed(out, each.incarnation.v);
      put_varint(out, each.start);
    }
  }
  void operator()(const raft::Started& body) const { put_varint(out, body.follows); }
};

struct KindOf {
  Kind operator()(const raft::VoteRequest&) const { return Kind::vote_request; }
  Kind operator()(const raft::VoteReply&) const { return Kind::vote_reply; }
  Kind operator()(const raft::AppendRequest&) const { return Kind::append_request; }
  Kind operator()(const raft::AppendReply&) const { return Kind::append_reply; }
  Kind operator()(const raft::SnapshotOffer&) const { return Kind::snapshot_offer; }
  Kind operator()(const raft::SnapshotReply&) const { return Kind::snapshot_reply; }
  Kind operator()(const raft::TimeoutNow&) const { return Kind::timeout_now; }
  Kind operator()(const raft::ReadIndexRequest&) const { return Kind::read_index_request; }
  Kind operator()(const raft::ReadIndexReply&) const { return Kind::read_index_reply; }
  Kind operator()(const raft::StartSeen&) const { return Kind::start_seen; }
  Kind operator()(const raft::Started&) const { return Kind::started; }
};

// An upper bound close enough that encoding a large append grows the buffer once.
std::size_t size_hint(const raft::Body& body) {
  std::size_t size = 128;
  if (const auto* append = std::get_if<raft::AppendRequest>(&body)) {
    for (const raft::Entry& entry : append->entries) size += 31 + (entry.data ? entry.data->size() : 0);
  }
  return size;
}

template <class Id>
Id take(Reader* in) {
  return Id(in->varint());
}

Result<raft::SnapshotMeta> read_meta(Reader* in, const Limits& limits) {
  raft::SnapshotMeta meta;
  meta.index = take<raft::Index>(in);
  meta.term = take<raft::Term>(in);
  meta.chain = in->fixed<std::uint64_t>();
  const std::string_view bytes = in->bytes(in->varint());
  auto members = raft::decode_members(bytes);
  if (!members || raft::all_members(*members).size() > limits.members_max)
    return fail(Code::invalid_argument, "peer message: a list of members that cannot be one");
  meta.members = std::move(*members);
  return meta;
}

Result<std::vector<raft::Recorded>> read_ballot(Reader* in, const Limits& limits) {
  const std::uint64_t count = in->varint();
  if (count > limits.members_max || count > in->left() / kRecordedBytes) {
    return fail(Code::invalid_argument, "peer message: a ballot of " + std::to_string(count) +
                                            " members does not fit (limit " +
                                            std::to_string(limits.members_max) + ")");
  }
  std::vector<raft::Recorded> ballot;
  for (std::uint64_t i = 0; i < count; ++i) {
    const raft::NodeId id(in->fixed<std::uint64_t>());
    const raft::Incarnation incarnation(in->fixed<std::uint64_t>());
    ballot.push_back({id, incarnation, in->flag(), 0});
    if (i > 0 && ballot[i - 1].id >= id)
      return fail(Code::invalid_argument, "peer message: a ballot that is not sorted");
  }
  return ballot;
}

Result<raft::StartSeen> read_start_seen(Reader* in, const Limits& limits) {
  raft::StartSeen body;
  body.incarnation = raft::Incarnation(in->fixed<std::uint64_t>());
  body.start = in->varint();
  const std::uint64_t count = in->varint();
  if (count > limits.met_max || count > in->left() / kMetBytesMin) {
    return fail(Code::invalid_argument, "peer message: " + std::to_string(count) +
                                            " starts do not fit (limit " + std::to_string(limits.met_max) +
                                            ")");
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    const raft::NodeId id(in->fixed<std::uint64_t>());
    const raft::Incarnation incarnation(in->fixed<std::uint64_t>());
    body.met.push_back({id, incarnation, in->varint()});
  }
  return body;
}

Result<raft::AppendRequest> read_append(Reader* in, const Limits& limits) {
  raft::AppendRequest body;
  body.prev_index = take<raft::Index>(in);
  body.prev_term = take<raft::Term>(in);
  body.commit = take<raft::Index>(in);
  body.read_round = in->varint();
  body.prev_chain = in->fixed<std::uint64_t>();
  body.acknowledged = take<raft::Index>(in);
  body.state_index = take<raft::Index>(in);
  body.state_hash = in->fixed<std::uint64_t>();
  body.state_asked = take<raft::Index>(in);
  const std::uint64_t count = in->varint();
  if (count > limits.entries_max || count > in->left() / kEntryBytesMin) {
    return fail(Code::invalid_argument, "peer message: " + std::to_string(count) + " entries do not fit in " +
                                            std::to_string(in->left()) + " bytes");
  }
  body.entries.reserve(static_cast<std::size_t>(count));
  for (std::uint64_t i = 0; i < count && in->ok(); ++i) {
    raft::Entry entry;
    entry.term = take<raft::Term>(in);
    entry.index = take<raft::Index>(in);
    const auto type = in->fixed<std::uint8_t>();
    if (type > static_cast<std::uint8_t>(raft::EntryType::members)) {
      return fail(Code::invalid_argument, "peer message: entry of unknown type " + std::to_string(type));
    }
    entry.type = static_cast<raft::EntryType>(type);
    const std::string_view data = in->bytes(in->varint());
    if (!data.empty()) entry.data = make_bytes(std::string(data));
    body.entries.push_back(std::move(entry));
  }
  return body;
}

Result<raft::Body> read_body(Kind kind, Reader* in, const Limits& limits) {
  switch (kind) {
    case Kind::vote_request: {
      raft::VoteRequest body;
      body.pre = in->flag();
      body.transfer = in->flag();
      body.last_index = take<raft::Index>(in);
      body.last_term = take<raft::Term>(in);
      body.form = in->flag();
      body.ballot = TRY(read_ballot(in, limits));
      return body;
    }
    case Kind::vote_reply: {
      raft::VoteReply body;
      body.pre = in->flag();
      body.granted = in->flag();
      return body;
    }
    case Kind::append_request:
      return TRY(read_append(in, limits));
    case Kind::append_reply: {
      raft::AppendReply body;
      body.ok = in->flag();
      body.match = take<raft::Index>(in);
      body.hint = take<raft::Index>(in);
      body.hint_term = take<raft::Term>(in);
      body.read_round = in->varint();
      body.state_index = take<raft::Index>(in);
      body.state_hash = in->fixed<std::uint64_t>();
      const std::uint64_t space = in->varint();
      if (space > static_cast<std::uint64_t>(raft::Space::none))
        return fail(Code::invalid_argument,
                    "a member says that its disk is in state " + std::to_string(space));
      body.space = static_cast<raft::Space>(space);
      return body;
    }
    case Kind::snapshot_offer:
      return raft::SnapshotOffer{TRY(read_meta(in, limits))};
    case Kind::snapshot_reply: {
      raft::SnapshotReply body;
      body.index = take<raft::Index>(in);
      body.ok = in->flag();
      return body;
    }
    case Kind::timeout_now:
      return raft::TimeoutNow{};
    case Kind::read_index_request:
      return raft::ReadIndexRequest{in->varint()};
    case Kind::read_index_reply: {
      raft::ReadIndexReply body;
      body.id = in->varint();
      body.ok = in->flag();
      body.index = take<raft::Index>(in);
      return body;
    }
    case Kind::start_seen:
      return TRY(read_start_seen(in, limits));
    case Kind::started:
      return raft::Started{in->varint()};
  }
  return fail(Code::invalid_argument,
              "peer message of unknown kind " + std::to_string(static_cast<unsigned>(kind)));
}

}  // namespace

void encode_message(const raft::Message& message, std::string* out) {
  const std::size_t wanted = out->size() + size_hint(message.body);
  // Growing to exactly what is wanted would copy the whole buffer for every message of a turn.
  if (wanted > out->capacity()) out->reserve(std::max(wanted, out->capacity() * 2));
  put_kind(out, std::visit(KindOf{}, message.body));
  put_fixed(out, message.from.v);
  put_fixed(out, message.to.v);
  put_varint(out, message.term.v);
  put_fixed(out, message.life.incarnation.v);
  put_varint(out, message.life.start);
  put_flag(out, message.life.full);
  put_fixed(out, message.life.recorded);
  put_fixed(out, message.life.founded);
  put_fixed(out, message.to_incarnation.v);
  std::visit(BodyEncoder{out}, message.body);
}

Result<raft::Message> decode_message(std::string_view bytes, const Limits& limits) {
  Reader in(bytes);
  const auto kind = static_cast<Kind>(in.fixed<std::uint8_t>());
  raft::Message message;
  message.from = raft::NodeId(in.fixed<std::uint64_t>());
  message.to = raft::NodeId(in.fixed<std::uint64_t>());
  message.term = take<raft::Term>(&in);
  message.life.incarnation = raft::Incarnation(in.fixed<std::uint64_t>());
  message.life.start = in.varint();
  message.life.full = in.flag();
  message.life.recorded = in.fixed<std::uint32_t>();
  message.life.founded = in.fixed<std::uint64_t>();
  message.to_incarnation = raft::Incarnation(in.fixed<std::uint64_t>());
  message.body = TRY(read_body(kind, &in, limits));
  if (!in.complete()) {
    return fail(Code::invalid_argument,
                "peer message of kind " + std::to_string(static_cast<unsigned>(kind)) +
                    (in.ok() ? " has bytes left over" : " ends early or has a bad field"));
  }
  return message;
}

}  // namespace cairn::peer
