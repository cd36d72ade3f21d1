// Users and roles, over etcd's JSON gateway, which every member serves.
#pragma once

#include "client/client.h"
#include "client/session.h"

namespace cairn::client {

Answer<UsersTold> ask_users(Session* session, const UsersOrder& order);

}  // namespace cairn::client
