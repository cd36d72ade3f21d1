#include "mvcc/etcd_users.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "base/codec.h"
#include "mvcc/encode.h"

namespace cairn::mvcc {
namespace {

// The fields of etcd's authpb: User, Role and Permission.
enum : int { kName = 1, kPassword = 2, kRoles = 3, kOptions = 4, kPermissions = 2 };
enum : int { kKind = 1, kKey = 2, kRangeEnd = 3 };

std::string permission_bytes(const Permission& permission) {
  std::string bytes;
  encode::number(&bytes, kKind, static_cast<std::uint64_t>(permission.grant));
  encode::bytes(&bytes, kKey, permission.key);
  if (!permission.range_end.empty()) encode::bytes(&bytes, kRangeEnd, permission.range_end);
  return bytes;
}

std::string user_bytes(std::string_view name, const User& user) {
  std::string bytes, options;
  encode::bytes(&bytes, kName, name);
  encode::bytes(&bytes, kPassword, user.password_hash);
  for (const std::string& role : user.roles) encode::bytes(&bytes, kRoles, role);
  if (user.password_hash.empty()) {
    encode::number(&options, 1, 1);  // no_password
    encode::bytes(&bytes, kOptions, options);
  }
  return bytes;
}

std::string role_bytes(std::string_view name, const Role& role) {
  std::string bytes;
  encode::bytes(&bytes, kName, name);
  for (const Permission& each : role.permissions) encode::bytes(&bytes, kPermissions, permission_bytes(each));
  return bytes;
}

// Tells of each field: its number, and its number or bytes. False: they are none of a message.
template <class Each>
bool each_field(std::string_view message, Each each) {
  codec::Reader in(message);
  while (in.ok() && in.left() > 0) {
    const std::uint64_t tag = in.varint();
    const auto field = static_cast<int>(tag >> 3);
    if ((tag & 7) == 0) {
      each(field, in.varint(), std::string_view());
    } else if ((tag & 7) == 2) {
      const std::string_view bytes = in.bytes(in.varint());
      if (in.ok()) each(field, 0, bytes);
    } else {
      return false;
    }
  }
  return in.ok();
}

}  // namespace

void put_users(const AuthState& auth, bbolt::Writer* writer) {
  const bool ever = auth.revision > 1;
  writer->begin_bucket("auth");
  if (ever) {
    writer->add("authEnabled", auth.enabled ? std::string_view("\1", 1) : std::string_view("\0", 1));
    std::string revision;
    for (int shift = 56; shift >= 0; shift -= 8) revision += static_cast<char>(auth.revision >> shift & 0xff);
    writer->add("authRevision", revision);
  }
  writer->end_bucket();
  writer->begin_bucket("authRoles");
  for (const auto& [name, role] : auth.accounts->roles) writer->add(name, role_bytes(name, *role));
  writer->end_bucket();
  writer->begin_bucket("authUsers");
  for (const auto& [name, user] : auth.accounts->users) writer->add(name, user_bytes(name, *user));
  writer->end_bucket();
}

bool UsersInFile::take(std::string_view bucket, std::string_view key, std::string_view value) {
  if (bucket == "authUsers") return take_user(key, value);
  if (bucket == "authRoles") return take_role(key, value);
  if (bucket != "auth") return true;
  if (key == "authEnabled") enabled_ = value == std::string_view("\1", 1);
  if (key != "authRevision") return true;
  if (value.size() != sizeof revision_) return false;
  revision_ = 0;
  for (const char byte : value) revision_ = revision_ << 8 | static_cast<std::uint8_t>(byte);
  revision_ = std::max<std::uint64_t>(revision_, 1);
  return true;
}

bool UsersInFile::take_user(std::string_view name, std::string_view value) {
  User user;
  user.password_revision = 1;  // as of whoever was there at the beginning
  const bool good = each_field(value, [&user](int field, std::uint64_t, std::string_view bytes) {
    if (field == kPassword) user.password_hash = bytes;
    if (field == kRoles) user.roles.emplace_back(bytes);
  });
  std::sort(user.roles.begin(), user.roles.end());
  accounts_.users.insert_or_assign(std::string(name), std::make_shared<User>(std::move(user)));
  return good;
}

bool UsersInFile::take_role(std::string_view name, std::string_view value) {
  Role role;
  bool known = true;
  const bool good = each_field(value, [&](int field, std::uint64_t, std::string_view bytes) {
    if (field != kPermissions) return;
    Permission& permission = role.permissions.emplace_back();
    const bool whole = each_field(bytes, [&](int of, std::uint64_t number, std::string_view text) {
      if (of == kKind && number > static_cast<std::uint64_t>(Grant::read_write)) known = false;
      if (of == kKind) permission.grant = static_cast<Grant>(number);
      if (of == kKey) permission.key = text;
      if (of == kRangeEnd) permission.range_end = text;
    });
    if (!whole) known = false;
  });
  // What is no range, older versions of etcd have taken: it was never a permission for anything.
  std::erase_if(role.permissions, [](const Permission& each) {
    return each.key.empty() || is_empty_span(each.key, each.range_end);
  });
  std::sort(role.permissions.begin(), role.permissions.end(),
            [](const Permission& one, const Permission& other) {
              return std::tie(one.key, one.range_end) < std::tie(other.key, other.range_end);
            });
  accounts_.roles.insert_or_assign(std::string(name), std::make_shared<Role>(std::move(role)));
  return good && known;
}

AuthState UsersInFile::state() const {
  AuthState state;
  state.enabled = enabled_;
  state.revision = revision_;
  state.accounts = std::make_shared<Accounts>(accounts_);
  return state;
}

}  // namespace cairn::mvcc
