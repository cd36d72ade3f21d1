#include "rpc/connection.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
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

Connection::Connection(std::shared_ptr<ConnectionShared> shared, std::shared_ptr<net::Channel> channel,
                       std::string source)
    : shared_(std::move(shared)),
      channel_(std::move(channel)),
      source_(std::move(source)),
      opened_(clock_now()) {}

Connection::~Connection() = default;

void Connection::start() {
  channel_->start(std::shared_ptr<net::Channel::User>(shared_from_this(), this));
  channel_->read();
}

void Connection::wake() {
  if (flush_posted_ || closed_ || writing_) return;
  flush_posted_ = true;
  asio::post(shared_->io, [self = shared_from_this()] {
    self->flush_posted_ = false;
    self->flush();
  });
}

void Connection::on_bytes(std::size_t count) {
  if (lingering_) return channel_->read();
  receive({shared_->input.data(), count}, clock_now());
  if (closed_) return;
  if (lingering_ || session_ == nullptr || session_->wants_input()) channel_->read();
}

void Connection::receive(std::string_view bytes, Time now) {
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
    session_->collect(&out_, shared_->limits.write_bytes_max);
    if (closed_) return;
    if (out_.empty()) return after_flush();
    writing_ = !channel_->write(out_);
    if (writing_) return;
  } while (out_.size() < shared_->limits.write_bytes_max);
  wake();  // more may be ready, but other connections have their turn first
}

void Connection::on_written() {
  writing_ = false;
  flush();
}

void Connection::after_flush() {
  if (out_.capacity() > shared_->limits.kept_out_bytes) std::string().swap(out_);
  if (session_->finished()) return linger();
  if (session_->wants_input()) channel_->read();
}

// Closing with unread input makes the kernel send a reset, which can destroy the answer on its way: so our
// side ends, and what still arrives is read and thrown away for a moment.
void Connection::linger() {
  if (lingering_) return;
  lingering_ = true;
  linger_deadline_ = clock_now() + shared_->limits.linger_timeout;
  channel_->half_close();
  channel_->read();
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
  if (const auto since = channel_->stuck_since(); since && now - *since > shared_->limits.write_timeout)
    return close();
  if (session_ != nullptr) return session_->check_time(now);
  if (!channel_->ready()) opened_ = now;  // how long that may take is the channel's
  if (now - opened_ > shared_->limits.preface_timeout) close();
}

void Connection::release() { session_.reset(); }

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  channel_->close();
  // Handlers may close a connection from inside its session, which must not be destroyed under its own feet.
  asio::post(shared_->io, [self = shared_from_this()] {
    self->release();
    if (self->shared_->on_closed) self->shared_->on_closed(*self);
  });
}

}  // namespace cairn::rpc
