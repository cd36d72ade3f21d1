// JSON of REST v1. A byte string is a JSON string when it is UTF-8, and {"base64": "..."} otherwise, both
// ways.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "proto/kv.pb.h"

namespace cairn::api {

using Json = nlohmann::ordered_json;

// Refuses what nests deeper before parsing it.
Result<Json> parse_json(std::string_view text, int depth_max);

Json bytes_to_json(const std::string& bytes);
Result<std::string> bytes_from_json(const Json& value, const std::string& where);
Json to_json(const mvccpb::KeyValue& kv, bool keys_only = false);

}  // namespace cairn::api
