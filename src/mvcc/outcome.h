// Outcome: what a command or a query came to. A refusal is an outcome like any other: applying cannot fail.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/long_message.h"
#include "base/result.h"

namespace cairn::mvcc {

struct Outcome {
  Code code = Code::ok;
  Reason reason{};            // when code is not ok, as in an Error
  std::string error;          // its text
  std::int64_t revision = 0;  // of the store when this was answered; belongs in the response header
  // The serialized response message (PutResponse, TxnResponse, ...) without its header field: whoever answers
  // writes the header in front, which protobuf merges.
  std::string body;

  Error refusal() const { return {code, error, reason}; }  // when code is not ok
};

inline Outcome refuse(Error error, std::int64_t revision = 0) {
  return {.code = error.code,
          .reason = error.reason,
          .error = std::move(error.message),
          .revision = revision,
          .body = {}};
}

// An Outcome, or a body too large to be made at once, which keeps the view that it reads.
struct RangeAnswer {
  Outcome outcome;
  std::unique_ptr<LongMessage> large;  // when not null: instead of outcome.body
};

}  // namespace cairn::mvcc
