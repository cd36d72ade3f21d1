// Problem: an error as RFC 9457 writes it (application/problem+json), with a stable `code`, a hint on what to
// do next, and the leader when one is known. Which type of problem a refusal is stands in etcd/reasons.cc.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "rpc/handler.h"

namespace cairn::api {

struct Problem {
  int status = 500;
  std::string code;    // stable, for programs: "key_not_found"
  std::string title;   // what happened
  std::string detail;  // with which values; may be empty
  std::string hint;    // what to do next; may be empty
};

// A refusal of the member. A write whose outcome is unknown is 504 "outcome_unknown", never a plain failure.
Problem problem_of(const Error& error, bool is_write);
Problem bad_request(std::string code, std::string detail, std::string hint = "");

// `leader_url` may be empty.
rpc::HttpResponse to_response(const Problem& problem, std::string_view leader_url);

}  // namespace cairn::api
