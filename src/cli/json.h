// JSON as the command line reads and writes it: byte strings are strings when they are UTF-8, {"base64":
// ".."} if not.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "client/client.h"

namespace cairn::cli {

using Json = nlohmann::ordered_json;

Json bytes_to_json(const std::string& bytes);
// False when it is neither a string nor {"base64": valid}.
bool bytes_from_json(const Json& value, std::string* into);
Json kv_to_json(const client::KeyValue& kv, bool keys_only = false);

}  // namespace cairn::cli
