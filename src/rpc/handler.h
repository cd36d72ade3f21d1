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
#include "rpc/method.h"

namespace cairn::rpc {

using Headers = std::vector<std::pair<std::string, std::string>>;  // names in lower case

// Where the messages of an answer go. Kept by shared_ptr for as long as the handler wants to answer; when the
// client has gone, cancelled() is true and sending does nothing.
//
// A stream that its client reads slowly, or not at all, is not ended: its producer waits. It asks has_room()
// before each message, and after a no it is told by on_room() when to ask again. Whoever sends without asking
// is cut off at Limits::stream_out_bytes_max.
class Outlet {
 public:
  virtual ~Outlet() = default;
  virtual bool cancelled() const = 0;
  virtual std::size_t unsent_bytes() const = 0;  // sent here, and not yet handed to the network
  virtual bool has_room() = 0;                   // always, when nothing is unsent
  // Of the certificate that the client has proved to be its own; empty: none was demanded, or it has gone.
  virtual std::string_view common_name() const { return {}; }
};

// What a stream tells its producer; destroyed when the stream ends for whatever reason.
struct Producer {
  virtual ~Producer() = default;
  // After has_room() has said no: there is some again. Never from inside a call of the Outlet.
  virtual void on_room() {}
};

// One gRPC call as the handler sees it.
class GrpcCall : public Outlet {
 public:
  virtual std::string_view method() const = 0;                         // "/etcdserverpb.KV/Put"
  virtual std::string_view metadata(std::string_view name) const = 0;  // "" when absent
  virtual std::optional<Time> deadline() const = 0;                    // from grpc-timeout
  // One response message, in up to two pieces that are sent as one (a header in front of a prepared body).
  virtual void send(std::string_view head, std::string_view body) = 0;
  // One response message that is too large to be made at once. One that turns out small is sent like any
  // other. Beyond the limits, or when it is larger than a message may be, the call ends with an error
  // instead. A stream has no room while such a message is under way.
  virtual void send(std::string_view head, std::unique_ptr<LongMessage> body) = 0;
  virtual void finish(Code code, std::string_view message) = 0;  // trailers; the call is over
  void refuse(const Error& error) { finish(error.code, error.message); }
  // Of a stream: the handler takes no more of the client's messages for now; and again. What arrives
  // meanwhile waits, and as its window is not given back, the client has to stop soon:
  // Limits::stream_window_bytes.
  virtual void pause() = 0;
  virtual void resume() = 0;
};

// The handler's side of a streaming call.
struct GrpcStream : Producer {
  virtual void on_message(std::string_view message) = 0;  // taken, unless it is paused: not another one then
  virtual void on_half_close() = 0;                       // the client will send no more
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
// Answered once, as a whole or as a stream; destroyed unanswered, or before the end of a stream, it closes
// the connection.
class HttpCall : public Outlet {
 public:
  virtual const HttpRequest& request() const = 0;
  virtual void respond(HttpResponse response) = 0;
  // Begins an answer whose body follows in pieces: chunks, where the client knows them. The body of `head` is
  // the first of them. The producer is destroyed when the answer ends; at once, when it has no body (to
  // HEAD).
  virtual void respond(HttpResponse head, std::unique_ptr<Producer> producer) = 0;
  virtual void send(std::string_view piece) = 0;
  // Before the answer begins: kept until it does, or until the client has gone; its destruction tells which.
  virtual void keep(std::unique_ptr<Producer> waiting) = 0;
  // Has the producer's on_room() called in a later turn, though there may be room all the time: of long work
  // each turn does a piece.
  virtual void ask_turn() = 0;
  virtual void finish() = 0;  // the answer is complete
};

struct GrpcEnd {
  const Method& method;
  Code code = Code::unknown;       // cancelled when the client went away first
  std::size_t received_bytes = 0;  // of messages, without their framing
  std::size_t sent_bytes = 0;
  Time begun{};                // when its headers came
  std::string_view beginning;  // of its request's message, for whoever wants to say which call it was
};

struct Handler {
  virtual ~Handler() = default;
  // What is served at this path; null: nothing, and the call is refused before its message is read. Asked
  // once a call, when its headers have come.
  virtual const Method* find_method(std::string_view path) const = 0;
  // Decides only in what words the others are refused.
  virtual bool knows_service(std::string_view) const { return false; }
  // A whole request message of a unary method has arrived.
  virtual void on_unary(const Method& method, std::shared_ptr<GrpcCall> call, std::string_view request) = 0;
  // A call of a streaming method has begun. Null when it has been finished at once.
  virtual std::unique_ptr<GrpcStream> open_stream(const Method& method,
                                                  const std::shared_ptr<GrpcCall>& call) = 0;
  // A call that on_unary or open_stream got is over: counted once, whoever ended it.
  virtual void on_grpc_end(const GrpcEnd&) {}
  // A long reply has had its turn and made so many bytes; 0 while its size is being found out.
  virtual void on_long_reply_turn(std::size_t) {}
  // Of a request whose client waits for a word before it sends the body (Expect: 100-continue): the answer,
  // if it needs none. `head` has no body yet.
  virtual std::optional<HttpResponse> answer_early(const HttpRequest&) { return std::nullopt; }
  virtual void on_http(std::shared_ptr<HttpCall> call) = 0;
};

}  // namespace cairn::rpc
