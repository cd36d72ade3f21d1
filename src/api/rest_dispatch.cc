#include "api/console.h"
#include "api/cors.h"
#include "api/guard.h"
#include "api/precondition.h"
#include "api/rest.h"
#include "etcd/reasons.h"

namespace cairn::api {
namespace {

// Once there are users. Every row says so: without, it does not compile.
enum class For {
  users,   // any; what a handler then asks of the member is looked at there
  here,    // any; it tells at once what this member knows
  anyone,  // it tells nothing of the data
};

struct Row {
  Route route;
  std::string_view method;
  void (*run)(const Rest&);
  For whom;
};

constexpr Row kRows[] = {
    {Route::kv_key, "GET", rest_get, For::users},
    {Route::kv_key, "PUT", rest_put, For::users},
    {Route::kv_key, "DELETE", rest_delete, For::users},
    {Route::kv_list, "GET", rest_list, For::users},
    {Route::kv_list, "DELETE", rest_delete_prefix, For::users},
    {Route::txn, "POST", rest_txn, For::users},
    {Route::status, "GET", rest_status, For::here},
    {Route::members, "GET", rest_members, For::here},
    {Route::leases, "GET", rest_leases, For::users},
    {Route::leases, "POST", rest_grant_lease, For::users},
    {Route::lease, "GET", rest_lease, For::users},
    {Route::lease, "DELETE", rest_revoke_lease, For::users},
    {Route::lease_keep_alive, "POST", rest_keep_alive, For::users},
    {Route::watch, "GET", rest_watch, For::here},
    {Route::health, "GET", rest_health, For::anyone},
    {Route::livez, "GET", rest_livez, For::anyone},
    {Route::readyz, "GET", rest_readyz, For::anyone},
    {Route::version, "GET", rest_version, For::anyone},
    {Route::metrics, "GET", rest_metrics, For::anyone},
    {Route::root, "GET", console_root, For::anyone},
    {Route::console, "GET", console_file, For::anyone},
};

std::string methods_of(Route route) {
  std::string allowed;
  for (const Row& row : kRows) {
    if (row.route != route) continue;
    allowed += std::string(row.method) + ", ";
    if (row.method == "GET") allowed += "HEAD, ";
  }
  return allowed + "OPTIONS";
}

void refuse_method(RestCall& rest, Route route) {
  const std::string allowed = methods_of(route);
  rpc::HttpResponse response = to_response({.status = 405,
                                            .code = "method_not_allowed",
                                            .title = "This path does not answer " + rest.request().method,
                                            .detail = rest.target().path,
                                            .hint = "use one of: " + allowed},
                                           "");
  response.headers.emplace_back("allow", allowed);
  rest.respond(std::move(response));
}

// RFC 9110 9.3.7, and what a browser asks before it sends a page's request (Fetch 4.8).
void tell_options(RestCall& rest, const std::string& allowed) {
  rpc::HttpResponse response;
  response.status = 204;
  response.headers.emplace_back("allow", allowed);
  if (rest.header("access-control-request-method"))
    add_preflight(rest.config(), rest.header("origin").value_or(""), shows_console(rest), allowed,
                  &response.headers);
  rest.respond(std::move(response));
}

constexpr std::string_view kAllMethods = "GET, HEAD, PUT, POST, DELETE, OPTIONS";

// Of a request whose body has not come there is no call to answer yet.
struct HeadOnly final : rpc::HttpCall {
  explicit HeadOnly(const rpc::HttpRequest& of) : head(of) {}
  const rpc::HttpRequest& request() const override { return head; }
  void respond(rpc::HttpResponse) override {}
  void respond(rpc::HttpResponse, std::unique_ptr<rpc::Producer>) override {}
  void send(std::string_view) override {}
  void keep(std::unique_ptr<rpc::Producer>) override {}
  void ask_turn() override {}
  void finish() override {}
  bool cancelled() const override { return false; }
  std::size_t unsent_bytes() const override { return 0; }
  bool has_room() override { return true; }
  const rpc::HttpRequest& head;
};

// In the name of who asks.
void run(const Row& row, Guard& member, const Rest& rest) {
  if (member.asks_nobody()) [[likely]]
    return row.run(rest);
  if (row.whom == For::anyone) {
    const Guard::Scope scope(member, std::make_shared<Credential>(Credential{.for_anyone = true}));
    return row.run(rest);
  }
  if (!member.knows_users())
    return row.whom == For::here ? rest->refuse(etcd::error_of(Reason::users_not_known)) : row.run(rest);
  if (const Status may = member.may(member.current().get(), {}); !may) return rest->refuse(may.error());
  row.run(rest);
}

}  // namespace

void dispatch(const Config& config, Guard& member, std::shared_ptr<rpc::HttpCall> call) {
  if (call->request().target == "*")  // of OPTIONS alone: the connection has seen to that
    return tell_options(*std::make_shared<RestCall>(config, member, std::move(call), Target()),
                        std::string(kAllMethods));
  Result<Target> target = parse_target(call->request().target, config.query_parameters_max);
  if (!target) {
    RestCall(config, member, std::move(call), {}).refuse(target.error());
    return;
  }
  const auto rest = std::make_shared<RestCall>(config, member, std::move(call), *std::move(target));
  const Route route = route_of(rest->target().path);
  if (route == Route::none || (route == Route::root && !wants_page(*rest)))
    return rest->refuse(
        Problem{.status = 404,
                .code = "no_such_path",
                .title = "Nothing is served at this path",
                .detail = rest->target().path,
                .hint = "keys are at /v1/kv/{key}; see also /v1/status and /metrics, and in a browser /ui/"});
  if (const Status known = check_conditions(*rest, route == Route::kv_key || route == Route::console); !known)
    return rest->refuse(bad_request("condition_not_supported", known.error().message));
  if (rest->request().method == "OPTIONS") return tell_options(*rest, methods_of(route));
  const std::string_view origin = rest->header("origin").value_or("");
  const bool reads = rest->request().method == "GET" || rest->request().method == "HEAD";
  if (!reads && !may_write(config, origin, rest->header("host").value_or("")))
    return rest->refuse(Problem{.status = 403,
                                .code = "origin_not_allowed",
                                .title = "Pages of that origin may not write here",
                                .detail = std::string(origin),
                                .hint = "start the members with --cors and the origins that may"});
  // RFC 9110 9.3.2: HEAD is answered as GET is; the connection leaves the body out.
  const std::string_view asked = rest->request().method;
  const std::string_view method = asked == "HEAD" ? "GET" : asked;
  for (const Row& row : kRows)
    if (row.route == route && row.method == method) return run(row, member, rest);
  refuse_method(*rest, route);
}

std::optional<rpc::HttpResponse> answer_early(const Config& config, node::Member& member,
                                              const rpc::HttpRequest& head) {
  const Result<Target> target = parse_target(head.target, config.query_parameters_max);
  // A transaction may turn out to be a read, which is answered here.
  if (!target || head.method != "PUT" || route_of(target->path) != Route::kv_key) return std::nullopt;
  RestCall rest(config, member, std::make_shared<HeadOnly>(head), *target);
  rest.leave();
  return rest.redirected();
}

}  // namespace cairn::api
