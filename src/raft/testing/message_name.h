// The names of messages, in the outputs of scenarios and the traces of simulations.
#pragma once

#include <variant>

#include "base/match.h"
#include "raft/types.h"

namespace cairn::raft::testing {

inline const char* message_name(const Body& body) {
  return std::visit(
      Match{[](const VoteRequest& m) { return m.pre ? "pre-vote-request" : "vote-request"; },
            [](const VoteReply& m) { return m.pre ? "pre-vote-reply" : "vote-reply"; },
            [](const AppendRequest&) { return "append"; }, [](const AppendReply&) { return "append-reply"; },
            [](const SnapshotOffer&) { return "snapshot"; },
            [](const SnapshotReply&) { return "snapshot-reply"; },
            [](const TimeoutNow&) { return "timeout-now"; },
            [](const ReadIndexRequest&) { return "read-request"; },
            [](const ReadIndexReply&) { return "read-reply"; }, [](const StartSeen&) { return "start-seen"; },
            [](const Started&) { return "started"; }},
      body);
}

}  // namespace cairn::raft::testing
