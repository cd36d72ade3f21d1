#include "api/problem.h"

#include <nlohmann/json.hpp>

#include "etcd/reasons.h"

namespace cairn::api {

Problem problem_of(const Error& error, bool is_write) {
  const etcd::Problem& type = etcd::problem_of(error, is_write);
  return {.status = type.status,
          .code = std::string(type.code),
          .title = std::string(type.title),
          .detail = error.message,
          .hint = std::string(type.hint)};
}

Problem bad_request(std::string code, std::string detail, std::string hint) {
  return {.status = 400,
          .code = std::move(code),
          .title = "The request is not valid",
          .detail = std::move(detail),
          .hint = std::move(hint)};
}

rpc::HttpResponse to_response(const Problem& problem, std::string_view leader_url) {
  nlohmann::ordered_json body = {{"type", "urn:cairn:problem:" + problem.code},
                                 {"title", problem.title},
                                 {"status", problem.status},
                                 {"code", problem.code}};
  if (!problem.detail.empty()) body["detail"] = problem.detail;
  if (!problem.hint.empty()) body["hint"] = problem.hint;
  if (!leader_url.empty()) body["leader"] = leader_url;
  rpc::HttpResponse response;
  response.status = problem.status;
  response.headers.emplace_back("content-type", "application/problem+json");
  if (problem.status == 503 || problem.status == 429) response.headers.emplace_back("retry-after", "1");
  // A detail may quote bytes of the client that are not UTF-8.
  response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  return response;
}

}  // namespace cairn::api
