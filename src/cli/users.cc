// auth, user and role: who may do what. The words are etcdctl's.
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <ostream>

#include "base/prefix.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/password.h"

namespace cairn::cli {
namespace {

using client::Permission;
using client::UsersOrder;
using client::UsersTold;
using Kind = UsersOrder::Kind;

struct Verb {
  const char *command, *action;
  Kind kind;
  int words;         // behind the action
  const char* says;  // for people; {} stands for the words. Null: what it prints is more than that
};
constexpr Verb kVerbs[] = {
    {"auth", "enable", Kind::enable, 0, "users are asked who they are from here on"},
    {"auth", "disable", Kind::disable, 0, "nobody is asked who they are any more"},
    {"auth", "status", Kind::status, 0, nullptr},
    {"user", "add", Kind::user_add, 1, "added user {}"},
    {"user", "delete", Kind::user_delete, 1, "deleted user {}"},
    {"user", "passwd", Kind::user_password, 1, "changed the password of {}"},
    {"user", "list", Kind::user_list, 0, nullptr},
    {"user", "get", Kind::user_get, 1, nullptr},
    {"user", "grant-role", Kind::user_grant, 2, "user {} has role {}"},
    {"user", "revoke-role", Kind::user_revoke, 2, "user {} has no role {} any more"},
    {"role", "add", Kind::role_add, 1, "added role {}"},
    {"role", "delete", Kind::role_delete, 1, "deleted role {}"},
    {"role", "list", Kind::role_list, 0, nullptr},
    {"role", "get", Kind::role_get, 1, nullptr},
    {"role", "grant-permission", Kind::role_grant, 3, "role {} may {} {}"},
    {"role", "revoke-permission", Kind::role_revoke, 2,
     "role {} has no permission of its own for {} any more"},
};

const Verb* verb_of(const UsersOptions& options) {
  for (const Verb& verb : kVerbs)
    if (options.command == verb.command && options.action == verb.action) return &verb;
  return nullptr;
}

std::string filled(std::string text, const std::vector<std::string>& words) {
  for (const std::string& word : words)
    if (const std::size_t at = text.find("{}"); at != std::string::npos) text.replace(at, 2, printable(word));
  return text;
}

// Of the range that the flags make of KEY. An empty prefix is every key.
void set_range(const UsersOptions& options, const std::string& key, Permission* permission) {
  permission->key = key.empty() && (options.prefix || options.from_key) ? std::string(1, '\0') : key;
  if (options.prefix) permission->range_end = prefix_end(key);
  if (options.from_key) permission->range_end = std::string(1, '\0');
  if (!options.to.empty()) permission->range_end = options.to;
}

std::string range_text(const Permission& permission) {
  const std::string& key = permission.key;
  if (permission.range_end.empty()) return printable(key);
  const std::string no_end(1, '\0');
  const bool from_first = key.empty() || key == no_end;
  if (permission.range_end == no_end) return from_first ? "every key" : printable(key) + " and all behind it";
  if (permission.range_end == prefix_end(key)) return printable(key) + "* (prefix)";
  return printable(key) + " up to before " + printable(permission.range_end);
}

const char* word_of(const Permission& permission) {
  return permission.reads && permission.writes ? "readwrite" : permission.writes ? "write" : "read";
}

Json to_json(const Permission& permission) {
  Json out = {{"may", word_of(permission)}, {"key", bytes_to_json(permission.key)}};
  if (!permission.range_end.empty()) out["range_end"] = bytes_to_json(permission.range_end);
  return out;
}

int print(const Context& context, const Verb& verb, const UsersOptions& options, const UsersTold& told) {
  const bool json = context.format == Format::json;
  std::ostream& out = context.out;
  Json body = Json::object();
  if (verb.kind == Kind::status) {
    if (!json) out << (told.enabled ? "enabled" : "disabled") << ", revision " << told.revision << "\n";
    body = {{"enabled", told.enabled}, {"revision", told.revision}};
  } else if (verb.kind == Kind::role_get) {
    body["permissions"] = Json::array();
    for (const Permission& each : told.permissions) {
      if (!json) out << word_of(each) << "  " << range_text(each) << "\n";
      body["permissions"].push_back(to_json(each));
    }
  } else if (verb.says == nullptr) {
    const auto& names = verb.kind == Kind::user_list ? told.users : told.roles;
    if (!json)
      for (const std::string& name : names) out << printable(name) << "\n";
    body[verb.kind == Kind::user_list ? "users" : "roles"] = names;
  } else {
    if (!json) out << filled(verb.says, options.words) << "\n";
    body["done"] = filled(verb.says, options.words);
  }
  if (json) out << body.dump() << "\n";
  return kExitOk;
}

// What is wrong with how it was asked; empty: nothing.
std::string problem_of(const Verb& verb, const UsersOptions& options) {
  const std::string said = std::string(verb.command) + " " + verb.action;
  if (options.words.size() != static_cast<std::size_t>(verb.words))
    return said + (verb.words == 0 ? " takes nothing more"
                                   : " takes " + std::to_string(verb.words) +
                                         (verb.words == 1 ? " word more" : " words more"));
  const bool ranged = verb.kind == Kind::role_grant || verb.kind == Kind::role_revoke;
  const int ranges = (options.prefix ? 1 : 0) + (options.from_key ? 1 : 0) + (options.to.empty() ? 0 : 1);
  if (!ranged && ranges > 0) return said + " is about no keys";
  if (ranges > 1) return said + ": --prefix, --from-key and --to each make a range: give one of them";
  const bool sets = verb.kind == Kind::user_add || verb.kind == Kind::user_password;
  if (!sets && !options.password_file.empty()) return said + " sets no password";
  if (options.no_password && (verb.kind != Kind::user_add || !options.password_file.empty()))
    return said + ": --no-password is for a user who is added without any";
  if (verb.kind == Kind::role_grant && options.words[1] != "read" && options.words[1] != "write" &&
      options.words[1] != "readwrite")
    return said + ": '" + options.words[1] + "' is none of read, write, readwrite";
  return "";
}

}  // namespace

int users(const Context& context, const UsersOptions& options) {
  const Verb* const verb = verb_of(options);
  const std::string help = "cairn help " + options.command;
  if (verb == nullptr)
    return report(context, kExitUsage, options.command + " " + options.action + " is no command", help);
  if (const std::string problem = problem_of(*verb, options); !problem.empty())
    return report(context, kExitUsage, problem, help);
  UsersOrder order{.kind = verb->kind, .no_password = options.no_password};
  if (verb->words > 0) (options.command == "user" ? order.user : order.role) = options.words[0];
  if (verb->kind == Kind::user_grant || verb->kind == Kind::user_revoke) order.role = options.words[1];
  if (verb->kind == Kind::role_grant) {
    order.permission.reads = options.words[1] != "write";
    order.permission.writes = options.words[1] != "read";
  }
  if (verb->kind == Kind::role_grant || verb->kind == Kind::role_revoke)
    set_range(options, options.words.back(), &order.permission);
  if ((verb->kind == Kind::user_add || verb->kind == Kind::user_password) && !options.no_password) {
    auto password = new_password(context, options.words[0], options.password_file);
    if (!password) return report(context, kExitUsage, password.error().message, help);
    order.password = *std::move(password);
  }
  client::Client client = context.connect();
  const auto told = client.users(order);
  return told ? print(context, *verb, options, *told) : report(context, told.error());
}

}  // namespace cairn::cli
