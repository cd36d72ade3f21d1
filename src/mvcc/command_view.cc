#include "mvcc/command_view.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstdint>
#include <limits>

#include "base/codec.h"
#include "proto/command.pb.h"

namespace cairn::mvcc {
namespace {

using command::Command;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr auto kBatchBytesMax = static_cast<std::size_t>(std::numeric_limits<int>::max());

constexpr std::uint32_t delimited(int field) {
  return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
}
constexpr std::uint32_t number(int field) {
  return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_VARINT);
}

// The bytes of a length-delimited field, in place.
bool read_span(CodedInputStream* in, std::string_view bytes, std::string_view* span) {
  std::uint32_t size = 0;
  if (!in->ReadVarint32(&size)) return false;
  const auto at = static_cast<std::size_t>(in->CurrentPosition());
  if (size > bytes.size() - at) return false;
  *span = bytes.substr(at, size);
  return in->Skip(static_cast<int>(size));
}

CodedInputStream reader_of(std::string_view bytes) {
  return CodedInputStream(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                          static_cast<int>(bytes.size()));
}

// What it says beyond that may be what matters: then it is nobody that we know.
Caller read_caller(std::string_view bytes) {
  using command::Caller;
  mvcc::Caller caller;
  bool is_cluster = false;
  CodedInputStream in = reader_of(bytes);
  while (const std::uint32_t tag = in.ReadTag()) {
    bool good = false;
    if (tag == delimited(Caller::kUserFieldNumber)) good = read_span(&in, bytes, &caller.user);
    if (tag == number(Caller::kAuthRevisionFieldNumber)) good = in.ReadVarint64(&caller.auth_revision);
    if (std::uint64_t flag = 0; tag == number(Caller::kClusterFieldNumber))
      good = is_cluster = in.ReadVarint64(&flag) && flag == 1;
    if (!good) return {.kind = mvcc::Caller::Kind::unknown};
  }
  const bool is_user = !caller.user.empty();
  if (!in.ConsumedEntireMessage() || is_user == is_cluster || (is_cluster && caller.auth_revision != 0))
    return {.kind = mvcc::Caller::Kind::unknown};
  caller.kind = is_user ? mvcc::Caller::Kind::user : mvcc::Caller::Kind::cluster;
  return caller;
}

bool read_lease(std::string_view bytes, LeaseChoice* lease) {
  CodedInputStream in = reader_of(bytes);
  while (const std::uint32_t tag = in.ReadTag()) {
    std::uint64_t value = 0;
    bool good = false;
    if (tag == number(command::LeaseChoice::kIdFieldNumber)) {
      good = in.ReadVarint64(&value);
      lease->id = static_cast<std::int64_t>(value);
    } else if (tag == number(command::LeaseChoice::kTtlFieldNumber)) {
      good = in.ReadVarint64(&value);
      lease->ttl_s = static_cast<std::int64_t>(value);
    } else {
      good = WireFormatLite::SkipField(&in, tag);
    }
    if (!good) return false;
  }
  return in.ConsumedEntireMessage();
}

constexpr bool is_request(std::uint32_t tag) {
  return tag >= delimited(static_cast<int>(kFirstCommandField)) &&
         tag < delimited(static_cast<int>(CommandKind::end)) &&
         (tag & 7) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
}

bool read_field(CodedInputStream* in, std::uint32_t tag, std::string_view bytes, CommandView* command) {
  switch (tag) {
    case number(Command::kRequestIdFieldNumber):
      return in->ReadVarint64(&command->request_id);
    case number(Command::kTimeUnixMsFieldNumber): {
      std::uint64_t time = 0;
      if (!in->ReadVarint64(&time)) return false;
      command->time_unix_ms = static_cast<std::int64_t>(time);
      return true;
    }
    case number(Command::kIdempotencyRevisionFieldNumber): {
      std::uint64_t revision = 0;
      if (!in->ReadVarint64(&revision)) return false;
      command->idempotency_revision = static_cast<std::int64_t>(revision);
      return true;
    }
    case delimited(Command::kIdempotencyKeyFieldNumber):
      return read_span(in, bytes, &command->idempotency_key);
    case delimited(Command::kCallerFieldNumber): {
      std::string_view caller;
      if (!read_span(in, bytes, &caller)) return false;
      // protobuf would merge two of them.
      const bool first = command->caller.kind == Caller::Kind::anybody;
      command->caller = first ? read_caller(caller) : Caller{.kind = Caller::Kind::unknown};
      return true;
    }
    case number(Command::kOnlyInTermFieldNumber):
      return in->ReadVarint64(&command->only_in_term);
    case number(Command::kAnswerBytesMaxFieldNumber):
      return in->ReadVarint64(&command->answer_bytes_max);
    case number(Command::kAnswersMakeRoomFieldNumber): {
      std::uint64_t make_room = 0;
      if (!in->ReadVarint64(&make_room)) return false;
      command->answers_make_room = make_room != 0;
      return true;
    }
    case delimited(Command::kLeaseFieldNumber): {
      std::string_view lease;
      return read_span(in, bytes, &lease) && read_lease(lease, &command->lease);
    }
    default:
      if (!is_request(tag)) return WireFormatLite::SkipField(in, tag);
      command->kind = static_cast<CommandKind>(WireFormatLite::GetTagFieldNumber(tag));
      return read_span(in, bytes, &command->request);
  }
}

std::optional<CommandView> read_command(std::string_view bytes) {
  CommandView command;
  command.bytes = bytes;
  CodedInputStream in = reader_of(bytes);
  while (const std::uint32_t tag = in.ReadTag())
    if (!read_field(&in, tag, bytes, &command)) return std::nullopt;
  if (!in.ConsumedEntireMessage()) return std::nullopt;
  return command;
}

}  // namespace

void append(const CommandView& command, std::string* batch) {
  codec::put_varint(batch, delimited(command::Batch::kCommandsFieldNumber));
  codec::put_varint(batch, command.bytes.size());
  batch->append(command.bytes);
}

CommandReader::CommandReader(std::string_view batch) : rest_(batch) {
  if (rest_.empty() || rest_.size() > kBatchBytesMax) return;
  CodedInputStream in = reader_of(rest_);
  std::uint64_t elapsed = 0;
  if (in.ReadTag() != number(command::Batch::kLeaderElapsedMsFieldNumber) || !in.ReadVarint64(&elapsed))
    return;
  leader_elapsed_ms_ = elapsed;
  rest_.remove_prefix(static_cast<std::size_t>(in.CurrentPosition()));
}

std::optional<CommandView> CommandReader::next() {
  if (rest_.size() > kBatchBytesMax) return std::nullopt;
  CodedInputStream in = reader_of(rest_);
  while (const std::uint32_t tag = in.ReadTag()) {
    if (tag != delimited(command::Batch::kCommandsFieldNumber)) {
      if (!WireFormatLite::SkipField(&in, tag)) break;
      continue;
    }
    std::string_view bytes;
    if (!read_span(&in, rest_, &bytes)) break;
    const std::optional<CommandView> command = read_command(bytes);
    if (!command) break;
    rest_.remove_prefix(static_cast<std::size_t>(in.CurrentPosition()));
    return command;
  }
  rest_ = {};
  return std::nullopt;
}

}  // namespace cairn::mvcc
