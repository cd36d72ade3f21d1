// Router: from the target of an HTTP request to what it asks for. Pure; fuzzed. Nothing is normalised ("..",
// "//"), because every byte of a path may belong to a key.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace cairn::api {

struct Target {
  std::string path;                                        // percent-encoding untouched
  std::vector<std::pair<std::string, std::string>> query;  // decoded

  // Null when absent. A bare `?name` is an empty string.
  const std::string* parameter(std::string_view name) const;
  bool flag(std::string_view name) const;  // present: empty, "true" or "1"; parse_target() knows its name
};

Result<Target> parse_target(std::string_view target, std::size_t parameters_max);

// The key of /v1/kv/{key}: what follows the prefix, percent-decoded, then from base64url when
// `?enc=base64url`.
Result<std::string> key_of(const Target& target);
// The query parameter `name` as a key, encoded as `?enc=` says.
Result<std::string> key_parameter(const Target& target, std::string_view name);
// A non-negative number, or `otherwise` when absent.
Result<std::int64_t> number_parameter(const Target& target, std::string_view name, std::int64_t otherwise);
// Every parameter is one of `known`; a misspelt one would otherwise be a condition silently not applied.
Status only_parameters(const Target& target, std::initializer_list<std::string_view> known);

enum class Route {
  kv_key,   // /v1/kv/{key}
  kv_list,  // /v1/kv
  txn,
  status,
  members,
  leases,            // /v1/leases
  lease,             // /v1/leases/{id}
  lease_keep_alive,  // /v1/leases/{id}/keep-alive
  watch,
  health,
  livez,   // and /livez/{check}
  readyz,  // and /readyz/{check}
  version,
  metrics,
  root,     // /
  console,  // /ui and /ui/{file}
  none,
};
Route route_of(std::string_view path);

}  // namespace cairn::api
