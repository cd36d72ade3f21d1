// Connections: the connections of a benchmark, spread over the endpoints. Calls of a connection that is
// lost go over the next one that lives, as a client's balancer does; a probe finds out when it lives again.
// Threading: everything on the io_context's thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "client/client.h"
#include "client/endpoint.h"
#include "rpc/client.h"

namespace cairn::load {

class Connections {
 public:
  // `stalled`: the servers never hear that something was read.
  Connections(boost::asio::io_context& io, const std::vector<std::string>& endpoints, bool stalled = false,
              client::Tls tls = {});

  // Opens `count` connections and asks one question over each. What is wrong, or "".
  std::string open(int count);
  // That connection, or when it is lost the next one that is not.
  rpc::GrpcClient& alive(std::size_t preferred);
  void close();
  std::size_t size() const { return connections_.size(); }

 private:
  struct Connection {
    std::unique_ptr<rpc::GrpcClient> client;
    bool lost = false;
    bool asked = false;  // a probe is under way
  };
  std::string resolve(const std::string& endpoint);
  void open_next(int count, std::string* problem);
  void mark_lost(Connection* connection);
  void probe_lost();

  boost::asio::io_context& io_;
  const std::vector<std::string>& names_;
  struct Target {
    std::string address;
    std::uint16_t port = 0;
    net::Layer layer{};
  };
  const client::Tls tls_;
  std::vector<Target> targets_;
  std::vector<Connection> connections_;
  std::size_t lost_ = 0;
  int asked_ = 0, answered_ = 0;
  boost::asio::steady_timer probe_timer_;
  std::string probe_;
  bool closed_ = false;
  rpc::GrpcClient::Options client_options_;
};

}  // namespace cairn::load
