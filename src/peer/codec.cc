#include "peer/codec.h"

#include <algorithm>
#include <utility>

#include "peer/wire.h"

namespace cairn::peer {
namespace {

using wire::put_fixed;
using wire::put_varint;
using wire::Reader;

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
};

constexpr std::size_t kEntryBytesMin = 4;  // term, index, type, length

void put_flag(std::string* out, bool flag) { out->push_back(flag ? '\1' : '\0'); }
void put_kind(std::string* out, Kind kind) { out->push_back(static_cast<char>(kind)); }

void put_ids(std::string* out, const std::vector<raft::NodeId>& ids) {
  put_varint(out, ids.size());
  for (const raft::NodeId id : ids) put_fixed(out, id.v);
}

void put_meta(std::string* out, const raft::SnapshotMeta& meta) {
  put_varint(out, meta.index.v);
  put_varint(out, meta.term.v);
  put_ids(out, meta.members.voters);
  put_ids(out, meta.members.voters_old);
  put_ids(out, meta.members.learners);
  put_ids(out, meta.members.learners_next);
  put_flag(out, meta.members.auto_leave);
}

struct BodyEncoder {
  std::string* out;

  void operator()(const raft::VoteRequest& body) const {
    put_flag(out, body.pre);
    put_flag(out, body.transfer);
    put_varint(out, body.last_index.v);
    put_varint(out, body.last_term.v);
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

Status read_ids(Reader* in, std::vector<raft::NodeId>* ids) {
  const std::uint64_t count = in->varint();
  if (count > kMembersMax || count > in->left() / sizeof(std::uint64_t)) {
    return fail(Code::invalid_argument, "peer message: a list of " + std::to_string(count) +
                                            " members does not fit (limit " + std::to_string(kMembersMax) +
                                            ")");
  }
  ids->reserve(static_cast<std::size_t>(count));
  for (std::uint64_t i = 0; i < count; ++i) ids->emplace_back(in->fixed<std::uint64_t>());
  return {};
}

Result<raft::SnapshotMeta> read_meta(Reader* in) {
  raft::SnapshotMeta meta;
  meta.index = take<raft::Index>(in);
  meta.term = take<raft::Term>(in);
  TRY(read_ids(in, &meta.members.voters));
  TRY(read_ids(in, &meta.members.voters_old));
  TRY(read_ids(in, &meta.members.learners));
  TRY(read_ids(in, &meta.members.learners_next));
  meta.members.auto_leave = in->flag();
  return meta;
}

Result<raft::AppendRequest> read_append(Reader* in) {
  raft::AppendRequest body;
  body.prev_index = take<raft::Index>(in);
  body.prev_term = take<raft::Term>(in);
  body.commit = take<raft::Index>(in);
  body.read_round = in->varint();
  const std::uint64_t count = in->varint();
  if (count > kEntriesMax || count > in->left() / kEntryBytesMin) {
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

Result<raft::Body> read_body(Kind kind, Reader* in) {
  switch (kind) {
    case Kind::vote_request: {
      raft::VoteRequest body;
      body.pre = in->flag();
      body.transfer = in->flag();
      body.last_index = take<raft::Index>(in);
      body.last_term = take<raft::Term>(in);
      return body;
    }
    case Kind::vote_reply: {
      raft::VoteReply body;
      body.pre = in->flag();
      body.granted = in->flag();
      return body;
    }
    case Kind::append_request:
      return TRY(read_append(in));
    case Kind::append_reply: {
      raft::AppendReply body;
      body.ok = in->flag();
      body.match = take<raft::Index>(in);
      body.hint = take<raft::Index>(in);
      body.hint_term = take<raft::Term>(in);
      body.read_round = in->varint();
      return body;
    }
    case Kind::snapshot_offer:
      return raft::SnapshotOffer{TRY(read_meta(in))};
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
  std::visit(BodyEncoder{out}, message.body);
}

Result<raft::Message> decode_message(std::string_view bytes) {
  Reader in(bytes);
  const auto kind = static_cast<Kind>(in.fixed<std::uint8_t>());
  raft::Message message;
  message.from = raft::NodeId(in.fixed<std::uint64_t>());
  message.to = raft::NodeId(in.fixed<std::uint64_t>());
  message.term = take<raft::Term>(&in);
  message.body = TRY(read_body(kind, &in));
  if (!in.complete()) {
    return fail(Code::invalid_argument,
                "peer message of kind " + std::to_string(static_cast<unsigned>(kind)) +
                    (in.ok() ? " has bytes left over" : " ends early or has a bad field"));
  }
  return message;
}

}  // namespace cairn::peer
