#include "api/router.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/percent.h"
#include "etcd/reasons.h"

namespace cairn::api {
namespace {

constexpr std::string_view kKeyPrefix = "/v1/kv/";

// Parameters that are there or not.
constexpr std::array<std::string_view, 8> kFlags = {
    "keys", "prev", "all", "keys_only", "count_only", "verbose", "serializable", "require_leader"};

bool is_true(std::string_view value) { return value.empty() || value == "true" || value == "1"; }
bool is_false(std::string_view value) { return value == "false" || value == "0"; }

Result<std::string> decode_key(const Target& target, std::string decoded) {
  const std::string* const encoding = target.parameter("enc");
  if (encoding == nullptr || *encoding == "percent") return decoded;
  if (*encoding != "base64url")
    return fail(Code::invalid_argument, "unknown enc '" + *encoding + "': use enc=base64url or leave it out");
  std::optional<std::string> key = base64url_decode(decoded);
  if (!key) return fail(Code::invalid_argument, "'" + decoded + "' is not base64url");
  return *std::move(key);
}

}  // namespace

const std::string* Target::parameter(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name) return &value;
  return nullptr;
}

bool Target::flag(std::string_view name) const {
  const std::string* const value = parameter(name);
  return value != nullptr && is_true(*value);
}

Result<Target> parse_target(std::string_view target, std::size_t parameters_max) {
  if (target.empty() || target[0] != '/')
    return fail(Code::invalid_argument, "the request target is not a path");
  if (target.find('#') != std::string_view::npos)
    return fail(Code::invalid_argument,
                "the request target has a '#', which ends a path: write %23 where one is meant");
  const std::size_t mark = target.find('?');
  Target out;
  out.path = std::string(target.substr(0, mark));
  if (mark == std::string_view::npos) return out;

  for (std::string_view rest = target.substr(mark + 1); !rest.empty();) {
    const std::size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
    if (pair.empty()) continue;
    if (out.query.size() == parameters_max)
      return fail(Code::invalid_argument,
                  "more than " + std::to_string(parameters_max) + " query parameters");
    const std::size_t equals = pair.find('=');
    std::optional<std::string> name = percent_decode(pair.substr(0, equals), true);
    std::optional<std::string> value =
        percent_decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1), true);
    if (!name || !value)
      return fail(Code::invalid_argument,
                  "malformed percent-encoding in the query: '" + std::string(pair) + "'");
    // Probes exclude one check with each `exclude`.
    if (*name != "exclude" && out.parameter(*name) != nullptr)
      return fail(Code::invalid_argument, "query parameter '" + *name + "' is given twice");
    if (std::find(kFlags.begin(), kFlags.end(), *name) != kFlags.end() && !is_true(*value) &&
        !is_false(*value))
      return fail(Code::invalid_argument, *name + "='" + *value + "' is neither true nor false");
    out.query.emplace_back(*std::move(name), *std::move(value));
  }
  return out;
}

Result<std::string> key_of(const Target& target) {
  if (target.path.size() <= kKeyPrefix.size()) return fail(Reason::key_not_provided);
  std::optional<std::string> decoded =
      percent_decode(std::string_view(target.path).substr(kKeyPrefix.size()));
  if (!decoded)
    return fail(Code::invalid_argument, "malformed percent-encoding in the path: '" + target.path + "'");
  return decode_key(target, *std::move(decoded));
}

Result<std::string> key_parameter(const Target& target, std::string_view name) {
  const std::string* const value = target.parameter(name);
  return decode_key(target, value == nullptr ? "" : *value);
}

Result<std::int64_t> number_parameter(const Target& target, std::string_view name, std::int64_t otherwise) {
  const std::string* const text = target.parameter(name);
  if (text == nullptr) return otherwise;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || value < 0)
    return fail(Code::invalid_argument, std::string(name) + "='" + *text + "' is not a number of 0 or more");
  return value;
}

Status only_parameters(const Target& target, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : target.query) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string list;
    for (const std::string_view each : known) list += (list.empty() ? "" : ", ") + std::string(each);
    return fail(Code::invalid_argument, "unknown query parameter '" + name + "'; known here: " + list);
  }
  return {};
}

Route route_of(std::string_view path) {
  for (const std::string_view probe : {"/livez/", "/readyz/"})
    if (path.substr(0, probe.size()) == probe) path.remove_suffix(path.size() - probe.size() + 1);
  constexpr std::array<std::pair<std::string_view, Route>, 13> kRoutes = {{
      {"/v1/kv", Route::kv_list},
      {"/v1/txn", Route::txn},
      {"/v1/status", Route::status},
      {"/v1/members", Route::members},
      {"/v1/leases", Route::leases},
      {"/v1/watch", Route::watch},
      {"/health", Route::health},
      {"/livez", Route::livez},
      {"/readyz", Route::readyz},
      {"/version", Route::version},
      {"/metrics", Route::metrics},
      {"/", Route::root},
      {"/ui", Route::console},
  }};
  if (path.substr(0, kKeyPrefix.size()) == kKeyPrefix) return Route::kv_key;
  if (path.starts_with("/ui/")) return Route::console;
  if (constexpr std::string_view kLease = "/v1/leases/"; path.starts_with(kLease) && path != kLease) {
    const std::string_view of = path.substr(kLease.size());
    const std::size_t slash = of.find('/');
    if (slash == std::string_view::npos) return Route::lease;
    return slash > 0 && of.substr(slash) == "/keep-alive" ? Route::lease_keep_alive : Route::none;
  }
  for (const auto& [known, route] : kRoutes)
    if (path == known) return route;
  return Route::none;
}

}  // namespace cairn::api
