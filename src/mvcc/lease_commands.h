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

// `choice` is what the proposer says beside the request: an id for 0, and the least TTL.
Outcome grant_lease(Storage* to, const etcdserverpb::LeaseGrantRequest& request, const LeaseChoice& choice,
                    bool with_body);
// The keys of each lease go in a revision of their own, in order. The client's lease has to exist; what a
// leader has seen expire may be gone, or another one of the same id by now, and is then left alone.
Outcome revoke_leases(Storage* to, const command::RevokeLeases& request);
Outcome checkpoint_leases(Storage* to, const command::CheckpointLeases& request);
// Grants that lease and attaches the key to it, both or neither.
Outcome put_with_lease(Storage* to, etcdserverpb::PutRequest* request, const LeaseChoice& choice,
                       const Answering& how);

}  // namespace cairn::mvcc
