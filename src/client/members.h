// Changes of the members, over etcd's JSON gateway, which every member serves.
#pragma once

#include "client/client.h"
#include "client/session.h"

namespace cairn::client {

Answer<MembersNow> change_members(Session* session, const MembersChange& change);

}  // namespace cairn::client
