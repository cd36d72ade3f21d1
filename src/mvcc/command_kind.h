// CommandKind: what a command asks for, by the field of command.Command that holds its request. Each has a
// row in mvcc/commands.cc, without which nothing builds.
#pragma once

#include <cstdint>

namespace cairn::mvcc {

enum class CommandKind : std::uint32_t {
  put = 10,
  delete_range = 11,
  txn = 12,
  compaction = 13,
  publish = 14,
  lease_grant = 15,
  lease_revoke = 16,
  lease_checkpoint = 17,
  alarm = 18,
  auth_enable = 19,
  auth_disable = 20,
  user_add = 21,
  user_delete = 22,
  user_change_password = 23,
  user_grant_role = 24,
  user_revoke_role = 25,
  role_add = 26,
  role_delete = 27,
  role_grant_permission = 28,
  role_revoke_permission = 29,
  login = 30,
  end  // the first number that is none
};

constexpr std::uint32_t kFirstCommandField = 10;

// Who there is, who may what, and whether anybody is asked. A login is none: it lets nobody do more.
constexpr bool changes_users(CommandKind kind) {
  return kind >= CommandKind::auth_enable && kind <= CommandKind::role_revoke_permission;
}

}  // namespace cairn::mvcc
