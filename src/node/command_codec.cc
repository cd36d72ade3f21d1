#include "node/command_codec.h"

#include <climits>

#include "base/codec.h"
#include "etcd/reasons.h"
#include "mvcc/command_view.h"
#include "proto/command.pb.h"

namespace cairn::node {
namespace {

using codec::put_varint;
using codec::varint_size;

constexpr std::uint32_t kLengthDelimited = 2;

constexpr std::uint64_t tag(std::uint32_t field, std::uint32_t wire_type) { return field << 3U | wire_type; }

std::size_t delimited_size(std::uint32_t field, std::size_t size) {
  return varint_size(tag(field, kLengthDelimited)) + varint_size(size) + size;
}

void put_delimited_head(std::uint32_t field, std::size_t size, std::string* out) {
  put_varint(out, tag(field, kLengthDelimited));
  put_varint(out, size);
}

}  // namespace

void append_command(const CommandHeader& header, CommandKind kind, std::string_view request,
                    std::string* batch) {
  using command::Command;
  const auto kind_field = static_cast<std::uint32_t>(kind);
  const auto time = static_cast<std::uint64_t>(header.time_unix_ms);
  std::size_t size = 1 + varint_size(header.request_id) + 1 + varint_size(time);
  if (!header.idempotency_key.empty())
    size += delimited_size(Command::kIdempotencyKeyFieldNumber, header.idempotency_key.size());
  const auto revision = static_cast<std::uint64_t>(header.idempotency_revision);
  if (revision != 0) size += 1 + varint_size(revision);
  size += delimited_size(kind_field, request.size());

  put_delimited_head(command::Batch::kCommandsFieldNumber, size, batch);
  put_varint(batch, tag(Command::kRequestIdFieldNumber, 0));
  put_varint(batch, header.request_id);
  put_varint(batch, tag(Command::kTimeUnixMsFieldNumber, 0));
  put_varint(batch, time);
  if (!header.idempotency_key.empty()) {
    put_delimited_head(Command::kIdempotencyKeyFieldNumber, header.idempotency_key.size(), batch);
    batch->append(header.idempotency_key);
  }
  if (revision != 0) {
    put_varint(batch, tag(Command::kIdempotencyRevisionFieldNumber, 0));
    put_varint(batch, revision);
  }
  put_delimited_head(kind_field, request.size(), batch);
  batch->append(request);
}

std::string entry_head(std::uint64_t leader_elapsed_ms) {
  std::string head;
  put_varint(&head, tag(command::Batch::kLeaderElapsedMsFieldNumber, 0));
  put_varint(&head, leader_elapsed_ms);
  return head;
}

Bytes forward_note(raft::Term term, std::string_view batch) {
  std::string note;
  note.reserve(batch.size() + 20);
  put_delimited_head(command::PeerNote::kForwardFieldNumber, batch.size(), &note);
  note.append(batch);
  put_varint(&note, tag(command::PeerNote::kTermFieldNumber, 0));
  put_varint(&note, term.v);
  return make_bytes(std::move(note));
}

Bytes refusal_note(raft::Term term, std::string_view batch, const Error& why) {
  command::PeerNote note;
  note.set_term(term.v);
  command::ForwardReply* reply = note.mutable_forward_reply();
  mvcc::CommandReader commands(batch);
  while (const auto command = commands.next()) reply->add_request_ids(command->request_id);
  reply->set_code(static_cast<int>(why.code));
  reply->set_message(why.message);
  return make_bytes(note.SerializeAsString());
}

Note parse_note(std::string_view bytes) {
  Note note;
  command::PeerNote message;
  if (bytes.size() > INT_MAX || !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return note;
  note.term = raft::Term{message.term()};
  if (message.has_forward()) {
    note.kind = Note::Kind::forward;
    // Time is the leader's to tell, whoever forwards.
    message.mutable_forward()->clear_leader_elapsed_ms();
    note.batch = message.forward().SerializeAsString();
  } else if (message.has_forward_reply()) {
    note.kind = Note::Kind::refusal;
    note.why =
        etcd::error_of(static_cast<Code>(message.forward_reply().code()), message.forward_reply().message());
    const auto& ids = message.forward_reply().request_ids();
    note.request_ids.assign(ids.begin(), ids.end());
  }
  return note;
}

}  // namespace cairn::node
