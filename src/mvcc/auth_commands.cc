#include "mvcc/auth_commands.h"

#include <algorithm>
#include <string>

#include "etcd/reasons.h"
#include "proto/command.pb.h"

namespace cairn::mvcc {
namespace {

Status no_password(const std::string& password) {
  if (password.empty()) return {};
  return fail(Code::invalid_argument, "cairn: the command holds a password: only its hash is logged");
}

}  // namespace

Status change_auth(Storage* to, const etcdserverpb::AuthEnableRequest&) { return to->auth.enable(); }

Status change_auth(Storage* to, const etcdserverpb::AuthDisableRequest&) { return to->auth.disable(); }

Status change_auth(Storage* to, const etcdserverpb::AuthUserAddRequest& request) {
  TRY(no_password(request.password()));
  return to->auth.add_user(request.name(), request.hashedpassword());
}

Status change_auth(Storage* to, const etcdserverpb::AuthUserDeleteRequest& request) {
  return to->auth.delete_user(request.name());
}

Status change_auth(Storage* to, const etcdserverpb::AuthUserChangePasswordRequest& request) {
  TRY(no_password(request.password()));
  return to->auth.change_password(request.name(), request.hashedpassword());
}

Status change_auth(Storage* to, const etcdserverpb::AuthUserGrantRoleRequest& request) {
  return to->auth.grant_role(request.user(), request.role());
}

Status change_auth(Storage* to, const etcdserverpb::AuthUserRevokeRoleRequest& request) {
  return to->auth.revoke_role(request.name(), request.role());
}

Status change_auth(Storage* to, const etcdserverpb::AuthRoleAddRequest& request) {
  return to->auth.add_role(request.name());
}

Status change_auth(Storage* to, const etcdserverpb::AuthRoleDeleteRequest& request) {
  return to->auth.delete_role(request.role());
}

Status change_auth(Storage* to, const etcdserverpb::AuthRoleGrantPermissionRequest& request) {
  if (!request.has_perm()) return fail(Reason::permission_not_given);
  const authpb::Permission& given = request.perm();
  if (given.permtype() < authpb::Permission::READ || given.permtype() > authpb::Permission::READWRITE)
    return fail(Reason::invalid_auth_management);
  return to->auth.grant_permission(
      request.name(),
      {.grant = static_cast<Grant>(given.permtype()), .key = given.key(), .range_end = given.range_end()});
}

Status change_auth(Storage* to, const etcdserverpb::AuthRoleRevokePermissionRequest& request) {
  return to->auth.revoke_permission(request.role(), request.key(), request.range_end());
}

Status change_auth(Storage* to, const command::Login& request) {
  Auth::Login login{.user = request.user(), .password_revision = request.password_revision()};
  if (request.token_hash().size() != login.token.size())
    return fail(Code::invalid_argument, "cairn: the login brings no hash of a token");
  std::copy(request.token_hash().begin(), request.token_hash().end(), login.token.begin());
  return to->auth.log_in(login, to->sessions.counters().clock_ms);
}

}  // namespace cairn::mvcc
