// Auth: users, roles and logins as commands change them, by etcd's rules. Every change makes a new AuthState
// (auth_state.h), which views and others share; a refused one leaves all as it was. Threading: one writer.
// Bounds: Limits, of users, roles, what each has, and tokens.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mvcc/auth_state.h"
#include "mvcc/limits.h"

namespace cairn::mvcc {

class Auth {
 public:
  explicit Auth(const Limits& limits) : limits_(limits) {}
  const std::shared_ptr<const AuthState>& all() const { return all_; }
  bool enabled() const { return enabled_; }  // beside the state: asked of every command

  Status enable();
  Status disable();  // ends all logins
  Status add_user(const std::string& name, const std::string& password_hash);
  Status delete_user(std::string_view name);
  Status change_password(const std::string& name, const std::string& password_hash);
  Status grant_role(const std::string& user, const std::string& role);
  Status revoke_role(const std::string& user, std::string_view role);
  Status add_role(const std::string& name);
  Status delete_role(std::string_view name);
  Status grant_permission(const std::string& role, const Permission& permission);
  Status revoke_permission(const std::string& role, std::string_view key, std::string_view range_end);

  struct Login {
    std::string_view user;
    std::uint64_t password_revision = 0;
    TokenHash token{};
  };
  Status log_in(const Login& login, std::int64_t clock_ms);

  // Nothing has ever been changed: states of versions that knew no users have such hashes.
  bool untouched() const { return all_->revision == 1; }
  std::uint64_t hash() const { return hash_; }
  std::uint64_t size_bytes() const { return bytes_; }
  // Of a saved state: as a whole. False: it contradicts itself.
  bool load(AuthState loaded);

 private:
  struct Sums {  // over what there is
    std::uint64_t hash = 0, bytes = 0;
  };
  Status change(Accounts accounts, Sums sums);
  Status put_user(const std::string& name, User user);
  Status put_role(const std::string& name, Role role);
  Sums without(const User* user, std::string_view name) const;
  Sums without(const Role* role, std::string_view name) const;
  void end_logins(std::string_view user);
  void set(AuthState state);

  const Limits limits_;
  std::shared_ptr<const AuthState> all_ = std::make_shared<AuthState>();
  bool enabled_ = false;
  Sums sums_;                     // of the accounts
  std::uint64_t token_hash_ = 0;  // the sum of the tokens'
  std::uint64_t hash_ = 0, bytes_ = 0;
};

}  // namespace cairn::mvcc
