// Commands: the table of what can enter the log. One row a kind says everything about it: how it applies,
// what it does to whose keys, whether it may make the state larger. A new command is a row and a function; a
// kind without a row does not build. Batching, forwarding, refusing for lack of space or permission,
// remembering for idempotency keys know no kinds.
//
// Owner: the state machine, for its one thread. What is parsed is parsed into the same messages again and
// again, which then reuse their memory: as much as the largest request of each kind took.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "etcd/effects.h"
#include "mvcc/alarms.h"
#include "mvcc/command_kind.h"
#include "mvcc/command_view.h"
#include "mvcc/outcome.h"

namespace cairn::mvcc {

struct Storage;

// What commands would do, by their requests. What is parsed is parsed into the same messages again and again.
class CommandEffects {
 public:
  CommandEffects();
  ~CommandEffects();

  // Points into the command, and into this until it is asked again. None: bytes that are no request of a
  // known kind.
  Result<etcd::Effects> of(const CommandView& command);

  struct Scratch;
  Scratch* scratch() { return scratch_.get(); }

 private:
  const std::unique_ptr<Scratch> scratch_;
};

class Commands {
 public:
  explicit Commands(Storage* storage) : storage_(storage) {}

  // Parses, checks and applies; false for `with_body` spares the response. A refusal leaves everything as it
  // was.
  Outcome apply(const CommandView& command, bool with_body);
  Result<etcd::Effects> effects(const CommandView& command) { return effects_.of(command); }

 private:
  Storage* const storage_;
  CommandEffects effects_;
};

// Whether the command may make the state larger: what a full disk refuses, so that there is room for the
// rest.
bool may_grow(const CommandView& command);
// What these alarms refuse; before it is in the log or after, the same rule.
std::optional<Reason> refused_by(const Alarms& alarms, const CommandView& command);

}  // namespace cairn::mvcc
