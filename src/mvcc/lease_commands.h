// Lease commands: granting, revoking, and what leaders say of time, against the state. As all that is
// applied: a refusal leaves nothing behind.
#pragma once

#include "mvcc/execute.h"

namespace etcdserverpb {
class LeaseGrantRequest;
}
namespace cairn::command {
class CheckpointLeases;
class RevokeLeases;
}  // namespace cairn::command

namespace cairn::mvcc {

// Beside the request its proposer says an id, for 0, and the least TTL.
Outcome grant_lease(Storage* to, const etcdserverpb::LeaseGrantRequest& request, const Answering& how);
// The keys of each lease go in a revision of their own, in order. The client's lease has to exist; what a
// leader has seen expire may be gone, or another one of the same id by now, and is then left alone.
Outcome revoke_leases(Storage* to, const command::RevokeLeases& request);
Outcome checkpoint_leases(Storage* to, const command::CheckpointLeases& request);

}  // namespace cairn::mvcc
