#include "client/codec.h"

#include "base/percent.h"
#include "base/utf8.h"

namespace cairn::client {
namespace {

template <class T>
void take(const Json& json, const char* name, std::optional<T>* into) {
  const auto found = json.find(name);
  if (found != json.end() && !found->is_null()) *into = found->get<T>();
}

template <class T>
void take(const Json& json, const char* name, T* into) {
  const auto found = json.find(name);
  if (found != json.end() && !found->is_null()) *into = found->get<T>();
}

// The library reports a wrong type by throwing; here it means: not our server's answer.
template <class Read>
bool guarded(Read read) {
  try {
    return read();
  } catch (const Json::exception&) {
    return false;
  }
}

void take_member(const Json& json, Member* into) {
  take(json, "id", &into->id);
  take(json, "name", &into->name);
  take(json, "peer_urls", &into->peer_urls);
  take(json, "client_urls", &into->client_urls);
  take(json, "learner", &into->learner);
  take(json, "leader", &into->leader);
}

void take_follower(const Json& json, Follower* into) {
  take(json, "id", &into->id);
  take(json, "state", &into->state);
  take(json, "stuck", &into->stuck);
  take(json, "active", &into->active);
  take(json, "behind", &into->behind);
  take(json, "behind_entries", &into->behind_entries);
}

}  // namespace

std::string key_path(std::string_view key) {
  // A path that ends in "." or ".." segments, or an empty one, may be rewritten on its way; base64url never
  // is.
  if (key.find("./") != std::string_view::npos || key.find("//") != std::string_view::npos ||
      (!key.empty() && (key.front() == '/' || key.back() == '.' || key.back() == '/')))
    return "/v1/kv/" + base64url_encode(key) + "?enc=base64url";
  return "/v1/kv/" + percent_encode(key);
}

Json bytes_to_json(std::string_view bytes) {
  if (is_utf8(bytes)) return std::string(bytes);
  return {{"base64", base64_encode(bytes)}};
}

std::optional<Json> parse_body(const Response& response) {
  Json json = Json::parse(response.body, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  return json;
}

bool read_bytes(const Json& value, std::string* into) {
  if (value.is_string()) {
    *into = value.get<std::string>();
    return true;
  }
  if (!value.is_object() || !value.contains("base64") || !value["base64"].is_string()) return false;
  std::optional<std::string> bytes = base64_decode(value["base64"].get_ref<const std::string&>());
  if (!bytes) return false;
  *into = *std::move(bytes);
  return true;
}

bool read_kv(const Json& json, KeyValue* into) {
  return guarded([&] {
    if (!json.contains("key") || !read_bytes(json["key"], &into->key)) return false;
    if (json.contains("value") && !read_bytes(json["value"], &into->value)) return false;
    take(json, "create_revision", &into->create_revision);
    take(json, "mod_revision", &into->mod_revision);
    take(json, "version", &into->version);
    return true;
  });
}

bool read_page(const Json& json, Page* into) {
  return guarded([&] {
    if (!json.contains("kvs") || !json["kvs"].is_array()) return false;
    for (const Json& each : json["kvs"])
      if (!read_kv(each, &into->kvs.emplace_back())) return false;
    take(json, "revision", &into->revision);
    take(json, "more", &into->more);
    take(json, "cursor", &into->cursor);
    return true;
  });
}

bool read_count(const Json& json, std::int64_t* count, std::int64_t* revision, std::string* cursor) {
  return guarded([&] {
    if (!json.contains("count") || !json["count"].is_number_integer()) return false;
    take(json, "count", count);
    take(json, "revision", revision);
    take(json, "cursor", cursor);
    return true;
  });
}

namespace {

bool read_change(const Json& json, Change* into) {
  std::string type;
  take(json, "type", &type);
  into->is_deletion = type == "delete";
  if (!into->is_deletion && type != "put") return false;
  if (json.contains("previous") && !read_kv(json["previous"], &into->previous.emplace())) return false;
  return read_kv(json, &into->now);
}

}  // namespace

bool read_watch_line(const Json& json, WatchLine* into) {
  return guarded([&] {
    std::string type;
    take(json, "type", &type);
    take(json, "revision", &into->changes.revision);
    take(json, "code", &into->code);
    take(json, "title", &into->title);
    take(json, "compact_revision", &into->compact_revision);
    into->type = type == "changes" ? WatchLine::Type::changes
                 : type == "ended" ? WatchLine::Type::ended
                                   : WatchLine::Type::progress;
    if (into->type != WatchLine::Type::changes) return type == "progress" || type == "ended";
    for (const Json& each : json.at("events"))
      if (!read_change(each, &into->changes.changes.emplace_back())) return false;
    return true;
  });
}

bool read_lease(const Json& json, Lease* into) {
  return guarded([&] {
    std::int64_t ttl = -1, granted = 0;
    take(json, "id", &into->id);
    take(json, "ttl", &ttl);
    take(json, "granted_ttl", &granted);
    into->ttl = std::chrono::seconds(ttl);
    into->granted_ttl = std::chrono::seconds(granted);
    if (json.contains("keys"))
      for (const Json& each : json["keys"])
        if (!read_bytes(each, &into->keys.emplace_back())) return false;
    return !into->id.empty() && ttl >= 0;
  });
}

bool read_leases(const Json& json, LeasePage* into) {
  return guarded([&] {
    if (!json.contains("leases") || !json["leases"].is_array()) return false;
    for (const Json& each : json["leases"])
      if (!read_lease(each, &into->leases.emplace_back())) return false;
    take(json, "more", &into->more);
    return true;
  });
}

bool read_members(const Json& json, std::vector<Member>* into) {
  return guarded([&] {
    if (!json.contains("members") || !json["members"].is_array()) return false;
    for (const Json& each : json["members"]) take_member(each, &into->emplace_back());
    return true;
  });
}

bool read_status(const Json& json, Status* into) {
  return guarded([&] {
    take(json, "name", &into->name);
    take(json, "id", &into->id);
    take(json, "cluster_id", &into->cluster_id);
    take(json, "version", &into->version);
    take(json, "summary", &into->summary);
    take(json, "role", &into->role);
    take(json, "term", &into->term);
    take(json, "commit_index", &into->commit_index);
    take(json, "applied_index", &into->applied_index);
    take(json, "last_index", &into->last_index);
    take(json, "snapshot_index", &into->snapshot_index);
    take(json, "log_space", &into->log_space);
    take(json, "healthy", &into->healthy);
    take(json, "leaderless_seconds", &into->leaderless_seconds);
    take(json, "log_bytes", &into->log_bytes);
    take(json, "disk_free_bytes", &into->disk_free_bytes);
    take(json, "disk_total_bytes", &into->disk_total_bytes);
    take(json, "full", &into->full);
    take(json, "waits_for", &into->waits_for);
    take(json, "peer_port_open", &into->peer_port_open);
    take(json, "revision", &into->revision);
    take(json, "compact_revision", &into->compact_revision);
    take(json, "keys", &into->keys);
    take(json, "size_bytes", &into->size_bytes);
    take(json, "size_in_use_bytes", &into->size_in_use_bytes);
    if (json.contains("memory") && json["memory"].is_object()) {
      take(json["memory"], "live_bytes", &into->live_bytes);
      take(json["memory"], "history_bytes", &into->history_bytes);
      take(json["memory"], "log_bytes", &into->log_memory_bytes);
      take(json["memory"], "quota_bytes", &into->quota_bytes);
    }
    if (json.contains("alarms"))
      for (const Json& each : json["alarms"]) {
        Alarm& alarm = into->alarms.emplace_back();
        take(each, "member", &alarm.member);
        take(each, "alarm", &alarm.name);
      }
    if (json.contains("leader") && json["leader"].is_object()) {
      take(json["leader"], "name", &into->leader_name);
      take(json["leader"], "url", &into->leader_url);
    }
    if (json.contains("followers"))
      for (const Json& each : json["followers"]) take_follower(each, &into->followers.emplace_back());
    return into->role.empty() ? false : read_members(json, &into->members);
  });
}

}  // namespace cairn::client
