#include "api/json.h"

#include <set>
#include <vector>

#include "base/hex_id.h"
#include "base/percent.h"
#include "base/utf8.h"

namespace cairn::api {
namespace {

bool nests_deeper(std::string_view text, int depth_max) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > depth_max) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

Result<Json> parse_json(std::string_view text, int depth_max) {
  if (nests_deeper(text, depth_max))
    return fail(Code::invalid_argument, "JSON nests deeper than " + std::to_string(depth_max) + " levels");
  std::vector<std::set<std::string>> names;  // of the objects that are open
  std::optional<std::string> twice;
  const auto note = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) names.emplace_back();
    if (event == Json::parse_event_t::object_end) names.pop_back();
    if (event == Json::parse_event_t::key && !names.back().insert(parsed.get<std::string>()).second)
      twice = parsed.get<std::string>();
    return true;
  };
  try {
    Json json = Json::parse(text, note);
    if (twice)
      return fail(Code::invalid_argument, "an object of the JSON has the member '" + *twice + "' twice");
    return json;
  } catch (const Json::parse_error& error) {
    return fail(Code::invalid_argument, "malformed JSON at byte " + std::to_string(error.byte));
  } catch (const Json::out_of_range&) {  // 1e999: the only way out of range while parsing
    return fail(Code::invalid_argument, "malformed JSON: a number is too large for a double");
  }
}

Json bytes_to_json(const std::string& bytes) {
  if (is_utf8(bytes)) return bytes;
  return {{"base64", base64_encode(bytes)}};
}

Result<std::string> bytes_from_json(const Json& value, const std::string& where) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object() && value.size() == 1 && value.contains("base64") && value["base64"].is_string()) {
    std::optional<std::string> bytes = base64_decode(value["base64"].get_ref<const std::string&>());
    if (bytes) return *std::move(bytes);
    return fail(Code::invalid_argument, where + ".base64 is not base64");
  }
  return fail(Code::invalid_argument, where + " must be a string or {\"base64\": \"...\"}");
}

Json to_json(const mvccpb::KeyValue& kv, bool keys_only) {
  Json out = {{"key", bytes_to_json(kv.key())}};
  if (!keys_only) out["value"] = bytes_to_json(kv.value());
  out["create_revision"] = kv.create_revision();
  out["mod_revision"] = kv.mod_revision();
  out["version"] = kv.version();
  if (kv.lease() != 0) out["lease"] = hex_id(static_cast<std::uint64_t>(kv.lease()));
  return out;
}

}  // namespace cairn::api
