#include "peer/snapshot_sender.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/codec.h"

namespace cairn::peer {

SnapshotSender::SnapshotSender(std::shared_ptr<Context> context, PeerAddress address, raft::Message offer,
                               std::uint64_t chunks, std::function<void(SnapshotEnd)> done)
    : Dialed(std::move(context), ConnectionKind::snapshot),
      address_(std::move(address)),
      offer_(std::move(offer)),
      chunks_(chunks),
      done_(std::move(done)),
      pace_(context_->io),
      last_progress_(std::chrono::steady_clock::now()) {}

void SnapshotSender::start() { dial(address_); }

void SnapshotSender::cancel() { finish({}); }

void SnapshotSender::check_stall(Time now) {
  if (now - last_progress_ >= context_->config.snapshot_stall_timeout) finish({});
}

void SnapshotSender::finish(SnapshotEnd end) {
  const auto self = shared_from_this();
  pace_.cancel();
  hang_up();
  if (const auto done = std::exchange(done_, nullptr)) done(std::move(end));
}

// The other side is told why no more chunks come; it keeps what it has for the next attempt.
void SnapshotSender::give_up(const std::string& why) {
  put_frame(connection_->out(), FrameType::snapshot_failed,
            std::string_view(why).substr(0, context_->config.limits.reason_bytes_max));
  connection_->finish();
  finish({});
}

template <class Then>
std::function<void(Result<std::string>)> SnapshotSender::on_loop(Then then) {
  busy_ = true;
  return [self = shared_from_this(), this, &io = context_->io, then](Result<std::string> bytes) {
    boost::asio::post(io, [self, this, then, bytes = std::move(bytes)]() mutable {
      busy_ = false;
      if (established()) then(std::move(bytes));
    });
  };
}

void SnapshotSender::on_established() {
  context_->files.manifest(meta(),
                           on_loop([this](Result<std::string> manifest) { begin(std::move(manifest)); }));
}

void SnapshotSender::begin(Result<std::string> manifest) {
  if (!manifest) return give_up(manifest.error().message);
  put_snapshot_begin(connection_->out(), {.manifest = *manifest, .chunks = chunks_, .offer = offer_});
  connection_->flush();
}

bool SnapshotSender::on_peer_frame(const Frame& frame) {
  last_progress_ = std::chrono::steady_clock::now();
  if (frame.type == FrameType::heartbeat) return true;  // the other side's disk is busy
  if (frame.type == FrameType::snapshot_next && !busy_) {
    codec::Reader in(frame.payload);
    const std::uint64_t number = in.varint();
    if (in.complete() && number < chunks_) {
      chunk_asked(number);
      return true;
    }
  }
  SnapshotEnd end;
  end.ok = frame.type == FrameType::snapshot_done;
  if (frame.type == FrameType::snapshot_failed)
    end.refused = frame.payload.empty() ? "it gives no reason"
                                        : frame.payload.substr(0, context_->config.limits.reason_bytes_max);
  finish(std::move(end));
  return false;
}

void SnapshotSender::chunk_asked(std::uint64_t number) {
  busy_ = true;
  pace_.expires_at(next_send_);
  pace_.async_wait([self = shared_from_this(), this, number](boost::system::error_code error) {
    if (error || !established()) return;
    context_->files.chunk(meta(), number, on_loop([this, number](Result<std::string> stored) {
                            send_chunk(number, std::move(stored));
                          }));
  });
}

void SnapshotSender::send_chunk(std::uint64_t number, Result<std::string> stored) {
  if (!stored) return give_up(stored.error().message);
  if (stored->size() + kFrameHeaderBytes > context_->config.limits.frame_bytes_max) {
    return give_up("chunk " + std::to_string(number) + " of " + std::to_string(stored->size()) +
                   " bytes is larger than a frame may be");
  }
  const std::size_t at = begin_frame(connection_->out(), FrameType::snapshot_chunk);
  codec::put_varint(connection_->out(), number);
  connection_->out()->append(*stored);
  end_frame(connection_->out(), at);
  connection_->flush();
  const auto took = std::chrono::duration<double>(
      static_cast<double>(stored->size()) / static_cast<double>(context_->config.snapshot_bytes_per_second));
  next_send_ =
      std::max(next_send_, std::chrono::steady_clock::now()) + std::chrono::duration_cast<Duration>(took);
}

void SnapshotSender::on_ended(Ended, const std::string&) { finish({}); }

}  // namespace cairn::peer
