// Serving: who serves clients on one thread: the Api, its clock, and the server of its sockets. Owner:
// FrontEnd, or Clients where the loop serves them. Threading: the io_context's thread; construction and
// destruction while that does not run.
#pragma once

#include <boost/asio/steady_timer.hpp>

#include "api/api.h"
#include "rpc/server.h"

namespace cairn::server {

class Serving {
 public:
  Serving(boost::asio::io_context& io, node::Member& member, api::Config config, const rpc::Limits& limits);
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;

  rpc::Server& server() { return server_; }
  // Connections end as their requests do; streams that would not end by themselves are ended.
  void drain();

 private:
  api::Config waking(api::Config config);
  void wake_at(Time time);

  boost::asio::steady_timer timer_;
  api::Api api_;
  rpc::Server server_;
};

}  // namespace cairn::server
