// The bytes of command.Command, command.Batch and command.PeerNote, written without building messages: the
// client's request is copied once, into its place. See docs/format/command.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "node/requests.h"
#include "raft/types.h"

namespace cairn::node {

struct CommandHeader {
  std::uint64_t request_id = 0;
  std::int64_t time_unix_ms = 0;
  std::string_view idempotency_key;
  std::int64_t idempotency_revision = 0;
};

// Appends one Command to a serialized Batch. Batches may be concatenated: that is protobuf's rule for
// repeated fields.
void append_command(const CommandHeader& header, CommandKind kind, std::string_view request,
                    std::string* batch);

// How an entry begins: only a leader writes this, in front of the commands of all members.
std::string entry_head(std::uint64_t leader_elapsed_ms);

// `term`: the leader's, in which alone the commands may be proposed.
Bytes forward_note(raft::Term term, std::string_view batch);
// The commands of that batch were not proposed and never will be.
Bytes refusal_note(raft::Term term, std::string_view batch, const Error& why);

// A note from another member, decoded. Malformed bytes give kind none.
struct Note {
  enum class Kind { none, forward, refusal };
  Kind kind = Kind::none;
  raft::Term term;
  std::string batch;                       // forward: to be proposed as it is
  std::vector<std::uint64_t> request_ids;  // refusal
  Error why;                               // refusal
};
Note parse_note(std::string_view note);

}  // namespace cairn::node
