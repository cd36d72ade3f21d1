// Server: one port for clients. HTTP/2 with gRPC framing (nghttp2) and HTTP/1.1 (Beast) on one Asio loop,
// told apart by the first bytes of a connection. Threading: everything, handlers included, runs on the thread
// that runs the io_context; for several threads there are several servers (spread_over). Bounded: see Limits.
// No length from the network is trusted before it is checked against one of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/channel.h"
#include "rpc/handler.h"
#include "rpc/limits.h"

namespace boost::asio {
class io_context;
}

namespace cairn::rpc {

class Server {
 public:
  Server(boost::asio::io_context& io, Limits limits, Handler& handler);
  ~Server();
  // "127.0.0.1", "::1", "0.0.0.0"; port 0 picks a free one. Error: unavailable when in use.
  // May be called for several addresses. What is accepted there is spoken through `layer`.
  Result<std::uint16_t> listen(const std::string& address, std::uint16_t port, net::Layer layer = nullptr);
  // Each connection that this server accepts is served by that one of `servers` that has the fewest of them,
  // on its thread; the limit of connections holds for all together. Before any thread runs, once, and
  // listen() after it. No server may be gone before all threads have ended.
  void spread_over(const std::vector<Server*>& servers);
  // Calls `told` for each connection that is closed unheard, since its source has as many open as one may
  // (Limits::connections_per_source_max). On this server's thread; before any thread runs.
  void on_crowding(std::function<void(const std::string& source)> told);
  // Stops accepting, sends GOAWAY and lets calls in progress end; idle connections close. `connections()`
  // falls to 0.
  void drain();
  void close();  // at once
  // As close(), and the calls have ended when it returns. REQUIRES: not from within a call of the handler.
  void end();
  std::size_t connections() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with the operations in flight
};

}  // namespace cairn::rpc
