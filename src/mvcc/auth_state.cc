#include "mvcc/auth_state.h"

#include <algorithm>

namespace cairn::mvcc {
namespace {

// From the place on, as far as some role goes; then on from there.
bool covers(const AuthState& state, const User& user, KeySpans Role::*allowed, const KeySpan& range) {
  std::string_view place = range.begin;
  while (true) {
    std::string_view furthest = place;
    for (const std::string& name : user.roles) {
      const Role* const role = state.role(name);
      const auto end = role == nullptr ? std::nullopt : (role->*allowed).end_at(place);
      if (!end) continue;
      if (end->empty()) return true;
      furthest = std::max(furthest, *end);
    }
    if (furthest == place) return false;
    if (!range.end.empty() && furthest >= range.end) return true;
    place = furthest;
  }
}

}  // namespace

bool User::has_role(std::string_view name) const {
  return std::binary_search(roles.begin(), roles.end(), name, std::less<>());
}

const Token* Tokens::find(const TokenHash& hash) const {
  const auto found = std::lower_bound(by_hash.begin(), by_hash.end(), hash,
                                      [](const Token& each, const TokenHash& of) { return each.hash < of; });
  return found == by_hash.end() || found->hash != hash ? nullptr : &*found;
}

const User* AuthState::user(std::string_view name) const {
  const auto found = accounts->users.find(name);
  return found == accounts->users.end() ? nullptr : found->second.get();
}

const Role* AuthState::role(std::string_view name) const {
  const auto found = accounts->roles.find(name);
  return found == accounts->roles.end() ? nullptr : found->second.get();
}

bool AuthState::may_read(const User& user, const KeySpan& range) const {
  return user.has_role(kRootName) || covers(*this, user, &Role::readable, range);
}

bool AuthState::may_write(const User& user, const KeySpan& range) const {
  return user.has_role(kRootName) || covers(*this, user, &Role::writable, range);
}

}  // namespace cairn::mvcc
