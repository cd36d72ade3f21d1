#include "api/rest_auth.h"

#include <utility>

#include "api/cors.h"
#include "api/login.h"
#include "api/rest.h"
#include "base/percent.h"
#include "etcd/reasons.h"

namespace cairn::api {
namespace {

std::string_view authorization_of(const rpc::HttpRequest& request) {
  return header_of(request, "authorization");
}

std::optional<Login> basic_of(std::string_view authorization) {
  const std::string_view rest = without_scheme(authorization, "basic ");
  if (rest.size() == authorization.size()) return std::nullopt;
  const auto text = base64_decode(rest);
  const std::size_t colon = text ? text->find(':') : std::string::npos;
  if (colon == std::string::npos) return Login{};  // of nobody
  return Login{.user = text->substr(0, colon), .password = text->substr(colon + 1)};
}

void refuse(const Config& config, Guard& member, std::shared_ptr<rpc::HttpCall> call, const Error& why) {
  RestCall(config, member, std::move(call), {}).refuse(why);
}

}  // namespace

std::string_view header_of(const rpc::HttpRequest& request, std::string_view wanted) {
  for (const auto& [name, value] : request.headers)
    if (name == wanted) return value;
  return {};
}

std::string_view common_name_behind(const rpc::HttpCall& call) {
  const std::string_view origin = header_of(call.request(), "origin");
  const bool is_foreign = !origin.empty() && !is_own(origin, header_of(call.request(), "host"));
  return is_foreign ? std::string_view() : call.common_name();
}

bool says_who_it_is(const rpc::HttpRequest& request) { return !authorization_of(request).empty(); }

void authorize(const Config& config, Guard& member, std::shared_ptr<rpc::HttpCall> call) {
  const std::string_view authorization = authorization_of(call->request());
  std::optional<Login> login = basic_of(authorization);
  if (!login) {
    SharedCredential whose = credential_of(common_name_behind(*call));
    if (!authorization.empty())
      whose = std::make_shared<Credential>(Credential{.token = std::string(without_bearer(authorization))});
    const Guard::Scope scope(member, std::move(whose));
    return dispatch(config, member, std::move(call));
  }
  const Guard::Scope scope(member, std::make_shared<Credential>(Credential{.for_anyone = true}));
  const Time deadline = member.now() + config.request_timeout;
  const auto then = [&config, &member, call, user = login->user](const Result<std::uint64_t>& revision) {
    if (call->cancelled()) return;
    if (!revision && revision.error().reason != Reason::auth_not_enabled)
      return refuse(config, member, call, revision.error());
    SharedCredential whose;
    if (revision)
      whose = std::make_shared<Credential>(Credential{.user = user, .password_revision = *revision});
    const Guard::Scope inner(member, std::move(whose));
    dispatch(config, member, call);
  };
  check_login(config, member, deadline, *std::move(login), then);
}

}  // namespace cairn::api
