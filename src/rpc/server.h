// Server: one port for clients. HTTP/2 with gRPC framing (nghttp2) and HTTP/1.1 (Beast) on one Asio loop,
// told apart by the first bytes of a connection. Threading: everything, handlers included, runs on the thread
// that runs the io_context; for several threads there are several servers (spread_over). Bounded: see Limits.
// No length from the network is trusted before it is checked against one of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/long_message.h"
#include "base/result.h"
#include "base/time.h"

namespace boost::asio {
class io_context;
}

namespace cairn::rpc {

using Headers = std::vector<std::pair<std::string, std::string>>;  // names in lower case

struct Limits {
  std::size_t connections_max = 10000;
  std::size_t streams_per_connection_max = 1000;
  std::size_t message_bytes_max =
      (std::size_t{3} << 19) + (std::size_t{512} << 10);  // 1.5 MiB + 512 KiB, as etcd
  std::size_t header_bytes_max = std::size_t{16} << 10;
  std::size_t arriving_request_bytes_max = std::size_t{256} << 20;  // of the whole server; beyond: refused
  std::size_t http_body_bytes_max = std::size_t{2} << 20;
  std::size_t stream_out_bytes_max = std::size_t{64} << 20;  // unsent; beyond, a streaming call is cancelled
  // Replies that are made while they are sent. Each keeps a state of the data alive, so a client that does
  // not read, or reads slower than long_reply_bytes_per_second_min on average, is cut off.
  std::size_t long_replies_max = 1024;
  std::size_t long_replies_per_connection_max = 256;
  std::size_t long_reply_piece_bytes = std::size_t{64} << 10;  // made in one turn, and waiting to be sent
  std::size_t long_reply_bytes_per_second_min = std::size_t{256} << 10;
  Duration long_reply_timeout = std::chrono::seconds(30);  // without a byte taken; and granted at the start
  Duration preface_timeout = std::chrono::seconds(5);
  Duration header_timeout = std::chrono::seconds(10);
  Duration idle_timeout = std::chrono::minutes(5);
  Duration write_timeout = std::chrono::seconds(30);  // a client that reads nothing for so long is cut off
  // A request may take header_timeout, and as much more as it takes to arrive at this rate.
  std::int64_t request_bytes_per_second_min = 1024;
  Duration linger_timeout =
      std::chrono::seconds(2);                      // for the client to take the last answer of a connection
  Duration drain_notice = std::chrono::seconds(1);  // for calls under way to a server that is draining
  // Timeouts are looked at when a quarter of the shortest has passed, within these.
  Duration check_interval_min = std::chrono::milliseconds(10);
  Duration check_interval_max = std::chrono::seconds(1);
  // Buffers. The first is one for all connections of a server.
  std::size_t input_bytes = std::size_t{256} << 10;      // read at once
  std::size_t write_bytes_max = std::size_t{256} << 10;  // collected for one write
  std::size_t kept_out_bytes = std::size_t{64} << 10;    // more than this is given back when idle
  std::size_t kept_sent_bytes = std::size_t{128} << 10;  // of a stream, before the rest is moved to the front
  std::size_t http1_waiting_bytes_max = std::size_t{64}
                                        << 10;  // behind a request in progress; no more is read
  // HTTP/2: what a client may send before it is answered, and frames that cost more to take than to send.
  std::uint32_t stream_window_bytes = std::uint32_t{1} << 20;
  std::int32_t connection_window_bytes = std::int32_t{8} << 20;
  std::size_t outbound_acks_max = 100;  // not read by the client; beyond, the connection ends; likewise:
  std::size_t settings_entries_max = 32;
  std::size_t continuations_max = 8;
  std::int64_t reset_burst = 200, resets_per_second = 33;  // rapid reset, CVE-2023-44487
  std::int64_t control_frame_burst = 200, control_frames_per_second = 10;
};

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

class Server {
 public:
  Server(boost::asio::io_context& io, Limits limits, Handler& handler);
  ~Server();
  // "127.0.0.1", "::1", "0.0.0.0"; port 0 picks a free one. Error: unavailable when in use.
  // May be called for several addresses.
  Result<std::uint16_t> listen(const std::string& address, std::uint16_t port);
  // Each connection that this server accepts is served by that one of `servers` that has the fewest of them,
  // on its thread; the limit of connections holds for all together. Before any thread runs, once, and
  // listen() after it. No server may be gone before all threads have ended.
  void spread_over(const std::vector<Server*>& servers);
  // Stops accepting, sends GOAWAY and lets calls in progress end; idle connections close. `connections()`
  // falls to 0.
  void drain();
  void close();  // at once
  std::size_t connections() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with the operations in flight
};

}  // namespace cairn::rpc
