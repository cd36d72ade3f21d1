// Session: who to ask, when to ask again, and when to give up. See Client for the promises.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/client.h"
#include "client/transport.h"

namespace cairn::client {

class Session {
 public:
  Session(Options options, std::unique_ptr<Transport> transport);

  // `is_write`: goes to the leader, and its retries need the idempotency key that the request must carry.
  Answer<Response> call(const Request& request, bool is_write) { return call(request, is_write, {}); }
  // A read that a member may think about for so long before it answers.
  Answer<Response> poll(const Request& request, std::chrono::milliseconds wait) {
    return call(request, false, wait);
  }
  // Whoever answered last cannot help: the next call goes to another, after a moment.
  void avoid_endpoint();
  std::chrono::steady_clock::time_point now() { return transport_->now(); }
  const Options& options() const { return options_; }
  // Under `key`, or under one of its own when that is empty.
  Answer<Response> write(const Request& request, std::string_view key);
  // One exchange with exactly this endpoint.
  Answer<Response> call_at(const std::string& endpoint, const Request& request);

 private:
  Answer<Response> call(const Request& request, bool is_write, std::chrono::milliseconds wait);
  std::string fresh_key();
  void learn_revision(const Response& response);
  struct Attempts;
  bool absorb(Attempts* attempts, std::variant<Response, Failure> result, Answer<Response>* answer);
  void after_failure(Attempts* attempts, const Failure& failure);
  bool after_response(Attempts* attempts, Response response, Answer<Response>* answer);
  static std::string told_by_all(const Attempts& attempts);
  Error give_up(const Attempts& attempts) const;
  void next_endpoint();
  const std::string& endpoint(bool is_write) const;

  Options options_;
  std::unique_ptr<Transport> transport_;
  std::size_t current_ = 0;  // in options_.endpoints
  std::string leader_;       // where the last redirect led; empty: unknown
  bool ever_answered_ = false;
  std::uint64_t key_prefix_, key_count_ = 0;
  std::int64_t revision_ = 0;  // the newest that an answer has named
};

// The server's problem+json as an Error.
Error error_of(const Response& response, const std::string& endpoint, bool is_write);

}  // namespace cairn::client
