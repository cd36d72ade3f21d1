#include "api/problem.h"

#include <nlohmann/json.hpp>

namespace cairn::api {
namespace {

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

struct Row {
  Code code;
  std::string_view text;  // how the message starts; empty matches every message of the code
  int status;
  std::string_view name, title, hint;
};

constexpr std::string_view kKeyHint = "put the key behind /v1/kv/, percent-encoded";
constexpr Row kRows[] = {
    {Code::invalid_argument, "etcdserver: request is too large", 413, "too_large", "The request is too large",
     "one request may carry 1.5 MiB: split it, or store large values elsewhere and keep a reference here"},
    {Code::invalid_argument, "etcdserver: key is not provided", 400, "key_empty", "A key is not empty",
     kKeyHint},
    {Code::invalid_argument, "etcdserver: too many operations", 400, "too_many_operations",
     "A transaction holds 128 operations at most", "split it; one that must be atomic cannot be larger"},
    {Code::invalid_argument, "etcdserver: duplicate key", 400, "duplicate_key",
     "A transaction writes a key once at most", "drop the earlier of the two writes"},
    {Code::invalid_argument, "the idempotency-revision", 400, "idempotency_revision_invalid",
     "That revision does not exist yet", "is this the cluster that the revision came from?"},
    {Code::invalid_argument, "", 400, "invalid_request", "The request is not valid", ""},
    {Code::out_of_range, "etcdserver: mvcc: required revision has been compacted", 410, "compacted",
     "That revision has been compacted away", "start again without a revision or cursor"},
    {Code::out_of_range, "etcdserver: mvcc: required revision is a future revision", 400, "future_revision",
     "That revision does not exist yet", "a local read may lag behind: ask for consistency=linearizable"},
    {Code::resource_exhausted, "etcdserver: mvcc: database space exceeded", 507, "no_space",
     "The disks of too many members have no room",
     "make room on them: writes go on by themselves; until then keys can be read and deleted"},
    {Code::resource_exhausted, "", 429, "too_many_requests", "The member is overloaded",
     "retry after a pause"},
    {Code::failed_precondition, "the idempotency key is too old", 409, "idempotency_key_too_old",
     "It is not known whether the write has happened",
     "read the key to find out; to write again, use a new Idempotency-Key with a newer Idempotency-Revision"},
    {Code::failed_precondition, "the request with this idempotency key was applied", 409, "already_applied",
     "The write was applied before, and its answer is not kept", "read the keys"},
    {Code::unavailable, "etcdserver: no leader", 503, "no_leader", "The cluster has no leader at the moment",
     "retry shortly; if it lasts, a majority of members is down: see /v1/status of each"},
};

Row timed_out(bool is_write) {
  if (is_write)
    return {Code::unavailable,
            "",
            504,
            "outcome_unknown",
            "It is not known whether the write has happened",
            "read the key to find out, or send it again with the same Idempotency-Key: it applies once"};
  return {Code::unavailable,
          "",
          504,
          "timeout",
          "The read was not answered in time",
          "retry, or read this member's own state with consistency=local"};
}

Row row_of(const Error& error, bool is_write) {
  for (const Row& row : kRows)
    if (row.code == error.code && starts_with(error.message, row.text)) return row;
  if (error.code == Code::unavailable || error.code == Code::deadline_exceeded ||
      error.code == Code::unknown || error.code == Code::cancelled)
    return timed_out(is_write);
  return {error.code, "", 500, "internal", "The member failed to answer", "see its log"};
}

}  // namespace

Problem problem_of(const Error& error, bool is_write) {
  const Row row = row_of(error, is_write);
  return {.status = row.status,
          .code = std::string(row.name),
          .title = std::string(row.title),
          .detail = error.message,
          .hint = std::string(row.hint)};
}

Problem bad_request(std::string code, std::string detail, std::string hint) {
  return {.status = 400,
          .code = std::move(code),
          .title = "The request is not valid",
          .detail = std::move(detail),
          .hint = std::move(hint)};
}

rpc::HttpResponse to_response(const Problem& problem, std::string_view leader_url) {
  nlohmann::ordered_json body = {
      {"title", problem.title}, {"status", problem.status}, {"code", problem.code}};
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
