#include "peer/incoming.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "base/codec.h"
#include "base/hex_id.h"
#include "net/socket.h"  // tidy-allow(heavy): it is what was accepted

namespace cairn::peer {

Incoming::Incoming(std::shared_ptr<Context> context, net::Socket&& socket, Events events)
    : context_(std::move(context)),
      events_(std::move(events)),
      session_(context_->config, context_->known),
      remote_(net::remote_of(socket)),
      accepted_at_(std::chrono::steady_clock::now()),
      last_progress_(accepted_at_) {
  connection_ = std::make_shared<Connection>(context_->io, std::move(socket), context_->config,
                                             context_->config.accepted_through, remote_);
}

void Incoming::start() { connection_->start(shared_from_this()); }

void Incoming::close() { connection_->close(); }

void Incoming::tick(Time now) {
  if (!connection_->open()) return;
  const bool snapshot = greeted() && kind() == ConnectionKind::snapshot;
  if (snapshot && disk_busy_) {
    put_frame(connection_->out(), FrameType::heartbeat, {});
    return connection_->flush();
  }
  Time since = connection_->last_received();
  Duration allowed = context_->config.silence_timeout;
  if (!greeted()) {
    since = accepted_at_;  // a byte now and then buys no time
    allowed = context_->config.hello_timeout;
  } else if (snapshot) {
    since = std::max(last_progress_, since);
    allowed = context_->config.snapshot_stall_timeout;
  }
  if (now - since < allowed) return;
  const auto self = shared_from_this();
  connection_->close();
  events_.ended(this, false);
}

bool Incoming::on_frame(const Frame& frame) {
  if (!greeted()) context_->look_at_receiver();
  auto taken = session_.take(frame, context_->term_ceiling(), std::chrono::steady_clock::now());
  return taken ? take(*std::move(taken)) : refuse(std::move(taken).error());
}

void Incoming::on_closed(Closed how, const std::string& why) {
  if (how == Closed::protocol) {
    const Refusal refusal = session_.refuse(Refused::bytes, "connection from " + remote_ + " closed: " + why);
    context_->refuse(refusal);
  }
  events_.ended(this, how == Closed::by_peer);
}

bool Incoming::refuse(Refusal refusal) {
  const auto self = shared_from_this();
  if (refusal.answer.empty()) {
    connection_->close();
    refusal.why = "connection of member " + hex_id(from().v) + " from " + remote_ + " closed: " + refusal.why;
  } else {
    put_hello_answer(connection_->out(), &refusal.answer, context_->config.limits);
    connection_->finish();
    refusal.why = "connection from " + remote_ + " refused: " + refusal.why;
  }
  context_->refuse(refusal);
  events_.ended(this, false);
  return false;
}

bool Incoming::take(Session::Taken taken) {
  if (std::holds_alternative<Session::Greeted>(taken)) {
    put_hello_answer(connection_->out(), nullptr, context_->config.limits);
    connection_->greeted();
    connection_->flush();
    events_.greeted(this);
  } else if (auto* message = std::get_if<raft::Message>(&taken)) {
    context_->receiver.on_message(std::move(*message));
  } else if (const auto* note = std::get_if<Session::Note>(&taken)) {
    context_->receiver.on_note(from(), make_bytes(std::string(note->bytes)));
  } else if (auto* begin = std::get_if<SnapshotBegin>(&taken)) {
    begin_snapshot(std::move(*begin));
  } else if (const auto* chunk = std::get_if<Session::Chunk>(&taken)) {
    take_chunk(*chunk);
  } else if (std::holds_alternative<Session::SenderFailed>(taken)) {
    const auto self = shared_from_this();
    connection_->close();
    events_.ended(this, false);
    return false;
  }
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

void Incoming::begin_snapshot(SnapshotBegin begin) {
  chunks_ = begin.chunks;
  offer_ = std::move(begin.offer);
  const raft::SnapshotMeta& meta = std::get<raft::SnapshotOffer>(offer_.body).meta;
  context_->files.begin_receive(
      from(), meta, std::string(begin.manifest),
      on_loop<Result<std::uint64_t>>([this](Result<std::uint64_t> next) {
        if (!next) return fail_snapshot(next.error());
        if (*next > chunks_) return fail_snapshot({Code::data_loss, "more chunks here than the sender has"});
        chunk_wanted(*next);
      }));
}

void Incoming::take_chunk(const Session::Chunk& chunk) {
  context_->files.receive_chunk(from(), chunk.number, std::string(chunk.stored),
                                on_loop<Status>([this, number = chunk.number](Status status) {
                                  if (!status) return fail_snapshot(status.error());
                                  chunk_wanted(number + 1);
                                }));
}

void Incoming::chunk_wanted(std::uint64_t number) {
  if (number == chunks_) return finish_snapshot();
  session_.want_chunk(number);
  const std::size_t at = begin_frame(connection_->out(), FrameType::snapshot_next);
  codec::put_varint(connection_->out(), number);
  end_frame(connection_->out(), at);
  connection_->flush();
}

void Incoming::finish_snapshot() {
  context_->files.finish_receive(from(), on_loop<Status>([this](Status status) {
                                   if (!status) return fail_snapshot(status.error());
                                   put_frame(connection_->out(), FrameType::snapshot_done, {});
                                   connection_->finish();
                                   events_.ended(this, false);
                                   context_->receiver.on_message(std::move(offer_));
                                 }));
}

void Incoming::fail_snapshot(const Error& why) {
  put_frame(connection_->out(), FrameType::snapshot_failed,
            std::string_view(why.message).substr(0, context_->config.limits.reason_bytes_max));
  connection_->finish();
  events_.ended(this, false);
  context_->receiver.on_snapshot_refused(from(), why);
}

}  // namespace cairn::peer
