// Clients of the server: a blocking one for HTTP/1.1, which our client library and command line stand on, and
// an asynchronous one for gRPC, which tests and the load generator use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/channel.h"
#include "rpc/handler.h"

namespace boost::asio {
class io_context;
}

namespace cairn::rpc {

// HttpClient: one server, one connection at a time, kept open between requests.
// Threading: one thread at a time; request() blocks.
class HttpClient {
 public:
  struct Options {
    Duration connect_timeout = std::chrono::seconds(2);
    Duration request_timeout = std::chrono::seconds(10);
    std::size_t response_bytes_max = std::size_t{256} << 20;
    std::uint32_t header_bytes_max = 64 << 10;  // of a response
    net::Layer layer{};                         // what connections are spoken through, as TLS of https
  };
  // What went wrong decides what a caller may do next.
  enum class Failure {
    // Refused, no route, name unknown, no TLS with it: nothing was taken, so any request may be tried
    // elsewhere.
    unreachable,
    connect_timeout,  // nothing was sent either
    timeout,          // sent, no whole answer in time: the outcome is unknown
    disconnected,     // sent, the connection closed before the answer: the outcome is unknown
    bad_response,     // what came back is not HTTP or too large: the outcome is unknown
  };
  struct Error {
    Failure failure = Failure::unreachable;
    std::string message;
    bool nothing_sent() const {
      return failure == Failure::unreachable || failure == Failure::connect_timeout;
    }
  };
  struct Reply {  // either an answer or an error
    std::optional<HttpResponse> response;
    Error error;
    explicit operator bool() const { return response.has_value(); }
  };

  // `host` is a name or an address ("::1" without brackets).
  HttpClient(std::string host, std::uint16_t port, Options options);
  HttpClient(std::string host, std::uint16_t port) : HttpClient(std::move(host), port, Options{}) {}
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  // Host and Content-Length are added. A kept connection that turns out to be dead before a byte of the
  // answer came is replaced once for GET and HEAD, which are safe to repeat; for other methods the failure is
  // `disconnected`.
  Reply request(const HttpRequest& request);
  Reply request(const HttpRequest& request, Duration timeout);
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// What a gRPC call ended with. Views are valid during the callback only.
struct GrpcReply {
  Code code = Code::unknown;
  std::string_view status_message;
  std::string_view message;  // the last message received, "" when none
  Duration latency{};
};
using GrpcDone = std::function<void(const GrpcReply&)>;
using GrpcMessage = std::function<void(std::string_view)>;

// GrpcClient: many calls at once over one connection, written in one piece a loop turn. Connects by itself at
// the first call, and again at the first call after a disconnection; what was in flight then ends as
// unavailable. Threading: everything on the io_context's thread. Callbacks come from inside the loop, never
// from inside a call.
class GrpcClient {
 public:
  using StreamId = std::uint64_t;
  struct Options {
    std::size_t input_bytes = std::size_t{256} << 10;      // read at once
    std::size_t write_bytes_max = std::size_t{256} << 10;  // in one write
    std::size_t message_bytes_max = std::size_t{256} << 20;
    std::uint32_t streams_max = 1000;  // before the server has said how many it takes
    std::uint32_t stream_window_bytes = std::uint32_t{4} << 20;
    std::int32_t connection_window_bytes = std::int32_t{64} << 20;
    bool grants_windows =
        true;            // again, for what was read; without, a stream ends up as one that nobody reads
    net::Layer layer{};  // what connections are spoken through, as TLS of https
  };

  GrpcClient(boost::asio::io_context& io, std::string address, std::uint16_t port, const Options& options);
  GrpcClient(boost::asio::io_context& io, std::string address, std::uint16_t port)
      : GrpcClient(io, std::move(address), port, Options{}) {}
  ~GrpcClient();  // open calls end without a callback
  GrpcClient(const GrpcClient&) = delete;
  GrpcClient& operator=(const GrpcClient&) = delete;

  void call(std::string_view path, std::string_view request, GrpcDone done);
  void call(std::string_view path, std::string_view request, const Headers& metadata,
            std::optional<Duration> timeout, GrpcDone done);
  // For an answer that need not be kept: its message is handed out in pieces, as they arrive, and is not in
  // the reply.
  void call_in_pieces(std::string_view path, std::string_view request, GrpcMessage on_piece, GrpcDone done);

  StreamId open_stream(std::string_view path, const Headers& metadata, GrpcMessage on_message, GrpcDone done);
  void write(StreamId id, std::string_view message);
  // Written, and not yet handed to the network: whoever writes much looks at it first.
  std::size_t unsent_bytes(StreamId id) const;
  void half_close(StreamId id);
  // Resets the stream; `done` is called with cancelled.
  void cancel(StreamId id);

  std::size_t open_calls() const;
  bool connected() const;
  void close();  // calls in flight end as unavailable

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// For tests and tools: one call, run to its end on `io`.
struct GrpcResult {
  Code code = Code::unknown;
  std::string status_message;
  std::string message;
};
GrpcResult call_and_wait(boost::asio::io_context& io, GrpcClient& client, std::string_view path,
                         std::string_view request, const Headers& metadata = {},
                         Duration timeout = std::chrono::seconds(10));

}  // namespace cairn::rpc
