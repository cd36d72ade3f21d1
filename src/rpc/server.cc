#include "rpc/server.h"

#include <algorithm>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/wait_traits.hpp>
#include <unordered_map>
#include <utility>

#include "net/socket.h"  // tidy-allow(heavy): it accepts them
#include "rpc/connection.h"
#include "rpc/sources.h"

namespace cairn::rpc {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using Executor = asio::io_context::executor_type;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

// Often enough that a timeout is late by a quarter of itself at most.
Duration check_interval(const Limits& limits) {
  const Duration shortest =
      std::min({limits.preface_timeout, limits.header_timeout, limits.idle_timeout, limits.write_timeout});
  return std::clamp(shortest / 4, limits.check_interval_min, limits.check_interval_max);
}

std::shared_ptr<ConnectionShared> make_shared_part(asio::io_context& io, const Limits& limits,
                                                   Handler& handler) {
  const auto itself = std::make_shared<std::weak_ptr<ConnectionShared>>();
  // What is ready by then has its turn between two turns of the long replies.
  const auto soon = [&io, itself] {
    asio::post(io, [itself] {
      if (const auto shared = itself->lock()) shared->shares.long_replies.turn();
    });
  };
  auto made = std::make_shared<ConnectionShared>(io, limits, handler, soon);
  *itself = made;
  return made;
}

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  Impl(asio::io_context& io, Limits limits, Handler& handler)
      : shared(make_shared_part(io, limits, handler)),
        check_timer(io.get_executor()),
        interval(check_interval(limits)),
        places{{this, 0}},
        sources(shared->limits.connections_per_source_max) {}

  using Acceptor = asio::basic_socket_acceptor<Tcp, Executor>;
  struct Listener {
    Listener(const Executor& executor, net::Layer with) : acceptor(executor), layer(std::move(with)) {}
    Acceptor acceptor;
    const net::Layer layer;
    bool accepting = false;  // an accept is in flight
  };

  Status open(const Tcp::endpoint& endpoint, Acceptor* acceptor);
  void accept();
  void accept(Listener& listener);
  void on_accepted(const boost::system::error_code& error, std::size_t place, const net::Layer& layer,
                   net::Socket socket);
  void serve(net::Socket socket, const net::Layer& layer, std::string source);
  void on_closed(Connection& connection);
  void on_left(std::size_t place, const std::string& source);
  bool full() const;
  void check();
  void schedule_check();
  void stop_accepting();

  std::shared_ptr<ConnectionShared> shared;
  std::vector<std::unique_ptr<Listener>> listeners;
  Timer check_timer;
  Duration interval;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections;
  bool stopped = false;   // no new connections any more
  bool checking = false;  // check_timer is armed

  // Where accepted connections are served, and how many there are. Of the accepting server.
  struct Place {
    Impl* server;
    std::size_t connections;
  };
  std::vector<Place> places;
  Sources sources;
  std::function<void(const std::string&)> on_crowding = [](const std::string&) {};
  // The accepting server and this one's place there.
  Impl* accepted_by = this;
  std::size_t own_place = 0;
};

Status Server::Impl::open(const Tcp::endpoint& endpoint, Acceptor* acceptor) {
  const std::string where = endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
  boost::system::error_code error;
  acceptor->open(endpoint.protocol(), error);
  if (!error) acceptor->set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor->bind(endpoint, error);
  if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (!error) return {};
  if (error == asio::error::address_in_use) {
    return fail(Code::unavailable, "cannot listen on " + where + ": the port is in use");
  }
  if (error == asio::error::access_denied) {
    return fail(Code::permission_denied, "cannot listen on " + where + ": " + error.message() +
                                             "; ports below 1024 need the right CAP_NET_BIND_SERVICE");
  }
  return fail(Code::invalid_argument, "cannot listen on " + where + ": " + error.message());
}

void Server::Impl::accept() {
  for (const auto& listener : listeners) accept(*listener);
}

void Server::Impl::accept(Listener& listener) {
  // At the limit new connections wait in the kernel's backlog instead of costing a descriptor each.
  if (listener.accepting || stopped || full()) return;
  listener.accepting = true;
  const auto fewest = std::min_element(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return a.connections < b.connections;
  });
  const auto place = static_cast<std::size_t>(fewest - places.begin());
  const auto accepted = [self = shared_from_this(), &listener, place](const boost::system::error_code& error,
                                                                      net::Socket socket) {
    listener.accepting = false;
    self->on_accepted(error, place, listener.layer, std::move(socket));
  };
  listener.acceptor.async_accept(fewest->server->shared->io.get_executor(), accepted);
}

bool Server::Impl::full() const {
  std::size_t all = 0;
  for (const Place& place : places) all += place.connections;
  return all >= shared->limits.connections_max;
}

void Server::Impl::on_accepted(const boost::system::error_code& error, std::size_t place,
                               const net::Layer& layer, net::Socket socket) {
  if (stopped) return;
  if (error) return;  // no memory, most likely: the next check tries again
  boost::system::error_code gone;
  const auto remote = socket.remote_endpoint(gone);
  if (gone) return accept();
  const std::string source = source_of(remote.address());
  if (!sources.enter(source)) {
    on_crowding(source);
    return accept();  // and the socket closes
  }
  places[place].connections += 1;
  Impl* const server = places[place].server;
  if (server == this) {
    serve(std::move(socket), layer, source);
  } else {
    asio::post(server->shared->io, [self = server->shared_from_this(), accepted = std::move(socket), layer,
                                    source]() mutable { self->serve(std::move(accepted), layer, source); });
  }
  accept();
}

void Server::Impl::serve(net::Socket socket, const net::Layer& layer, std::string source) {
  if (stopped) return;  // and the socket closes
  if (!checking) schedule_check();
  const std::string remote = layer ? net::remote_of(socket) : "";
  std::shared_ptr<net::Channel> channel = net::open_channel(std::move(socket));
  if (layer) channel = layer(shared->io, std::move(channel), remote);
  auto connection = std::make_shared<Connection>(shared, std::move(channel), std::move(source));
  connections.emplace(connection.get(), connection);
  connection->start();
}

void Server::Impl::on_closed(Connection& connection) {
  const std::string source = connection.source();
  connections.erase(&connection);
  if (stopped && connections.empty()) check_timer.cancel();
  if (accepted_by == this) return on_left(own_place, source);
  asio::post(accepted_by->shared->io, [to = accepted_by->shared_from_this(), place = own_place, source] {
    to->on_left(place, source);
  });
}

void Server::Impl::on_left(std::size_t place, const std::string& source) {
  sources.leave(source);
  places[place].connections -= 1;
  accept();
}

void Server::Impl::schedule_check() {
  checking = true;
  check_timer.expires_after(interval);
  check_timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error) self->check();
  });
}

void Server::Impl::check() {
  const Time now = std::chrono::steady_clock::now();
  for (const auto& [key, connection] : connections) connection->check_time(now);
  accept();
  checking = !stopped || !connections.empty();
  if (checking) schedule_check();
}

void Server::Impl::stop_accepting() {
  stopped = true;
  boost::system::error_code ignored;
  for (const auto& listener : listeners) listener->acceptor.close(ignored);
}

Server::Server(asio::io_context& io, Limits limits, Handler& handler)
    : impl_(std::make_shared<Impl>(io, limits, handler)) {
  impl_->shared->on_closed = [weak = std::weak_ptr<Impl>(impl_)](Connection& connection) {
    if (const auto impl = weak.lock()) impl->on_closed(connection);
  };
}

Server::~Server() {
  end();
  impl_->shared->on_closed = nullptr;
}

void Server::end() {
  close();
  for (const auto& [key, connection] : impl_->connections) connection->release();
}

Result<std::uint16_t> Server::listen(const std::string& address, std::uint16_t port, net::Layer layer) {
  boost::system::error_code error;
  const auto parsed = asio::ip::make_address(address, error);
  if (error) {
    return fail(Code::invalid_argument,
                "cannot listen on \"" + address + "\": not an IP address, such as 127.0.0.1 or ::1");
  }
  auto listener = std::make_unique<Impl::Listener>(impl_->shared->io.get_executor(), std::move(layer));
  TRY(impl_->open(Tcp::endpoint(parsed, port), &listener->acceptor));
  const std::uint16_t bound = listener->acceptor.local_endpoint().port();
  impl_->listeners.push_back(std::move(listener));
  impl_->accept();
  if (!impl_->checking) impl_->schedule_check();
  return bound;
}

void Server::spread_over(const std::vector<Server*>& servers) {
  impl_->places.clear();
  for (Server* const server : servers) {
    server->impl_->accepted_by = impl_.get();
    server->impl_->own_place = impl_->places.size();
    impl_->places.push_back({server->impl_.get(), 0});
  }
}

void Server::on_crowding(std::function<void(const std::string& source)> told) {
  impl_->on_crowding = std::move(told);
}

void Server::drain() {
  impl_->stop_accepting();
  const auto connections = impl_->connections;  // draining may close some of them
  for (const auto& [key, connection] : connections) connection->drain();
  if (impl_->connections.empty()) impl_->check_timer.cancel();
}

void Server::close() {
  impl_->stop_accepting();
  impl_->check_timer.cancel();
  const auto connections = impl_->connections;
  for (const auto& [key, connection] : connections) connection->close();
}

std::size_t Server::connections() const { return impl_->connections.size(); }

}  // namespace cairn::rpc
