#include "api/rest.h"

namespace cairn::api {
namespace {

struct Row {
  Route route;
  std::string_view method;
  void (*run)(const Rest&);
};

constexpr Row kRows[] = {
    {Route::kv_key, "GET", rest_get},
    {Route::kv_key, "PUT", rest_put},
    {Route::kv_key, "DELETE", rest_delete},
    {Route::kv_list, "GET", rest_list},
    {Route::kv_list, "DELETE", rest_delete_prefix},
    {Route::txn, "POST", rest_txn},
    {Route::status, "GET", rest_status},
    {Route::members, "GET", rest_members},
    {Route::health, "GET", rest_health},
    {Route::livez, "GET", rest_livez},
    {Route::readyz, "GET", rest_readyz},
    {Route::version, "GET", rest_version},
    {Route::metrics, "GET", rest_metrics},
};

void refuse_method(RestCall& rest, Route route) {
  std::string allowed;
  for (const Row& row : kRows) {
    if (row.route != route) continue;
    allowed += (allowed.empty() ? "" : ", ") + std::string(row.method);
    if (row.method == "GET") allowed += ", HEAD";
  }
  rpc::HttpResponse response = to_response({.status = 405,
                                            .code = "method_not_allowed",
                                            .title = "This path does not answer " + rest.request().method,
                                            .detail = rest.target().path,
                                            .hint = "use one of: " + allowed},
                                           "");
  response.headers.emplace_back("allow", allowed);
  rest.respond(std::move(response));
}

}  // namespace

void dispatch(const Config& config, node::Member& member, std::shared_ptr<rpc::HttpCall> call) {
  Result<Target> target = parse_target(call->request().target, config.query_parameters_max);
  if (!target) {
    RestCall(config, member, std::move(call), {}).refuse(target.error());
    return;
  }
  const auto rest = std::make_shared<RestCall>(config, member, std::move(call), *std::move(target));
  const Route route = route_of(rest->target().path);
  if (route == Route::none)
    return rest->refuse(Problem{.status = 404,
                                .code = "no_such_path",
                                .title = "Nothing is served at this path",
                                .detail = rest->target().path,
                                .hint = "keys are at /v1/kv/{key}; see also /v1/status and /metrics"});
  // RFC 9110 9.3.2: HEAD is answered as GET is; the connection leaves the body out.
  const std::string_view asked = rest->request().method;
  const std::string_view method = asked == "HEAD" ? "GET" : asked;
  for (const Row& row : kRows)
    if (row.route == route && row.method == method) return row.run(rest);
  refuse_method(*rest, route);
}

}  // namespace cairn::api
