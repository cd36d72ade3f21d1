#include "peer/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace cairn::peer {
namespace {

namespace asio = boost::asio;

bool closed_by_peer(const boost::system::error_code& error) {
  return error == asio::error::eof || error == asio::error::connection_reset ||
         error == asio::error::broken_pipe || error == asio::error::connection_aborted;
}

// The socket options every peer connection wants.
void set_options(asio::ip::tcp::socket* socket, const Config& config) {
  boost::system::error_code ignored;  // an option that the kernel refuses only costs speed of detection
  socket->set_option(asio::ip::tcp::no_delay(true), ignored);
  socket->set_option(asio::socket_base::keep_alive(true), ignored);
  // Without this, a cut network is waited out with ever longer retransmission pauses, for minutes.
  const auto timeout_ms = static_cast<unsigned>(
      std::chrono::duration_cast<std::chrono::milliseconds>(config.silence_timeout).count());
  ::setsockopt(socket->native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
  // Of zero seconds the kernel knows nothing, and would keep its two hours.
  const auto seconds = std::max(
      1,
      static_cast<int>(std::chrono::duration_cast<std::chrono::seconds>(config.keep_alive_interval).count()));
  const int probes = config.keep_alive_probes;
  ::setsockopt(socket->native_handle(), IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
  ::setsockopt(socket->native_handle(), IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
  ::setsockopt(socket->native_handle(), IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket, const Config& config)
    : socket_(std::move(socket)), limits_(config.limits), reader_(config.limits) {
  set_options(&socket_, config);
}

Connection::~Connection() = default;

void Connection::start(std::shared_ptr<Link> link) {
  link_ = std::move(link);
  last_received_ = std::chrono::steady_clock::now();
  read();
}

void Connection::read() {
  const auto room = reader_.prepare();
  socket_.async_read_some(asio::buffer(room.data(), room.size()),
                          [self = shared_from_this()](boost::system::error_code error, std::size_t arrived) {
                            if (!self->open_ || self->finishing_) return;
                            if (error) {
                              self->fail(closed_by_peer(error) ? Closed::by_peer : Closed::unreachable,
                                         error.message());
                              return;
                            }
                            self->received_bytes_ += arrived;
                            self->last_received_ = std::chrono::steady_clock::now();
                            self->reader_.commit(arrived);
                            if (self->take_frames()) self->read();
                          });
}

bool Connection::take_frames() {
  for (;;) {
    auto frame = reader_.next();
    if (!frame) {
      fail(Closed::protocol, frame.error().message);
      return false;
    }
    if (!*frame) return true;
    const std::shared_ptr<Link> link = link_;  // it may close us, and drop itself, while it handles the frame
    const bool acceptable = link->on_frame(**frame);
    if (!acceptable && !finishing_) close();
    if (!open_ || finishing_) return false;
  }
}

void Connection::flush() {
  if (flush_posted_ || !open_ || !writing_.empty()) return;
  flush_posted_ = true;
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->flush_posted_ = false;
    if (self->open_ && self->writing_.empty()) self->write();
  });
}

void Connection::write() {
  if (pending_.empty()) {
    if (finishing_) close();
    return;
  }
  writing_.swap(pending_);
  asio::async_write(socket_, asio::buffer(writing_),
                    [self = shared_from_this()](boost::system::error_code error, std::size_t written) {
                      self->sent_bytes_ += written;
                      self->writing_.clear();
                      if (self->writing_.capacity() > self->limits_.kept_buffer_bytes)
                        self->writing_.shrink_to_fit();
                      if (!self->open_) return;
                      if (error) {
                        self->fail(closed_by_peer(error) ? Closed::by_peer : Closed::unreachable,
                                   error.message());
                        return;
                      }
                      self->write();
                    });
}

void Connection::fail(Closed how, const std::string& why) {
  const std::shared_ptr<Link> link = link_;
  close();
  if (link) link->on_closed(how, why);
}

void Connection::finish() {
  if (!open_ || finishing_) return;
  finishing_ = true;
  link_.reset();
  if (writing_.empty()) write();
}

void Connection::close() {
  if (!open_) return;
  open_ = false;
  link_.reset();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

Duration Connection::round_trip() {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (!open_ || ::getsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
  return std::chrono::microseconds(info.tcpi_rtt);
}

}  // namespace cairn::peer
