#include "net/channel.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/check.h"
#include "net/socket.h"

namespace cairn::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

bool by_other_side(const error_code& error) {
  return error == asio::error::eof || error == asio::error::connection_reset ||
         error == asio::error::broken_pipe || error == asio::error::connection_aborted;
}

// Without this, a cut network is waited out with ever longer retransmission pauses, for minutes.
void watch(Socket* socket, const Liveness& liveness) {
  using std::chrono::duration_cast;
  const auto timeout_ms =
      static_cast<unsigned>(duration_cast<std::chrono::milliseconds>(liveness.unacknowledged_max).count());
  // Of zero seconds the kernel knows nothing, and would keep its two hours.
  const auto seconds =
      std::max(1, static_cast<int>(duration_cast<std::chrono::seconds>(liveness.probe_interval).count()));
  const int handle = socket->native_handle();
  ::setsockopt(handle, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
  ::setsockopt(handle, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
  ::setsockopt(handle, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
  ::setsockopt(handle, IPPROTO_TCP, TCP_KEEPCNT, &liveness.probes, sizeof liveness.probes);
}

// The bytes as they are.
class Plain final : public Channel, public std::enable_shared_from_this<Plain> {
 public:
  Plain(Socket&& socket, const std::optional<Liveness>& liveness);
  void start(std::weak_ptr<User> user) override { user_ = std::move(user); }
  void read() override;
  bool write(std::string_view bytes) override;
  void half_close() override;
  void close() override;
  bool open() const override { return open_; }
  std::optional<Time> stuck_since() const override {
    return unwritten_.empty() ? std::nullopt : std::optional(stuck_since_);
  }
  Duration round_trip() override;

 private:
  void on_readable(User& user);
  bool write_some();
  void wait_writable();
  void fail_write(const error_code& error);
  void end(const error_code& error);

  Socket socket_;
  std::weak_ptr<User> user_;
  std::string_view unwritten_;
  Time stuck_since_{};
  error_code broken_;  // a write has failed so; what arrived before is read first
  bool reading_ = false;
  bool open_ = true;
};

Plain::Plain(Socket&& socket, const std::optional<Liveness>& liveness) : socket_(std::move(socket)) {
  error_code ignored;  // a socket that died already shows it at the first read
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.set_option(asio::socket_base::keep_alive(true), ignored);
  if (liveness) watch(&socket_, *liveness);
}

void Plain::read() {
  if (reading_ || !open_) return;
  reading_ = true;
  // Waiting before reading lets ten thousand idle connections share one buffer.
  socket_.async_wait(Socket::wait_read,
                     [self = shared_from_this(), user = user_.lock()](const error_code& error) {
                       self->reading_ = false;
                       if (!self->open_) return;
                       if (error) return self->end(error);
                       self->on_readable(*user);
                     });
}

void Plain::on_readable(User& user) {
  const std::span<char> room = user.room();
  error_code error;
  const std::size_t size = socket_.read_some(asio::buffer(room.data(), room.size()), error);
  if (error == asio::error::would_block) return read();
  if (error) return end(error);
  user.on_bytes(size);
  if (broken_ && open_ && !reading_) end(broken_);
}

bool Plain::write(std::string_view bytes) {
  CHECK(unwritten_.empty());
  if (!open_ || broken_) return false;
  unwritten_ = bytes;
  return write_some();
}

bool Plain::write_some() {
  while (!unwritten_.empty()) {
    error_code error;
    const std::size_t size = socket_.write_some(asio::buffer(unwritten_.data(), unwritten_.size()), error);
    if (error == asio::error::would_block) {
      wait_writable();
      return false;
    }
    if (error) {
      fail_write(error);
      return false;
    }
    unwritten_.remove_prefix(size);
  }
  return true;
}

void Plain::wait_writable() {
  stuck_since_ = std::chrono::steady_clock::now();
  socket_.async_wait(Socket::wait_write,
                     [self = shared_from_this(), user = user_.lock()](const error_code& error) {
                       if (!self->open_) return;
                       if (error) return self->fail_write(error);
                       if (self->write_some()) user->on_written();
                     });
}

void Plain::fail_write(const error_code& error) {
  broken_ = error;
  unwritten_ = {};
  if (reading_) return;  // what is there to be read comes first
  asio::post(socket_.get_executor(), [self = shared_from_this(), user = user_.lock()] {
    if (self->open_ && !self->reading_) self->end(self->broken_);
  });
}

void Plain::half_close() {
  error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  if (error) fail_write(error);
}

void Plain::end(const error_code& error) {
  // The kernel tells an error once: reading after a write that failed finds nothing but the end.
  const error_code why = broken_ ? broken_ : error;
  const std::shared_ptr<User> user = user_.lock();
  close();
  if (user != nullptr) user->on_end({by_other_side(why), why == asio::error::eof, why.message()});
}

void Plain::close() {
  if (!open_) return;
  open_ = false;
  unwritten_ = {};
  error_code ignored;
  socket_.close(ignored);
}

Duration Plain::round_trip() {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (!open_ || ::getsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
  return std::chrono::microseconds(info.tcpi_rtt);
}

}  // namespace

std::shared_ptr<Channel> open_channel(Socket&& socket, const std::optional<Liveness>& liveness) {
  return std::make_shared<Plain>(std::move(socket), liveness);
}

std::string remote_of(const Socket& socket) {
  error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  return error ? "somebody who is gone"
               : endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
}

}  // namespace cairn::net
