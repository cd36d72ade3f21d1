#include "peer/connection.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <utility>

namespace cairn::peer {

namespace {

std::shared_ptr<net::Channel> channel_over(boost::asio::io_context& io, net::Socket&& socket,
                                           const Config& config, const net::Layer& layer,
                                           const std::string& with) {
  auto plain =
      net::open_channel(std::move(socket), net::Liveness{.unacknowledged_max = config.silence_timeout,
                                                         .probe_interval = config.keep_alive_interval,
                                                         .probes = config.keep_alive_probes});
  return layer ? layer(io, std::move(plain), with) : plain;
}

}  // namespace

Connection::Connection(boost::asio::io_context& io, net::Socket&& socket, const Config& config,
                       const net::Layer& layer, const std::string& with)
    : io_(io),
      channel_(channel_over(io, std::move(socket), config, layer, with)),
      limits_(config.limits),
      reader_(config.limits) {}

Connection::~Connection() = default;

void Connection::start(std::shared_ptr<Link> link) {
  link_ = std::move(link);
  last_received_ = std::chrono::steady_clock::now();
  channel_->start(std::shared_ptr<net::Channel::User>(shared_from_this(), this));
  channel_->read();
}

void Connection::on_bytes(std::size_t count) {
  if (!open_ || finishing_) return;
  received_bytes_ += count;
  last_received_ = std::chrono::steady_clock::now();
  reader_.commit(count);
  if (take_frames()) channel_->read();
}

void Connection::on_end(const net::Channel::End& end) {
  fail(end.by_other_side ? Closed::by_peer : Closed::unreachable, end.why);
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
  if (flush_posted_ || !open_ || busy_) return;
  flush_posted_ = true;
  boost::asio::post(io_, [self = shared_from_this()] {
    self->flush_posted_ = false;
    self->write();
  });
}

// One piece at a time, so that a large frame holds up nobody else for long.
std::string_view Connection::piece() const {
  return std::string_view(writing_).substr(written_, limits_.write_bytes_max);
}

void Connection::write() {
  if (!open_ || busy_) return;
  if (writing_.empty()) {
    if (pending_.empty()) {
      if (finishing_) close();
      return;
    }
    writing_.swap(pending_);
  }
  busy_ = !channel_->write(piece());
  if (!busy_) piece_written();
}

void Connection::on_written() {
  busy_ = false;
  piece_written();
}

void Connection::piece_written() {
  const std::size_t size = piece().size();
  sent_bytes_ += size;
  written_ += size;
  if (written_ == writing_.size()) {
    writing_.clear();
    written_ = 0;
    if (writing_.capacity() > limits_.kept_buffer_bytes) writing_.shrink_to_fit();
  }
  if (finishing_ || !writing_.empty() || !pending_.empty()) flush();
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
  write();
}

void Connection::close() {
  if (!open_) return;
  open_ = false;
  link_.reset();
  channel_->close();
}

}  // namespace cairn::peer
