#include "peer/outgoing.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "peer/codec.h"

namespace cairn::peer {

OutgoingPeer::OutgoingPeer(std::shared_ptr<Context> context, PeerAddress address,
                           std::function<void(raft::NodeId)> lost,
                           std::function<void(raft::NodeId)> connected)
    : Dialed(std::move(context), ConnectionKind::messages),
      address_(std::move(address)),
      lost_(std::move(lost)),
      connected_(std::move(connected)),
      retry_(context_->io),
      pause_(context_->config.retry_min) {}

bool OutgoingPeer::is_at_one_of(const PeerAddress& address) const {
  return established() && address.has(place());
}

void OutgoingPeer::start() {
  if (!std::exchange(started_, true)) attempt();
}

void OutgoingPeer::stop() {
  stopped_ = true;
  retry_.cancel();
  hang_up();
}

void OutgoingPeer::attempt() {
  waiting_ = false;
  attempted_at_ = std::chrono::steady_clock::now();
  dial(address_);
}

void OutgoingPeer::retry_at_once() {
  if (!waiting_ || stopped_) return;
  retry_.cancel();
  attempt();
}

void OutgoingPeer::on_established() {
  pause_ = context_->config.retry_min;
  connection_->out()->append(queue_);
  queue_ = {};
  overflowing_ = false;
  connection_->flush();
  tell(true, "");
  connected_(address_.id);
}

void OutgoingPeer::tell(bool connected, const std::string& why) {
  const bool was_connected = std::exchange(connected_before_, connected);
  if (connected == was_connected && why == told_) return;
  told_ = why;
  context_->receiver.on_link({address_.id, dialed(), connected, was_connected, why});
}

bool OutgoingPeer::on_peer_frame(const Frame& frame) {
  // The connection carries frames in one direction only; a heartbeat is harmless.
  return frame.type == FrameType::heartbeat;
}

void OutgoingPeer::on_ended(Ended how, const std::string& why) {
  if (stopped_) return;
  if (how != Ended::refused) tell(false, how == Ended::closed_by_peer ? "it closed the connection" : why);
  queue_ = {};
  // Pauses count from attempt to attempt: one that took its whole time needs no further waiting.
  const auto jitter = Duration(
      static_cast<Duration::rep>(context_->prng.below(static_cast<std::uint64_t>(pause_.count() / 2 + 1))));
  const Time now = std::chrono::steady_clock::now();
  retry_.expires_at(std::max(now + context_->config.retry_min / 2, attempted_at_ + pause_ - jitter));
  pause_ = std::min(pause_ * 2, context_->config.retry_max);
  waiting_ = true;
  retry_.async_wait(
      [self = std::static_pointer_cast<OutgoingPeer>(shared_from_this())](boost::system::error_code error) {
        if (!error && self->waiting_ && !self->stopped_) self->attempt();
      });
  // Last, as the receiver may drop this peer.
  if (how == Ended::closed_by_peer) lost_(address_.id);
  if (!context_->closed) context_->receiver.on_unreachable(address_.id);
}

template <class Encode>
bool OutgoingPeer::put(FrameType type, std::size_t size_hint, Encode encode) {
  const bool ready = established();
  std::string* const out = ready ? connection_->out() : &queue_;
  const std::size_t unsent = ready ? connection_->unsent_bytes() : queue_.size();
  if (unsent + size_hint > context_->config.unsent_bytes_max) return drop();
  const std::size_t at = begin_frame(out, type);
  encode(out);
  if (out->size() - at - kFrameHeaderBytes > context_->config.limits.frame_bytes_max) {
    out->resize(at);  // the other side would refuse it and close the connection
    return drop();
  }
  end_frame(out, at);
  overflowing_ = false;
  sent_since_heartbeat_ = true;
  if (ready) connection_->flush();
  return true;
}

bool OutgoingPeer::drop() {
  ++failures_;
  if (overflowing_) return false;  // one report for each time that the queue is full
  overflowing_ = true;
  // Not from within send(): whoever sends is in the middle of something.
  boost::asio::post(context_->io, [context = context_, id = address_.id] {
    if (!context->closed) context->receiver.on_unreachable(id);
  });
  return false;
}

void OutgoingPeer::send(const raft::Message& message) {
  std::size_t size = kFrameHeaderBytes;
  if (const auto* append = std::get_if<raft::AppendRequest>(&message.body)) {
    for (const raft::Entry& entry : append->entries) size += entry.data ? entry.data->size() : 0;
  }
  put(FrameType::message, size, [&](std::string* out) { encode_message(message, out); });
}

bool OutgoingPeer::send_note(std::string_view note) {
  return put(FrameType::note, note.size(), [&](std::string* out) { out->append(note); });
}

void OutgoingPeer::heartbeat() {
  if (!std::exchange(sent_since_heartbeat_, false) && established() && connection_->unsent_bytes() == 0) {
    put_frame(connection_->out(), FrameType::heartbeat, {});
    connection_->flush();
  }
}

void OutgoingPeer::fill(PeerStats* stats) const {
  stats->connected = established();
  stats->sent_bytes = sent_bytes();
  stats->send_failures = failures_;
  stats->round_trip = established() ? connection_->round_trip() : Duration{};
}

}  // namespace cairn::peer
