#include "node/command_codec.h"

#include <algorithm>
#include <climits>
#include <iterator>

#include "base/check.h"
#include "base/codec.h"
#include "etcd/reasons.h"
#include "mvcc/command_view.h"
#include "proto/command.pb.h"
#include "proto/note.pb.h"

namespace cairn::node {
namespace {

using codec::put_varint;
using codec::varint_size;

// Wire types.
constexpr std::uint32_t kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5;

constexpr std::uint64_t tag(std::uint32_t field, std::uint32_t wire_type) { return field << 3U | wire_type; }

std::size_t delimited_size(std::uint32_t field, std::size_t size) {
  return varint_size(tag(field, kLengthDelimited)) + varint_size(size) + size;
}

void put_delimited_head(std::uint32_t field, std::size_t size, std::string* out) {
  put_varint(out, tag(field, kLengthDelimited));
  put_varint(out, size);
}

struct Field {
  std::uint32_t number = 0, wire_type = 0;
  std::uint64_t value = 0;  // of a varint
  std::string_view bytes;   // of what is length-delimited
};

// The fields of any message.
class FieldReader {
 public:
  explicit FieldReader(std::string_view message) : reader_(message) {}
  // Nothing at the end, and where the bytes are none of a message.
  std::optional<Field> next() {
    if (!ok_ || reader_.left() == 0) return std::nullopt;
    const std::uint64_t head = reader_.varint();
    Field field{static_cast<std::uint32_t>(head >> 3U), static_cast<std::uint32_t>(head & 7U), 0, {}};
    ok_ = field.number != 0 && head >> 32U == 0 && read_value(&field) && reader_.ok();
    return ok_ ? std::optional(field) : std::nullopt;
  }
  bool complete() const { return ok_ && reader_.complete(); }

 private:
  bool read_value(Field* field) {
    switch (field->wire_type) {
      case kVarint:
        field->value = reader_.varint();
        return true;
      case kFixed64:
        reader_.bytes(8);
        return true;
      case kLengthDelimited:
        field->bytes = reader_.bytes(reader_.varint());
        return true;
      case kFixed32:
        reader_.bytes(4);
        return true;
      default:
        return false;
    }
  }

  codec::Reader reader_;
  bool ok_ = true;
};

// What is proposed beside others' commands has to end where it says, and what holds for the whole entry, such
// as the time, is the leader's to tell, whoever forwards.
bool holds_commands_only(std::string_view batch) {
  FieldReader fields(batch);
  mvcc::CommandReader commands(batch);
  while (const auto field = fields.next()) {
    const bool is_command =
        field->number == command::Batch::kCommandsFieldNumber && field->wire_type == kLengthDelimited;
    if (!is_command || !commands.next()) return false;
  }
  return fields.complete();
}

template <class Message>
bool parse(std::string_view bytes, Message* message) {
  return bytes.size() <= INT_MAX && message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

Note read_refusal(std::string_view bytes, raft::Term term) {
  note::ForwardReply reply;
  if (!parse(bytes, &reply)) return {};
  return RefusedWrites{{reply.request_ids().begin(), reply.request_ids().end()},
                       term,
                       etcd::error_of(static_cast<Code>(reply.code()), reply.message())};
}

Note read_question(std::string_view bytes, raft::Term term) {
  Question question;
  question.term = term;
  FieldReader fields(bytes);
  while (const auto field = fields.next()) {
    if (field->number == note::Question::kIdFieldNumber) question.id = field->value;
    if (field->number == note::Question::kKindFieldNumber)
      question.kind = static_cast<QuestionKind>(field->value);
    if (field->number == note::Question::kBodyFieldNumber) question.body = field->bytes;
  }
  if (!fields.complete()) return {};
  return question;
}

// The refusals that a leader gives, by their numbers in note.Answer.
constexpr NoAnswer kRefusals[] = {NoAnswer::not_leader, NoAnswer::too_many, NoAnswer::unknown_kind};

std::uint32_t number_of(NoAnswer refusal) {
  const auto* const found = std::find(std::begin(kRefusals), std::end(kRefusals), refusal);
  CHECK(found != std::end(kRefusals));
  return static_cast<std::uint32_t>(found - std::begin(kRefusals)) + 1;
}

Note read_answer(std::string_view bytes, raft::Term term) {
  note::Answer message;
  if (!parse(bytes, &message)) return {};
  Answer answer{message.id(), term, std::nullopt, message.body()};
  if (message.refusal() > std::size(kRefusals)) return {};  // of a later version: as if none had come
  if (message.refusal() > 0) answer.refusal = kRefusals[message.refusal() - 1];
  return answer;
}

std::size_t caller_size(const mvcc::Caller& caller) {
  switch (caller.kind) {
    case mvcc::Caller::Kind::anybody:
      return 0;
    case mvcc::Caller::Kind::user:
      return delimited_size(command::Caller::kUserFieldNumber, caller.user.size()) +
             (caller.auth_revision != 0 ? 1 + varint_size(caller.auth_revision) : 0);
    case mvcc::Caller::Kind::cluster:
      return 2;
    case mvcc::Caller::Kind::unknown:
      break;
  }
  CHECK(false);  // nobody proposes for whom they do not know
}

// Nothing chosen, no byte.
std::string encoded(const mvcc::LeaseChoice& lease) {
  std::string bytes;
  if (lease.id != 0) {
    put_varint(&bytes, tag(command::LeaseChoice::kIdFieldNumber, 0));
    put_varint(&bytes, static_cast<std::uint64_t>(lease.id));
  }
  if (lease.ttl_s != 0) {
    put_varint(&bytes, tag(command::LeaseChoice::kTtlFieldNumber, 0));
    put_varint(&bytes, static_cast<std::uint64_t>(lease.ttl_s));
  }
  return bytes;
}

void put_caller(const mvcc::Caller& caller, std::string* out) {
  if (caller.kind == mvcc::Caller::Kind::cluster) {
    put_varint(out, tag(command::Caller::kClusterFieldNumber, 0));
    return put_varint(out, 1);
  }
  put_delimited_head(command::Caller::kUserFieldNumber, caller.user.size(), out);
  out->append(caller.user);
  if (caller.auth_revision == 0) return;
  put_varint(out, tag(command::Caller::kAuthRevisionFieldNumber, 0));
  put_varint(out, caller.auth_revision);
}

}  // namespace

void append_command(const CommandHeader& header, CommandKind kind, std::string_view request,
                    std::string* batch) {
  using command::Command;
  const auto kind_field = static_cast<std::uint32_t>(kind);
  const auto time = static_cast<std::uint64_t>(header.time_unix_ms);
  std::size_t size = 1 + varint_size(header.request_id) + 1 + varint_size(time);
  if (!header.idempotency_key.empty())
    size += delimited_size(Command::kIdempotencyKeyFieldNumber, header.idempotency_key.size()) + 2;
  const auto revision = static_cast<std::uint64_t>(header.idempotency_revision);
  if (revision != 0) size += 1 + varint_size(revision);
  const std::size_t caller = caller_size(header.caller);
  if (caller != 0) size += delimited_size(Command::kCallerFieldNumber, caller);
  if (header.only_in_term != 0) size += 1 + varint_size(header.only_in_term);
  if (header.answer_bytes_max != 0) size += 1 + varint_size(header.answer_bytes_max);
  const std::string lease = encoded(header.lease);
  if (!lease.empty()) size += delimited_size(Command::kLeaseFieldNumber, lease.size());
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
  if (caller != 0) {
    put_delimited_head(Command::kCallerFieldNumber, caller, batch);
    put_caller(header.caller, batch);
  }
  if (header.only_in_term != 0) {
    put_varint(batch, tag(Command::kOnlyInTermFieldNumber, 0));
    put_varint(batch, header.only_in_term);
  }
  if (header.answer_bytes_max != 0) {
    put_varint(batch, tag(Command::kAnswerBytesMaxFieldNumber, 0));
    put_varint(batch, header.answer_bytes_max);
  }
  if (!header.idempotency_key.empty()) {
    put_varint(batch, tag(Command::kAnswersMakeRoomFieldNumber, 0));
    put_varint(batch, 1);
  }
  if (!lease.empty()) {
    put_delimited_head(Command::kLeaseFieldNumber, lease.size(), batch);
    batch->append(lease);
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
  put_delimited_head(note::Note::kForwardFieldNumber, batch.size(), &note);
  note.append(batch);
  put_varint(&note, tag(note::Note::kTermFieldNumber, 0));
  put_varint(&note, term.v);
  return make_bytes(std::move(note));
}

Bytes refusal_note(raft::Term term, std::string_view batch, const Error& why) {
  note::Note message;
  message.set_term(term.v);
  note::ForwardReply* reply = message.mutable_forward_reply();
  mvcc::CommandReader commands(batch);
  while (const auto command = commands.next()) reply->add_request_ids(command->request_id);
  reply->set_code(static_cast<int>(why.code));
  reply->set_message(why.message);
  return make_bytes(message.SerializeAsString());
}

Bytes question_note(const Question& question) {
  note::Note message;
  message.set_term(question.term.v);
  message.mutable_question()->set_id(question.id);
  message.mutable_question()->set_kind(question.kind);
  message.mutable_question()->set_body(std::string(question.body));
  return make_bytes(message.SerializeAsString());
}

Bytes answer_note(const Answer& answer) {
  note::Note message;
  message.set_term(answer.term.v);
  message.mutable_answer()->set_id(answer.id);
  if (answer.refusal) message.mutable_answer()->set_refusal(number_of(*answer.refusal));
  message.mutable_answer()->set_body(answer.body);
  return make_bytes(message.SerializeAsString());
}

Note parse_note(const Bytes& bytes) {
  constexpr auto is = [](const Field& field, int number) {
    return field.number == static_cast<std::uint32_t>(number);
  };
  raft::Term term;
  Field what{};
  FieldReader fields(*bytes);
  while (const auto field = fields.next()) {
    if (is(*field, note::Note::kTermFieldNumber))
      term = raft::Term{field->value};
    else if (field->wire_type == kLengthDelimited)
      what = *field;  // the last one counts, as with any oneof
  }
  if (!fields.complete()) return {};
  if (is(what, note::Note::kForwardFieldNumber)) {
    if (!holds_commands_only(what.bytes)) return {};
    return ForwardedWrites{bytes, what.bytes, term};
  }
  if (is(what, note::Note::kForwardReplyFieldNumber)) return read_refusal(what.bytes, term);
  if (is(what, note::Note::kQuestionFieldNumber)) return read_question(what.bytes, term);
  if (is(what, note::Note::kAnswerFieldNumber)) return read_answer(what.bytes, term);
  return {};
}

}  // namespace cairn::node
