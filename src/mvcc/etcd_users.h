// Users and roles as etcd has them in its database file: the buckets auth, authRoles and authUsers. Logins
// are not among them. Reading trusts nothing; bounds are those of Auth, which loads what was read.
#pragma once

#include <string_view>

#include "base/result.h"
#include "bbolt/writer.h"
#include "mvcc/auth_state.h"

namespace cairn::mvcc {

// The three buckets; empty ones while there has never been a user.
void put_users(const AuthState& auth, bbolt::Writer* writer);

// Gathers them again, each entry as it comes. The accounts refer to it.
class UsersInFile {
 public:
  // Of whatever bucket; others are passed over. False: it is none that makes sense.
  bool take(std::string_view bucket, std::string_view key, std::string_view value);
  AuthState state() const;
  std::size_t users() const { return accounts_.users.size(); }
  std::uint64_t revision() const { return revision_; }
  bool asked_for() const { return enabled_; }

 private:
  bool take_user(std::string_view name, std::string_view value);
  bool take_role(std::string_view name, std::string_view value);

  bool enabled_ = false;
  std::uint64_t revision_ = 1;
  Accounts accounts_;
};

}  // namespace cairn::mvcc
