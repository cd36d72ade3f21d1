#include "rpc/connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "rpc/http1_session.h"
#include "rpc/http2_session.h"

namespace cairn::rpc {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

Time clock_now() { return std::chrono::steady_clock::now(); }

}  // namespace

Connection::Connection(std::shared_ptr<ConnectionShared> shared, Socket socket)
    : shared_(std::move(shared)), socket_(std::move(socket)), opened_(clock_now()) {}

Connection::~Connection() = default;

void Connection::start() {
  boost::system::error_code ignored;  // a socket that died already shows it at the first read
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.set_option(asio::socket_base::keep_alive(true), ignored);
  wait_readable();
}

void Connection::wake() {
  if (flush_posted_ || closed_ || writing_) return;
  flush_posted_ = true;
  asio::post(shared_->io, [self = shared_from_this()] {
    self->flush_posted_ = false;
    self->flush();
  });
}

void Connection::wait_readable() {
  if (reading_ || closed_) return;
  reading_ = true;
  // Waiting before reading lets ten thousand idle connections share one input buffer.
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
    self->reading_ = false;
    if (self->closed_) return;
    if (error) return self->close();
    self->on_readable();
  });
}

void Connection::on_readable() {
  boost::system::error_code error;
  const std::size_t size = socket_.read_some(asio::buffer(shared_->input), error);
  if (error == asio::error::would_block) return wait_readable();
  if (error) return close();
  if (!lingering_) on_bytes({shared_->input.data(), size}, clock_now());
  if (closed_) return;
  if (lingering_ || session_ == nullptr || session_->wants_input()) wait_readable();
}

void Connection::on_bytes(std::string_view bytes, Time now) {
  if (session_ != nullptr) return session_->receive(bytes, now);
  if (!choose_session(&bytes, now)) return;
  if (draining_) session_->drain(now);
  const std::string first = std::move(first_bytes_);
  first_bytes_.clear();
  if (!first.empty()) session_->receive(first, now);
  if (!bytes.empty()) session_->receive(bytes, now);
}

// False while the bytes so far fit both protocols.
bool Connection::choose_session(std::string_view* bytes, Time now) {
  if (!first_bytes_.empty()) {
    first_bytes_.append(*bytes);
    *bytes = {};
  }
  const std::string_view seen = first_bytes_.empty() ? *bytes : std::string_view(first_bytes_);
  const std::size_t size = std::min(seen.size(), kPreface.size());
  Session::Owner& owner = *this;
  if (seen.substr(0, size) != kPreface.substr(0, size)) {
    session_ = std::make_unique<Http1Session>(shared_->limits, shared_->handler, shared_->shares, owner, now);
    return true;
  }
  if (size == kPreface.size()) {
    session_ = std::make_unique<Http2Session>(shared_->limits, shared_->handler, shared_->shares, owner, now);
    return true;
  }
  first_bytes_.append(*bytes);
  return false;
}

void Connection::flush() {
  if (closed_ || writing_ || session_ == nullptr) return;
  do {
    out_.clear();
    written_ = 0;
    session_->collect(&out_, shared_->limits.write_bytes_max);
    if (out_.empty()) return after_flush();
    if (!write_collected()) return;
  } while (out_.size() < shared_->limits.write_bytes_max);
  wake();  // more may be ready, but other connections have their turn first
}

// False when the rest has to wait, or the connection is gone.
bool Connection::write_collected() {
  while (written_ < out_.size()) {
    boost::system::error_code error;
    written_ += socket_.write_some(asio::buffer(out_.data() + written_, out_.size() - written_), error);
    if (error == asio::error::would_block) {
      wait_writable();
      return false;
    }
    if (error) {
      close();
      return false;
    }
  }
  return true;
}

void Connection::wait_writable() {
  writing_ = true;
  write_began_ = clock_now();
  socket_.async_wait(Socket::wait_write, [self = shared_from_this()](const boost::system::error_code& error) {
    self->writing_ = false;
    if (self->closed_) return;
    if (error) return self->close();
    if (self->write_collected()) self->flush();
  });
}

void Connection::after_flush() {
  if (out_.capacity() > shared_->limits.kept_out_bytes) std::string().swap(out_);
  if (session_->finished()) return linger();
  if (session_->wants_input()) wait_readable();
}

// Closing with unread input makes the kernel send a reset, which can destroy the answer on its way: so our
// side ends, and what still arrives is read and thrown away for a moment.
void Connection::linger() {
  if (lingering_) return;
  lingering_ = true;
  linger_deadline_ = clock_now() + shared_->limits.linger_timeout;
  boost::system::error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  if (error) return close();
  wait_readable();
}

void Connection::drain() {
  if (closed_ || draining_) return;
  draining_ = true;
  if (session_ != nullptr) return session_->drain(clock_now());
  if (first_bytes_.empty()) close();
}

void Connection::check_time(Time now) {
  if (closed_) return;
  if (lingering_) {
    if (now >= linger_deadline_) close();
    return;
  }
  if (writing_ && now - write_began_ > shared_->limits.write_timeout) return close();
  if (session_ != nullptr) return session_->check_time(now);
  if (now - opened_ > shared_->limits.preface_timeout) close();
}

void Connection::release() { session_.reset(); }

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
  // Handlers may close a connection from inside its session, which must not be destroyed under its own feet.
  asio::post(shared_->io, [self = shared_from_this()] {
    self->release();
    if (self->shared_->on_closed) self->shared_->on_closed(*self);
  });
}

}  // namespace cairn::rpc
