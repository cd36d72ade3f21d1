// The bytes of command.Command, command.Batch and note.Note, of commands without building messages: the
// client's request is copied once, into its place. See docs/format/command.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "mvcc/caller.h"
#include "node/question.h"
#include "node/requests.h"
#include "raft/types.h"

namespace cairn::node {

struct CommandHeader {
  std::uint64_t request_id = 0;
  std::int64_t time_unix_ms = 0;
  std::string_view idempotency_key{};
  std::int64_t idempotency_revision = 0;
  mvcc::Caller caller = {};
  std::uint64_t only_in_term = 0;      // 0: in any
  std::uint64_t answer_bytes_max = 0;  // 0: no bound
  mvcc::LeaseChoice lease{};
};

// Appends one Command to a serialized Batch. Batches may be concatenated: that is protobuf's rule for
// repeated fields.
void append_command(const CommandHeader& header, CommandKind kind, std::string_view request,
                    std::string* batch);

// How an entry begins: only a leader writes this, in front of the commands of all members.
std::string entry_head(std::uint64_t leader_elapsed_ms);

// ---- what is said between the nodes of two members: proto/note.proto ----
// Another member's writes. Bounded by the frames of the peer protocol; the batch holds commands and nothing
// else, each of which can be read.
struct ForwardedWrites {
  Bytes note;              // holds the batch
  std::string_view batch;  // to be proposed as it is
  raft::Term term;         // the leader's, in which alone it may be proposed
};
// They were not proposed, and never will be.
struct RefusedWrites {
  std::vector<std::uint64_t> request_ids;
  raft::Term term;  // that they were forwarded to
  Error why;
};
struct Question {
  std::uint64_t id = 0;
  raft::Term term;  // of the leader that is asked
  QuestionKind kind = 0;
  std::string_view body;
};
struct Answer {
  std::uint64_t id = 0;
  raft::Term term;
  std::optional<NoAnswer> refusal;
  std::string body;
};
// monostate: bytes that are none of these.
using Note = std::variant<std::monostate, ForwardedWrites, RefusedWrites, Question, Answer>;

Bytes forward_note(raft::Term term, std::string_view batch);
Bytes refusal_note(raft::Term term, std::string_view batch, const Error& why);
Bytes question_note(const Question& question);
Bytes answer_note(const Answer& answer);
// What it points to lies in `bytes`; nothing of a batch is copied.
Note parse_note(const Bytes& bytes);

}  // namespace cairn::node
