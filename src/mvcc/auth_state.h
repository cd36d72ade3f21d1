// AuthState: which users there are and what they may do, as a view has it, and the logins that last. Users
// have roles, roles have permissions on ranges of keys; who has the role root may do everything. Of passwords
// there are bcrypt's hashes, of tokens SHA-256's: what is stored lets nobody in. Part of the replicated
// state. Immutable, shared; readable anywhere. Bounds: Limits, by mvcc/auth.h, which changes it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mvcc/key_spans.h"

namespace cairn::mvcc {

inline constexpr std::string_view kRootName = "root";  // of etcd's first user, and of the role that may all

enum class Grant : std::uint8_t { read = 0, write = 1, read_write = 2 };  // numbered as etcd's

struct Permission {
  Grant grant = Grant::read;
  std::string key, range_end;  // as etcd writes a range
  bool operator==(const Permission&) const = default;
};

struct Role {
  std::vector<Permission> permissions;  // by key, then range_end; each range once
  KeySpans readable, writable;          // what they come to
};

struct User {
  std::string password_hash;            // empty: logs in by no password
  std::uint64_t password_revision = 0;  // of the users, when it was set
  std::vector<std::string> roles;       // ascending, each once
  bool has_role(std::string_view name) const;
};

struct Accounts {
  std::map<std::string, std::shared_ptr<const User>, std::less<>> users;
  std::map<std::string, std::shared_ptr<const Role>, std::less<>> roles;
};

using TokenHash = std::array<char, 32>;

struct Token {
  TokenHash hash{};
  std::string user;
  std::uint64_t number = 0;   // of the login: grows
  std::int64_t clock_ms = 0;  // the state's clock at the login
};

struct Tokens {
  std::vector<Token> by_hash;
  std::uint64_t next_number = 1;
  const Token* find(const TokenHash& hash) const;
};

struct AuthState {
  bool enabled = false;
  std::uint64_t revision = 1;  // goes up with every change of users and roles
  std::shared_ptr<const Accounts> accounts = std::make_shared<Accounts>();
  std::shared_ptr<const Tokens> tokens = std::make_shared<Tokens>();

  const User* user(std::string_view name) const;  // null: none
  const Role* role(std::string_view name) const;
  // The union of what the user's roles may covers the range.
  bool may_read(const User& user, const KeySpan& range) const;
  bool may_write(const User& user, const KeySpan& range) const;
};

}  // namespace cairn::mvcc
