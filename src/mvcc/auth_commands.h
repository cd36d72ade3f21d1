// Auth commands: requests about users and roles against the state, with etcd's answers. As all that is
// applied: a refusal leaves nothing behind. Passwords are hashed before: a command that holds one is refused.
#pragma once

#include "mvcc/outcome.h"
#include "mvcc/storage.h"

namespace etcdserverpb {
class AuthDisableRequest;
class AuthEnableRequest;
class AuthRoleAddRequest;
class AuthRoleDeleteRequest;
class AuthRoleGrantPermissionRequest;
class AuthRoleRevokePermissionRequest;
class AuthUserAddRequest;
class AuthUserChangePasswordRequest;
class AuthUserDeleteRequest;
class AuthUserGrantRoleRequest;
class AuthUserRevokeRoleRequest;
}  // namespace etcdserverpb
namespace cairn::command {
class Login;
}

namespace cairn::mvcc {

Status change_auth(Storage* to, const etcdserverpb::AuthEnableRequest& request);
Status change_auth(Storage* to, const etcdserverpb::AuthDisableRequest& request);
Status change_auth(Storage* to, const etcdserverpb::AuthUserAddRequest& request);
Status change_auth(Storage* to, const etcdserverpb::AuthUserDeleteRequest& request);
Status change_auth(Storage* to, const etcdserverpb::AuthUserChangePasswordRequest& request);
Status change_auth(Storage* to, const etcdserverpb::AuthUserGrantRoleRequest& request);
Status change_auth(Storage* to, const etcdserverpb::AuthUserRevokeRoleRequest& request);
Status change_auth(Storage* to, const etcdserverpb::AuthRoleAddRequest& request);
Status change_auth(Storage* to, const etcdserverpb::AuthRoleDeleteRequest& request);
Status change_auth(Storage* to, const etcdserverpb::AuthRoleGrantPermissionRequest& request);
Status change_auth(Storage* to, const etcdserverpb::AuthRoleRevokePermissionRequest& request);
Status change_auth(Storage* to, const command::Login& request);

}  // namespace cairn::mvcc
