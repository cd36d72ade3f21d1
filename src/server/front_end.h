// FrontEnd: a thread that serves clients: their sockets, HTTP/2, gRPC, REST, checking requests, querying
// views, encoding answers. What a request decides crosses to the loop and back (crossing.h). Owner: Clients.
// Threading: all methods from the loop's thread. Between start() and the end of stop() the parts inside
// belong to this thread, crossing() excepted as it says.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <thread>

#include "server/crossing.h"
#include "server/serving.h"

namespace cairn::server {

class FrontEnd {
 public:
  struct Limits {
    Crossing::Limits crossing{};
    Duration drain_poll_interval = std::chrono::milliseconds(10);
  };
  FrontEnd(boost::asio::io_context& loop, node::Member& replica, const api::Config& api,
           const rpc::Limits& rpc, const Limits& limits);
  ~FrontEnd();  // after the replica is gone: it holds requests of clients

  Crossing& crossing() { return crossing_; }
  rpc::Server& server() { return serving_.server(); }

  void start(std::size_t number);
  // Connections end as their requests do; `drained`, on the loop, when there are none left.
  void drain(std::function<void()> drained);
  void stop();  // cuts off what is left and waits for the thread

 private:
  void await_drained(std::function<void()> drained);

  const Limits limits_;
  boost::asio::io_context& loop_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  Crossing crossing_;
  Serving serving_;
  boost::asio::steady_timer drain_timer_;
  std::thread thread_;
};

}  // namespace cairn::server
