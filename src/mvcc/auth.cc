#include "mvcc/auth.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/reached.h"
#include "etcd/reasons.h"
#include "mvcc/state_hash.h"

namespace cairn::mvcc {
namespace {

std::uint64_t hash_of(std::string_view name, const User& user) {
  StateHash hash;
  hash.add(std::uint64_t{1}).add(name).add(std::string_view(user.password_hash)).add(user.password_revision);
  for (const std::string& role : user.roles) hash.add(std::string_view(role));
  return hash.value();
}

std::uint64_t hash_of(std::string_view name, const Role& role) {
  StateHash hash;
  hash.add(std::uint64_t{2}).add(name);
  for (const Permission& each : role.permissions)
    hash.add(static_cast<std::uint64_t>(each.grant))
        .add(std::string_view(each.key))
        .add(std::string_view(each.range_end));
  return hash.value();
}

std::uint64_t hash_of(const Token& token) {
  return StateHash()
      .add(std::string_view(token.hash.data(), token.hash.size()))
      .add(std::string_view(token.user))
      .add(token.number)
      .add(token.clock_ms)
      .value();
}

std::uint64_t bytes_of(std::string_view name, const User& user) {
  std::uint64_t bytes = name.size() + user.password_hash.size();
  for (const std::string& role : user.roles) bytes += role.size();
  return bytes;
}

std::uint64_t bytes_of(std::string_view name, const Role& role) {
  std::uint64_t bytes = name.size();
  for (const Permission& each : role.permissions) bytes += each.key.size() + each.range_end.size();
  return bytes;
}

auto place_of(const Permission& permission) { return std::tie(permission.key, permission.range_end); }

// From all of them anew: two that overlap may become one that does not.
void merge(Role* role) {
  role->readable = role->writable = {};
  for (const Permission& each : role->permissions) {
    if (each.grant != Grant::write) role->readable.add(key_span(each.key, each.range_end));
    if (each.grant != Grant::read) role->writable.add(key_span(each.key, each.range_end));
  }
}

Status at_most(std::size_t count, std::size_t max) {
  if (count <= max) return {};
  return fail(Reason::auth_table_full, {static_cast<std::int64_t>(max)});
}

bool by_hash(const Token& one, const Token& other) { return one.hash < other.hash; }

// The oldest login, of this user or, without one, of all.
void drop_oldest(std::vector<Token>* tokens, const std::string* user) {
  auto oldest = tokens->end();
  for (auto each = tokens->begin(); each != tokens->end(); ++each)
    if ((user == nullptr || each->user == *user) &&
        (oldest == tokens->end() || each->number < oldest->number))
      oldest = each;
  tokens->erase(oldest);
}

}  // namespace

Status Auth::enable() {
  if (enabled_) return {};
  const User* const root = all_->user(kRootName);
  if (root == nullptr) return fail(Reason::root_user_missing);
  if (!root->has_role(kRootName)) return fail(Reason::root_role_missing);
  AuthState state = *all_;
  state.enabled = true;
  state.revision += 1;
  set(std::move(state));
  return {};
}

Status Auth::disable() {
  if (!enabled_) return {};
  AuthState state = *all_;
  state.enabled = false;
  state.revision += 1;
  Tokens none;
  none.next_number = state.tokens->next_number;
  state.tokens = std::make_shared<Tokens>(std::move(none));
  set(std::move(state));
  return {};
}

Status Auth::add_user(const std::string& name, const std::string& password_hash) {
  if (name.empty()) return fail(Reason::user_empty);
  if (all_->user(name) != nullptr) return fail(Reason::user_exists);
  return put_user(name,
                  {.password_hash = password_hash, .password_revision = all_->revision + 1, .roles = {}});
}

Status Auth::delete_user(std::string_view name) {
  if (enabled_ && name == kRootName) return fail(Reason::invalid_auth_management);
  const User* const user = all_->user(name);
  if (user == nullptr) return fail(Reason::user_not_found);
  const Sums sums = without(user, name);
  Accounts accounts = *all_->accounts;
  accounts.users.erase(accounts.users.find(name));
  end_logins(name);
  return change(std::move(accounts), sums);
}

Status Auth::change_password(const std::string& name, const std::string& password_hash) {
  const User* const user = all_->user(name);
  if (user == nullptr) return fail(Reason::user_not_found);
  User changed = *user;
  // Who was made to have none gets none, as in etcd.
  if (!changed.password_hash.empty()) changed.password_hash = password_hash;
  changed.password_revision = all_->revision + 1;
  TRY(put_user(name, std::move(changed)));
  end_logins(name);
  return {};
}

Status Auth::grant_role(const std::string& name, const std::string& role) {
  const User* const user = all_->user(name);
  if (user == nullptr) return fail(Reason::user_not_found);
  if (role != kRootName && all_->role(role) == nullptr) return fail(Reason::role_not_found);
  if (user->has_role(role)) return {};
  User changed = *user;
  TRY(at_most(changed.roles.size() + 1, limits_.user_roles_max));
  changed.roles.insert(std::upper_bound(changed.roles.begin(), changed.roles.end(), role), role);
  return put_user(name, std::move(changed));
}

Status Auth::revoke_role(const std::string& name, std::string_view role) {
  if (enabled_ && name == kRootName && role == kRootName) return fail(Reason::invalid_auth_management);
  const User* const user = all_->user(name);
  if (user == nullptr) return fail(Reason::user_not_found);
  if (!user->has_role(role)) return fail(Reason::role_not_granted);
  User changed = *user;
  std::erase(changed.roles, role);
  return put_user(name, std::move(changed));
}

Status Auth::add_role(const std::string& name) {
  if (name.empty()) return fail(Reason::role_empty);
  if (all_->role(name) != nullptr) return fail(Reason::role_exists);
  return put_role(name, {});
}

Status Auth::delete_role(std::string_view name) {
  if (enabled_ && name == kRootName) return fail(Reason::invalid_auth_management);
  const Role* const role = all_->role(name);
  if (role == nullptr) return fail(Reason::role_not_found);
  Sums sums = without(role, name);
  Accounts accounts = *all_->accounts;
  accounts.roles.erase(accounts.roles.find(name));
  for (auto& [user_name, user] : accounts.users) {
    if (!user->has_role(name)) continue;
    User changed = *user;
    std::erase(changed.roles, name);
    sums.hash += hash_of(user_name, changed) - hash_of(user_name, *user);
    sums.bytes += bytes_of(user_name, changed) - bytes_of(user_name, *user);
    user = std::make_shared<User>(std::move(changed));
  }
  return change(std::move(accounts), sums);
}

Status Auth::grant_permission(const std::string& name, const Permission& permission) {
  if (permission.key.empty() || is_empty_span(permission.key, permission.range_end))
    return fail(Reason::invalid_auth_management);
  const Role* const role = all_->role(name);
  if (role == nullptr) return fail(Reason::role_not_found);
  Role changed = *role;
  auto& all = changed.permissions;
  const auto at = std::lower_bound(
      all.begin(), all.end(), permission,
      [](const Permission& each, const Permission& of) { return place_of(each) < place_of(of); });
  if (at != all.end() && place_of(*at) == place_of(permission)) {
    at->grant = permission.grant;
  } else {
    TRY(at_most(all.size() + 1, limits_.role_permissions_max));
    all.insert(at, permission);
  }
  merge(&changed);
  return put_role(name, std::move(changed));
}

Status Auth::revoke_permission(const std::string& name, std::string_view key, std::string_view range_end) {
  const Role* const role = all_->role(name);
  if (role == nullptr) return fail(Reason::role_not_found);
  Role changed = *role;
  const auto is_it = [&](const Permission& each) { return each.key == key && each.range_end == range_end; };
  if (std::erase_if(changed.permissions, is_it) == 0) return fail(Reason::permission_not_granted);
  merge(&changed);
  return put_role(name, std::move(changed));
}

Status Auth::log_in(const Login& login, std::int64_t clock_ms) {
  if (!enabled_) return fail(Reason::auth_not_enabled);
  const User* const user = all_->user(login.user);
  // The password that was checked is not theirs any more.
  if (user == nullptr || user->password_revision != login.password_revision) {
    REACHED("mvcc.auth.login_outlived");
    return fail(Reason::auth_failed);
  }
  Tokens tokens = *all_->tokens;
  const std::string name(login.user);
  const auto own = std::count_if(tokens.by_hash.begin(), tokens.by_hash.end(),
                                 [&](const Token& each) { return each.user == name; });
  if (static_cast<std::size_t>(own) >= limits_.user_tokens_max)
    drop_oldest(&tokens.by_hash, &name);
  else if (tokens.by_hash.size() >= limits_.tokens_max)
    drop_oldest(&tokens.by_hash, nullptr);
  Token token{.hash = login.token, .user = name, .number = tokens.next_number++, .clock_ms = clock_ms};
  const auto at = std::lower_bound(tokens.by_hash.begin(), tokens.by_hash.end(), token, by_hash);
  // Only who makes hashes collide comes here: nobody's login is replaced.
  if (at != tokens.by_hash.end() && at->hash == token.hash) return fail(Reason::auth_failed);
  tokens.by_hash.insert(at, std::move(token));
  AuthState state = *all_;
  state.tokens = std::make_shared<Tokens>(std::move(tokens));
  set(std::move(state));
  return {};
}

void Auth::end_logins(std::string_view user) {
  Tokens tokens = *all_->tokens;
  if (std::erase_if(tokens.by_hash, [user](const Token& each) { return each.user == user; }) == 0) return;
  AuthState state = *all_;
  state.tokens = std::make_shared<Tokens>(std::move(tokens));
  set(std::move(state));
}

Auth::Sums Auth::without(const User* user, std::string_view name) const {
  if (user == nullptr) return sums_;
  return {sums_.hash - hash_of(name, *user), sums_.bytes - bytes_of(name, *user)};
}

Auth::Sums Auth::without(const Role* role, std::string_view name) const {
  if (role == nullptr) return sums_;
  return {sums_.hash - hash_of(name, *role), sums_.bytes - bytes_of(name, *role)};
}

Status Auth::put_user(const std::string& name, User user) {
  if (name.size() > limits_.auth_name_bytes_max)
    return fail(Reason::auth_name_too_long, {static_cast<std::int64_t>(name.size()),
                                             static_cast<std::int64_t>(limits_.auth_name_bytes_max)});
  Sums sums = without(all_->user(name), name);
  sums.hash += hash_of(name, user);
  sums.bytes += bytes_of(name, user);
  Accounts accounts = *all_->accounts;
  accounts.users.insert_or_assign(name, std::make_shared<User>(std::move(user)));
  TRY(at_most(accounts.users.size(), limits_.users_max));
  return change(std::move(accounts), sums);
}

Status Auth::put_role(const std::string& name, Role role) {
  if (name.size() > limits_.auth_name_bytes_max)
    return fail(Reason::auth_name_too_long, {static_cast<std::int64_t>(name.size()),
                                             static_cast<std::int64_t>(limits_.auth_name_bytes_max)});
  Sums sums = without(all_->role(name), name);
  sums.hash += hash_of(name, role);
  sums.bytes += bytes_of(name, role);
  Accounts accounts = *all_->accounts;
  accounts.roles.insert_or_assign(name, std::make_shared<Role>(std::move(role)));
  TRY(at_most(accounts.roles.size(), limits_.roles_max));
  return change(std::move(accounts), sums);
}

// What makes it smaller is never too large.
Status Auth::change(Accounts accounts, Sums sums) {
  if (sums.bytes > limits_.auth_bytes_max && sums.bytes > sums_.bytes)
    return fail(Reason::auth_bytes_full, {static_cast<std::int64_t>(limits_.auth_bytes_max)});
  sums_ = sums;
  AuthState state = *all_;
  state.accounts = std::make_shared<Accounts>(std::move(accounts));
  state.revision += 1;
  set(std::move(state));
  return {};
}

void Auth::set(AuthState state) {
  enabled_ = state.enabled;
  token_hash_ = 0;
  for (const Token& token : state.tokens->by_hash) token_hash_ += hash_of(token);
  hash_ = StateHash()
              .add(std::uint64_t{state.enabled})
              .add(state.revision)
              .add(state.tokens->next_number)
              .add(sums_.hash)
              .add(token_hash_)
              .value();
  constexpr std::uint64_t kPerToken = 96;
  bytes_ = sums_.bytes + state.tokens->by_hash.size() * kPerToken;
  all_ = std::make_shared<AuthState>(std::move(state));
}

bool Auth::load(AuthState loaded) {
  Accounts accounts = *loaded.accounts;
  if (accounts.users.size() > limits_.users_max || accounts.roles.size() > limits_.roles_max) return false;
  sums_ = {};
  for (const auto& [name, user] : accounts.users) {
    sums_.hash += hash_of(name, *user);
    sums_.bytes += bytes_of(name, *user);
    if (name.empty() || user->password_revision > loaded.revision ||
        user->roles.size() > limits_.user_roles_max ||
        std::adjacent_find(user->roles.begin(), user->roles.end(), std::greater_equal<>()) !=
            user->roles.end())
      return false;
  }
  for (auto& [name, role] : accounts.roles) {
    sums_.hash += hash_of(name, *role);
    sums_.bytes += bytes_of(name, *role);
    const auto& all = role->permissions;
    const auto in_order = [](const Permission& one, const Permission& other) {
      return place_of(one) >= place_of(other);
    };
    if (name.empty() || all.size() > limits_.role_permissions_max ||
        std::adjacent_find(all.begin(), all.end(), in_order) != all.end())
      return false;
    Role merged = *role;
    merge(&merged);
    role = std::make_shared<Role>(std::move(merged));
  }
  const auto& tokens = loaded.tokens->by_hash;
  const auto out_of_order = [](const Token& one, const Token& other) { return one.hash >= other.hash; };
  if (std::adjacent_find(tokens.begin(), tokens.end(), out_of_order) != tokens.end()) return false;
  for (const Token& token : tokens)
    if (token.number >= loaded.tokens->next_number || !accounts.users.contains(token.user)) return false;
  loaded.accounts = std::make_shared<Accounts>(std::move(accounts));
  set(std::move(loaded));
  return true;
}

}  // namespace cairn::mvcc
