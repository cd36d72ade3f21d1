#include "client/users.h"

#include "base/percent.h"
#include "client/codec.h"

namespace cairn::client {
namespace {

using Kind = UsersOrder::Kind;

// How each is asked for: its path, and the names of what goes along.
struct Row {
  Kind kind;
  const char* path;
  const char *user, *role;  // null: not sent
  bool password = false, permission = false;
  bool changes = true;
};
constexpr Row kRows[] = {
    {Kind::enable, "enable", nullptr, nullptr},
    {Kind::disable, "disable", nullptr, nullptr},
    {Kind::status, "status", nullptr, nullptr, false, false, false},
    {Kind::user_add, "user/add", "name", nullptr, true},
    {Kind::user_delete, "user/delete", "name", nullptr},
    {Kind::user_password, "user/changepw", "name", nullptr, true},
    {Kind::user_list, "user/list", nullptr, nullptr, false, false, false},
    {Kind::user_get, "user/get", "name", nullptr, false, false, false},
    {Kind::user_grant, "user/grant", "user", "role"},
    {Kind::user_revoke, "user/revoke", "name", "role"},
    {Kind::role_add, "role/add", nullptr, "name"},
    {Kind::role_delete, "role/delete", nullptr, "role"},
    {Kind::role_list, "role/list", nullptr, nullptr, false, false, false},
    {Kind::role_get, "role/get", nullptr, "role", false, false, false},
    {Kind::role_grant, "role/grant", nullptr, "name", false, true},
    {Kind::role_revoke, "role/revoke", nullptr, "role"},
};

const Row& row_of(Kind kind) { return kRows[static_cast<std::size_t>(kind)]; }

const char* word_of(const Permission& permission) {
  if (permission.reads && permission.writes) return "READWRITE";
  return permission.writes ? "WRITE" : "READ";
}

Request request_of(const UsersOrder& order) {
  const Row& row = row_of(order.kind);
  Json body = Json::object();
  if (row.user != nullptr) body[row.user] = order.user;
  if (row.role != nullptr) body[row.role] = order.role;
  if (row.password && !order.no_password) body["password"] = order.password;
  if (order.no_password) body["options"] = {{"no_password", true}};
  const Permission& permission = order.permission;
  if (row.permission)
    body["perm"] = {{"permType", word_of(permission)},
                    {"key", base64_encode(permission.key)},
                    {"range_end", base64_encode(permission.range_end)}};
  if (order.kind == Kind::role_revoke) {
    body["key"] = base64_encode(permission.key);
    body["range_end"] = base64_encode(permission.range_end);
  }
  return {"POST", std::string("/v3/auth/") + row.path, {{"content-type", "application/json"}}, body.dump()};
}

std::string bytes_of(const Json& json, const char* name) {
  return base64_decode(json.value(name, std::string())).value_or("");
}

Permission permission_of(const Json& json) {
  const std::string kind = json.value("permType", std::string("READ"));
  return {.reads = kind != "WRITE",
          .writes = kind != "READ",
          .key = bytes_of(json, "key"),
          .range_end = bytes_of(json, "range_end")};
}

// The library reports a wrong type by throwing; here it means: not our server's answer.
std::optional<UsersTold> told_in(const Response& response) {
  try {
    const std::optional<Json> json = parse_body(response);
    if (!json || !json->is_object()) return std::nullopt;
    UsersTold told;
    told.enabled = json->value("enabled", false);
    told.revision = json->value("authRevision", std::string("0"));
    told.users = json->value("users", std::vector<std::string>());
    told.roles = json->value("roles", std::vector<std::string>());
    for (const Json& each : json->value("perm", Json::array()))
      told.permissions.push_back(permission_of(each));
    return told;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

// And may be at another member.
bool is_surely_not_made(const Error& error) {
  return error.reason == Reason::unreachable || error.message.ends_with("no leader") ||
         error.message.ends_with("revision of auth store is old");
}

}  // namespace

// Any member will do, and each change is asked for once: that it was made already would be an error.
Answer<UsersTold> ask_users(Session* session, const UsersOrder& order) {
  const Request request = request_of(order);
  const bool changes = row_of(order.kind).changes;
  Answer<Response> response = Error{Reason::unreachable, "", "no endpoint", "", ""};
  for (const std::string& endpoint : session->options().endpoints) {
    Answer<Response> answer = session->call_at(endpoint, request);
    const bool ends = answer || answer.error().reason == Reason::refused ||
                      answer.error().reason == Reason::invalid ||
                      (changes && !is_surely_not_made(answer.error()));
    if (ends || response.error().reason == Reason::unreachable) response = std::move(answer);
    if (ends) break;
  }
  if (!response) {
    Error error = response.error();
    if (changes && error.reason == Reason::timeout) {
      error.reason = Reason::outcome_unknown;
      error.code = "outcome_unknown";
      error.hint = "cairn user list and cairn role list tell whether it was made";
    }
    return error;
  }
  std::optional<UsersTold> told = told_in(*response);
  if (told) return *std::move(told);
  return Error{Reason::refused, "bad_answer", "the answer is not one of Cairn's",
               "is the endpoint really a Cairn server?", ""};
}

}  // namespace cairn::client
