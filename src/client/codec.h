// The JSON and the paths of REST v1 as the client speaks them.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "client/client.h"
#include "client/transport.h"

namespace cairn::client {

using Json = nlohmann::ordered_json;

std::string key_path(std::string_view key);
// A string when it is UTF-8, {"base64": ".."} if not.
Json bytes_to_json(std::string_view bytes);

// Null, or false, when the answer is not what REST v1 promises: another program answers there, or a newer
// one.
std::optional<Json> parse_body(const Response& response);
bool read_bytes(const Json& value, std::string* into);
bool read_kv(const Json& json, KeyValue* into);
bool read_page(const Json& json, Page* into);
// `cursor` stays as it is when nothing follows.
bool read_count(const Json& json, std::int64_t* count, std::int64_t* revision, std::string* cursor);
// One object of a watch; its `type` says which.
struct WatchLine {
  enum class Type { changes, progress, ended };
  Type type = Type::progress;
  Changes changes;          // of the other two: none, and up to which revision
  std::string code, title;  // of an end
  std::int64_t compact_revision = 0;
};
bool read_watch_line(const Json& json, WatchLine* into);
bool read_lease(const Json& json, Lease* into);
bool read_leases(const Json& json, LeasePage* into);
bool read_members(const Json& json, std::vector<Member>* into);
bool read_status(const Json& json, Status* into);

}  // namespace cairn::client
