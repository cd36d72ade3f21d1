#include "cli/json.h"

#include "base/percent.h"
#include "base/utf8.h"

namespace cairn::cli {

Json bytes_to_json(const std::string& bytes) {
  if (is_utf8(bytes)) return bytes;
  return {{"base64", base64_encode(bytes)}};
}

bool bytes_from_json(const Json& value, std::string* into) {
  if (value.is_string()) {
    *into = value.get<std::string>();
    return true;
  }
  if (!value.is_object() || value.size() != 1 || !value.contains("base64") || !value["base64"].is_string())
    return false;
  std::optional<std::string> bytes = base64_decode(value["base64"].get_ref<const std::string&>());
  if (!bytes) return false;
  *into = *std::move(bytes);
  return true;
}

Json kv_to_json(const client::KeyValue& kv, bool keys_only) {
  Json out = {{"key", bytes_to_json(kv.key)}};
  if (!keys_only) out["value"] = bytes_to_json(kv.value);
  out["create_revision"] = kv.create_revision;
  out["mod_revision"] = kv.mod_revision;
  out["version"] = kv.version;
  return out;
}

}  // namespace cairn::cli
