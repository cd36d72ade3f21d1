// What a configuration says about members (raft::About), which the core does not look into: a serialized
// command.PublishMember. Pure.
#pragma once

#include <optional>
#include <string>

#include "raft/types.h"

namespace cairn::node {

// Whether the leader makes a voter of this learner by itself, once it has caught up.
bool votes_when_ready(const raft::Members& members, raft::NodeId learner);

// `text` about a member of whom something is said already: what an operator has decided for it stays.
std::string updated(const raft::Members& members, raft::NodeId member, const std::string& text);

// Another member that is reached where `text` says that `member` is.
std::optional<raft::NodeId> who_is_reached_there(const raft::Members& members, raft::NodeId member,
                                                 const std::string& text);

}  // namespace cairn::node
