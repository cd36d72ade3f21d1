// Clients: everybody who serves clients: the loop itself, or front-end threads.
// Owner: Process. Threading: the loop's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/ports.h"
#include "server/front_end.h"
#include "server/once_a_minute.h"
#include "server/serving.h"

namespace cairn::server {

class Clients final : public node::Audience {
 public:
  struct Limits {
    std::size_t front_ends = 0;  // 0: the loop serves them
    rpc::Limits rpc{};           // of all together
    FrontEnd::Limits front_end{};
    OnceAMinute::Limits crowding_logged{};
    Duration drain_patience = std::chrono::seconds(5);  // for requests in progress
    Duration drain_poll_interval = std::chrono::milliseconds(10);
  };
  Clients(boost::asio::io_context& loop, node::Member& replica, const api::Config& api, const Limits& limits);
  // After the replica is gone: it holds requests of clients.
  ~Clients() override;

  Result<std::uint16_t> listen(const std::string& address, std::uint16_t port, net::Layer layer = nullptr);
  void start();  // afterwards nobody listens to more
  // Of the front-ends; without any, whoever follows does so on the loop.
  bool listens() const override;
  void published(std::shared_ptr<const mvcc::View> view) override;
  void turn_ended();  // of the loop
  // Requests in progress end; `done` is called when all have, or after Limits::drain_patience.
  void drain(std::function<void()> done);
  void stop();  // what is left is cut off, and the threads have ended

 private:
  rpc::Server& acceptor() { return on_loop_ ? on_loop_->server() : front_ends_.front()->server(); }
  void tell_of_crowding(const std::string& source);
  void await_drained(Duration patience, std::function<void()> done);

  const Limits limits_;
  ServerMetrics* const metrics_;  // may be null
  OnceAMinute crowding_logged_;   // of the accepting thread
  std::optional<Serving> on_loop_;
  std::vector<std::unique_ptr<FrontEnd>> front_ends_;
  std::size_t draining_ = 0;  // front-ends that are not through
  boost::asio::steady_timer drain_timer_;
};

}  // namespace cairn::server
