// Reach: where the members of the configurations that count are reached. A configuration carries a text about
// each member, a serialized command.PublishMember: this is where that becomes addresses. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mvcc/state_machine.h"
#include "peer/peers.h"
#include "raft/types.h"
#include "server/bootstrap.h"

namespace cairn::server {

// The text about a member. Its client URLs are not in it: it publishes them itself.
std::string about_text(const mvcc::MemberInfo& member);

struct Reach {
  std::vector<peer::PeerAddress> peers;  // all members but this one; port 0: nobody says where
  peer::Standing standing;
};
// configurations: raft::Output::configurations. The newest that says something about a member counts. Of whom
// none says anything, `initial` may.
Reach reach_of(raft::NodeId self, const std::vector<raft::Configuration>& configurations,
               const std::vector<BootstrapMember>& initial);

}  // namespace cairn::server
