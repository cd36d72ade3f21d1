// What a member proposes for itself: decided as the leader of one term, and in the log of that term or in
// none. Never held for a next leader, never sent again: whoever decides anew knows better.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "mvcc/outcome.h"
#include "node/requests.h"
#include "raft/core.h"

namespace cairn::node {

struct OwnOutcome {
  enum class Kind : std::uint8_t {
    applied,   // as `applied` says: the state may have refused it
    refused,   // it is in no log, for `refusal`
    outlived,  // it was in the log of its term, and never will be committed
    unknown,   // a snapshot was installed that may hold it
  };
  Kind kind = Kind::applied;
  mvcc::Outcome applied{};
  raft::Refusal refusal = raft::Refusal::not_leader;
};

struct OwnProposal {
  CommandKind kind = CommandKind::put;
  std::string request;  // serialized, of that kind
  raft::Term term;      // in which this member led when it decided
  bool frees = false;   // makes room in the end: proposed even when the disks are nearly full
  // Called once, never from within the call that proposes; or destroyed uncalled, with the Node.
  std::function<void(OwnOutcome)> done;
};

}  // namespace cairn::node
