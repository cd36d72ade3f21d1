// CommandView: one command of a batch, its header read and its request left as the client's bytes. Reading a
// whole command::Batch would build and destroy every message of it, which costs more than applying a put.
// See docs/format/command.md. A view points into the batch. Depth and lengths: protobuf's own reader checks
// them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mvcc/caller.h"
#include "mvcc/command_kind.h"
#include "mvcc/lease_info.h"

namespace cairn::mvcc {

struct CommandView {
  std::uint64_t request_id = 0;
  std::int64_t time_unix_ms = 0;
  std::string_view idempotency_key;
  std::int64_t idempotency_revision = 0;  // 0: none
  Caller caller;
  std::uint64_t only_in_term = 0;      // applies as nothing in an entry of any other; 0: in all
  std::uint64_t answer_bytes_max = 0;  // refused beyond; 0: no bound
  bool answers_make_room = false;      // for its key
  LeaseChoice lease;
  CommandKind kind{};        // 0: none that we know
  std::string_view request;  // serialized
  std::string_view bytes;    // all of it
};

// Into another batch, as it is, with whatever later versions have put into it.
void append(const CommandView& command, std::string* batch);

// Takes commands off the front of a serialized Batch.
class CommandReader {
 public:
  explicit CommandReader(std::string_view batch);
  // What the leader wrote in front of the commands; nothing in a batch that no leader has made an entry of.
  std::optional<std::uint64_t> leader_elapsed_ms() const { return leader_elapsed_ms_; }
  // The next one, or nothing at the end and where the bytes stop being a batch.
  std::optional<CommandView> next();

 private:
  std::string_view rest_;
  std::optional<std::uint64_t> leader_elapsed_ms_;
};

}  // namespace cairn::mvcc
