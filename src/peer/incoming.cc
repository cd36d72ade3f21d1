#include "peer/incoming.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "peer/codec.h"
#include "peer/wire.h"

namespace cairn::peer {

Incoming::Incoming(std::shared_ptr<Context> context, boost::asio::ip::tcp::socket socket, Events events)
    : context_(std::move(context)),
      connection_(std::make_shared<Connection>(std::move(socket), kHelloFrameBytesMax)),
      events_(std::move(events)),
      last_progress_(std::chrono::steady_clock::now()) {}

void Incoming::start() { connection_->start(shared_from_this(), context_->config.silence_timeout); }

void Incoming::close() { connection_->close(); }

void Incoming::tick(Time now) {
  if (!connection_->open()) return;
  const bool snapshot = greeted_ && hello_.kind == ConnectionKind::snapshot;
  if (snapshot && disk_busy_) {
    put_frame(connection_->out(), FrameType::heartbeat, {});
    return connection_->flush();
  }
  const Time since =
      snapshot ? std::max(last_progress_, connection_->last_received()) : connection_->last_received();
  const Duration allowed =
      snapshot ? context_->config.snapshot_stall_timeout : context_->config.silence_timeout;
  if (now - since < allowed) return;
  const auto self = shared_from_this();
  connection_->close();
  events_.ended(this, false);
}

bool Incoming::on_frame(const Frame& frame) {
  if (!greeted_) return take_hello(frame);
  if (frame.type == FrameType::heartbeat) return true;
  if (hello_.kind == ConnectionKind::snapshot) return take_snapshot_frame(frame);
  if (frame.type == FrameType::message) return take_message(frame.payload);
  if (frame.type == FrameType::note) {
    context_->receiver.on_note(hello_.from, make_bytes(std::string(frame.payload)));
    return true;
  }
  return refuse("it sent a frame of type " + std::to_string(static_cast<int>(frame.type)) +
                " among its messages");
}

void Incoming::on_closed(Closed how, const std::string& why) {
  if (how == Closed::protocol) context_->receiver.on_refused("incoming peer connection: " + why);
  events_.ended(this, how == Closed::by_peer);
}

bool Incoming::refuse(const std::string& why) {
  const auto self = shared_from_this();
  connection_->close();
  context_->receiver.on_refused("connection of member " + hex(hello_.from.v) + " closed: " + why);
  events_.ended(this, false);
  return false;
}

bool Incoming::take_hello(const Frame& frame) {
  Status verdict;
  if (frame.type != FrameType::hello) {
    verdict = fail(Code::invalid_argument, "the first frame is no hello");
  } else if (auto hello = decode_hello(frame.payload); !hello) {
    verdict = tl::unexpected(std::move(hello).error());
  } else {
    hello_ = *hello;
    verdict = check_hello(hello_, context_->config.cluster_id, context_->config.self);
  }
  put_hello_answer(connection_->out(), verdict);
  if (verdict) {
    greeted_ = true;
    connection_->set_frame_limit(context_->config.frame_bytes_max);
    connection_->flush();
    events_.greeted(this);
    return true;
  }
  const auto self = shared_from_this();
  connection_->finish();
  context_->receiver.on_refused("peer connection refused: " + verdict.error().message);
  events_.ended(this, false);
  return false;
}

bool Incoming::take_message(std::string_view payload) {
  auto message = decode_message(payload);
  if (!message) return refuse(message.error().message);
  if (message->from != hello_.from || message->to != hello_.to) {
    return refuse("it sent a message from " + hex(message->from.v) + " to " + hex(message->to.v));
  }
  // Only finish_snapshot() hands out offers, once the bytes they speak of are durable.
  if (std::holds_alternative<raft::SnapshotOffer>(message->body))
    return refuse("a snapshot offer without its snapshot");
  context_->receiver.on_message(*std::move(message));
  return true;
}

template <class Argument, class Then>
std::function<void(Argument)> Incoming::on_loop(Then then) {
  disk_busy_ = true;
  return [self = shared_from_this(), &io = context_->io, then](Argument argument) {
    boost::asio::post(io, [self, then, argument = std::move(argument)]() mutable {
      self->disk_busy_ = false;
      if (!self->connection_->open() || self->context_->closed) return;
      self->last_progress_ = std::chrono::steady_clock::now();
      then(std::move(argument));
    });
  };
}

bool Incoming::take_snapshot_frame(const Frame& frame) {
  if (disk_busy_) return refuse("it did not wait for a chunk to be asked for");
  if (frame.type == FrameType::snapshot_begin && !begun_) return begin_snapshot(frame.payload);
  if (frame.type == FrameType::snapshot_failed) {
    connection_->close();
    events_.ended(this, false);
    return false;
  }
  if (frame.type != FrameType::snapshot_chunk || !begun_)
    return refuse("unexpected frame in a snapshot stream");
  wire::Reader in(frame.payload);
  const std::uint64_t number = in.varint();
  if (!in.ok() || number != next_chunk_ || number >= chunks_) {
    return refuse("snapshot chunk " + std::to_string(number) + " instead of " + std::to_string(next_chunk_));
  }
  context_->files.receive_chunk(hello_.from, number, std::string(in.rest()),
                                on_loop<Status>([this](Status status) {
                                  if (!status) return fail_snapshot(status.error().message);
                                  chunk_wanted(next_chunk_ + 1);
                                }));
  return true;
}

bool Incoming::begin_snapshot(std::string_view payload) {
  auto begin = decode_snapshot_begin(payload);
  if (!begin) return refuse(begin.error().message);
  if (begin->offer.from != hello_.from || begin->offer.to != hello_.to)
    return refuse("a snapshot for another member");
  begun_ = true;
  chunks_ = begin->chunks;
  offer_ = std::move(begin->offer);
  context_->files.begin_receive(hello_.from, std::string(begin->manifest),
                                on_loop<Result<std::uint64_t>>([this](Result<std::uint64_t> next) {
                                  if (!next) return fail_snapshot(next.error().message);
                                  if (*next > chunks_)
                                    return fail_snapshot("more chunks here than the sender has");
                                  chunk_wanted(*next);
                                }));
  return true;
}

void Incoming::chunk_wanted(std::uint64_t number) {
  next_chunk_ = number;
  if (number == chunks_) return finish_snapshot();
  const std::size_t at = begin_frame(connection_->out(), FrameType::snapshot_next);
  wire::put_varint(connection_->out(), number);
  end_frame(connection_->out(), at);
  connection_->flush();
}

void Incoming::finish_snapshot() {
  context_->files.finish_receive(hello_.from, on_loop<Status>([this](Status status) {
                                   if (!status) return fail_snapshot(status.error().message);
                                   put_frame(connection_->out(), FrameType::snapshot_done, {});
                                   connection_->finish();
                                   events_.ended(this, false);
                                   context_->receiver.on_message(std::move(offer_));
                                 }));
}

void Incoming::fail_snapshot(const std::string& why) {
  put_frame(connection_->out(), FrameType::snapshot_failed, std::string_view(why).substr(0, kReasonBytesMax));
  connection_->finish();
  events_.ended(this, false);
}

}  // namespace cairn::peer
