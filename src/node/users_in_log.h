// Users in the log: what a member that is started finds there of users, before it knows what of it counts.
// Pure.
#pragma once

#include <vector>

#include "raft/types.h"

namespace cairn::node {

// The last entry behind this index in which users, roles or permissions change; 0: there is none.
raft::Index last_change_of_users(const std::vector<raft::Entry>& entries, raft::Index behind);

}  // namespace cairn::node
