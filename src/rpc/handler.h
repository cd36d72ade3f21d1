// Handler: what a server asks of those who answer its calls, and the calls as these see them. Threading: all
// on the thread of the server. Bounded by rpc::Limits.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/long_message.h"
#include "base/result.h"
#include "base/time.h"

namespace cairn::rpc {

using Headers = std::vector<std::pair<std::string, std::string>>;  // names in lower case

// One gRPC call as the handler sees it. Kept by shared_ptr for as long as the handler wants to answer; when
// the client has gone, cancelled() is true and sending does nothing.
class GrpcCall {
 public:
  virtual ~GrpcCall() = default;
  virtual std::string_view method() const = 0;                         // "/etcdserverpb.KV/Put"
  virtual std::string_view metadata(std::string_view name) const = 0;  // "" when absent
  virtual std::optional<Time> deadline() const = 0;                    // from grpc-timeout
  virtual bool cancelled() const = 0;
  // One response message, in up to two pieces that are sent as one (a header in front of a prepared body).
  virtual void send(std::string_view head, std::string_view body) = 0;
  // One response message that is too large to be made at once. One that turns out small is sent like any
  // other. Beyond the limits, or when it is larger than a message may be, the call ends with an error
  // instead.
  virtual void send(std::string_view head, std::unique_ptr<LongMessage> body) = 0;
  virtual void finish(Code code, std::string_view message) = 0;  // trailers; the call is over
  void refuse(const Error& error) { finish(error.code, error.message); }
};

// A call of a streaming method; destroyed when the call ends for whatever reason.
struct GrpcStream {
  virtual ~GrpcStream() = default;
  virtual void on_message(std::string_view message) = 0;
  virtual void on_half_close() = 0;  // the client will send no more
};

struct HttpRequest {
  std::string method;
  std::string target;  // path and query as sent, percent-encoding untouched
  Headers headers;
  std::string body;
};
struct HttpResponse {
  int status = 200;
  Headers headers;
  std::string body;
};
class HttpCall {  // answered once; destroyed unanswered closes the connection
 public:
  virtual ~HttpCall() = default;
  virtual const HttpRequest& request() const = 0;
  virtual void respond(HttpResponse response) = 0;
};

struct GrpcEnd {
  std::string_view method;
  Code code = Code::unknown;       // cancelled when the client went away first
  std::size_t received_bytes = 0;  // of messages, without their framing
  std::size_t sent_bytes = 0;
};

struct Handler {
  virtual ~Handler() = default;
  // A call that on_unary or open_stream got is over: counted once, whoever ended it.
  virtual void on_grpc_end(const GrpcEnd&) {}
  // A long reply has had its turn and made so many bytes; 0 while its size is being found out.
  virtual void on_long_reply_turn(std::size_t) {}
  // A whole request message has arrived. Unknown methods: finish(unimplemented, ...).
  virtual void on_unary(std::shared_ptr<GrpcCall> call, std::string_view request) = 0;
  // Null when the method is not a streaming one (then on_unary follows).
  virtual std::unique_ptr<GrpcStream> open_stream(const std::shared_ptr<GrpcCall>& call) = 0;
  virtual void on_http(std::shared_ptr<HttpCall> call) = 0;
};

}  // namespace cairn::rpc
