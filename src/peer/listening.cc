#include "peer/listening.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>
#include <vector>

namespace cairn::peer {

namespace asio = boost::asio;
using asio::ip::tcp;

struct Listening::State : std::enable_shared_from_this<Listening::State> {
  State(asio::io_context& on, Duration wait, std::function<void(net::Socket&&)> then)
      : io(on), pause(wait), accepted(std::move(then)) {}

  void accept(tcp::acceptor& acceptor) {
    acceptor.async_accept(io.get_executor(), [self = shared_from_this(), &acceptor](
                                                 boost::system::error_code error, net::Socket socket) {
      if (self->closed || error == asio::error::operation_aborted) return;
      if (!error) self->accepted(std::move(socket));
      if (self->closed) return;
      if (!error || error == asio::error::connection_aborted) return self->accept(acceptor);
      // Out of descriptors or of memory, accept would fail again at once: wait until there may be some.
      const auto timer = std::make_shared<asio::steady_timer>(self->io, self->pause);
      timer->async_wait([self, timer, &acceptor](boost::system::error_code) {
        if (!self->closed) self->accept(acceptor);
      });
    });
  }

  asio::io_context& io;
  const Duration pause;
  const std::function<void(net::Socket&&)> accepted;
  std::vector<std::unique_ptr<tcp::acceptor>> acceptors;  // as long as their handlers
  bool closed = false;
};

Listening::Listening(asio::io_context& io, Duration pause, std::function<void(net::Socket&&)> accepted)
    : state_(std::make_shared<State>(io, pause, std::move(accepted))) {}

Listening::~Listening() { close(); }

void Listening::close() {
  state_->closed = true;
  boost::system::error_code ignored;
  for (const auto& acceptor : state_->acceptors) acceptor->close(ignored);
}

Result<std::uint16_t> Listening::listen(const std::string& address, std::uint16_t port) {
  const std::string where = "cannot listen for peers on " + address + ":" + std::to_string(port);
  boost::system::error_code error;
  auto ip = asio::ip::make_address(address, error);
  if (error) {
    tcp::resolver resolver(state_->io);
    const auto results = resolver.resolve(address, std::to_string(port), error);
    if (error || results.empty())
      return fail(Code::invalid_argument, where + ": no such address here (" + error.message() + ")");
    ip = results.begin()->endpoint().address();
  }
  const tcp::endpoint endpoint(ip, port);
  auto acceptor = std::make_unique<tcp::acceptor>(state_->io);
  acceptor->open(endpoint.protocol(), error);
  if (!error) acceptor->set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor->bind(endpoint, error);
  if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (error == asio::error::address_in_use) return fail(Code::unavailable, where + ": the port is in use");
  if (error) return fail(Code::invalid_argument, where + ": " + error.message());
  const std::uint16_t bound = acceptor->local_endpoint().port();
  state_->acceptors.push_back(std::move(acceptor));
  state_->accept(*state_->acceptors.back());
  return bound;
}

}  // namespace cairn::peer
