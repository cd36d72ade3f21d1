#include <string>
#include <utility>

#include "mvcc/sections.h"

namespace cairn::mvcc {
namespace {

Result<User> load_user(StateReader* from) {
  User user;
  user.password_hash = TRY(from->text(from->limits.text_bytes_max));
  user.password_revision = TRY(from->number<std::uint64_t>());
  const auto count = TRY(from->length(static_cast<std::uint32_t>(from->limits.user_roles_max)));
  for (std::uint32_t i = 0; i < count; ++i)
    user.roles.push_back(TRY(from->text(from->limits.text_bytes_max)));
  return user;
}

Result<Role> load_role(StateReader* from) {
  Role role;
  const auto count = TRY(from->length(static_cast<std::uint32_t>(from->limits.role_permissions_max)));
  for (std::uint32_t i = 0; i < count; ++i) {
    Permission permission;
    const auto grant = TRY(from->number<std::uint8_t>());
    if (grant > static_cast<std::uint8_t>(Grant::read_write))
      return tl::unexpected(malformed("a permission of kind " + std::to_string(grant)));
    permission.grant = static_cast<Grant>(grant);
    permission.key = TRY(from->text(kSavedFieldMax));
    permission.range_end = TRY(from->text(kSavedFieldMax));
    role.permissions.push_back(std::move(permission));
  }
  return role;
}

// By ascending name.
template <class Map>
bool append(Map* map, std::string name, typename Map::mapped_type value) {
  if (!map->empty() && map->rbegin()->first >= name) return false;
  map->emplace_hint(map->end(), std::move(name), std::move(value));
  return true;
}

Result<Accounts> load_accounts(StateReader* from) {
  Accounts accounts;
  const auto users = TRY(from->length(static_cast<std::uint32_t>(from->limits.users_max)));
  for (std::uint32_t i = 0; i < users; ++i) {
    auto name = TRY(from->text(from->limits.text_bytes_max));
    if (!append(&accounts.users, std::move(name), std::make_shared<User>(TRY(load_user(from)))))
      return tl::unexpected(malformed("users out of order"));
  }
  const auto roles = TRY(from->length(static_cast<std::uint32_t>(from->limits.roles_max)));
  for (std::uint32_t i = 0; i < roles; ++i) {
    auto name = TRY(from->text(from->limits.text_bytes_max));
    if (!append(&accounts.roles, std::move(name), std::make_shared<Role>(TRY(load_role(from)))))
      return tl::unexpected(malformed("roles out of order"));
  }
  return accounts;
}

Result<Tokens> load_tokens(StateReader* from) {
  Tokens tokens;
  tokens.next_number = TRY(from->number<std::uint64_t>());
  const auto count = TRY(from->length(static_cast<std::uint32_t>(from->limits.tokens_max)));
  for (std::uint32_t i = 0; i < count; ++i) {
    Token token;
    TRY(from->raw(token.hash.data(), token.hash.size()));
    token.user = TRY(from->text(from->limits.text_bytes_max));
    token.number = TRY(from->number<std::uint64_t>());
    token.clock_ms = TRY(from->number<std::int64_t>());
    tokens.by_hash.push_back(std::move(token));
  }
  return tokens;
}

}  // namespace

void save_auth(const Contents& contents, StateWriter* to) {
  const AuthState& auth = *contents.auth;
  to->numbers(static_cast<std::uint8_t>(auth.enabled), auth.revision);
  to->numbers(static_cast<std::uint32_t>(auth.accounts->users.size()));
  for (const auto& [name, user] : auth.accounts->users) {
    to->text(name);
    to->text(user->password_hash);
    to->numbers(user->password_revision, static_cast<std::uint32_t>(user->roles.size()));
    for (const std::string& role : user->roles) to->text(role);
  }
  to->numbers(static_cast<std::uint32_t>(auth.accounts->roles.size()));
  for (const auto& [name, role] : auth.accounts->roles) {
    to->text(name);
    to->numbers(static_cast<std::uint32_t>(role->permissions.size()));
    for (const Permission& each : role->permissions) {
      to->numbers(static_cast<std::uint8_t>(each.grant));
      to->text(each.key);
      to->text(each.range_end);
    }
  }
  to->numbers(auth.tokens->next_number, static_cast<std::uint32_t>(auth.tokens->by_hash.size()));
  for (const Token& token : auth.tokens->by_hash) {
    to->raw({token.hash.data(), token.hash.size()});
    to->text(token.user);
    to->numbers(token.number, token.clock_ms);
  }
}

Status load_auth(StateReader* from, Storage* storage) {
  AuthState auth;
  const auto enabled = TRY(from->number<std::uint8_t>());
  auth.enabled = enabled == 1;
  auth.revision = TRY(from->number<std::uint64_t>());
  if (enabled > 1 || auth.revision == 0) return tl::unexpected(malformed("users that cannot be"));
  auth.accounts = std::make_shared<Accounts>(TRY(load_accounts(from)));
  auth.tokens = std::make_shared<Tokens>(TRY(load_tokens(from)));
  if (!storage->auth.load(std::move(auth)))
    return tl::unexpected(malformed("users, roles or logins that contradict each other"));
  return {};
}

}  // namespace cairn::mvcc
