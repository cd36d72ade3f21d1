#include "sim/sim_snapshots.h"

#include <chrono>
#include <utility>
#include <variant>

#include "sim/member.h"

namespace cairn::sim {
namespace {

constexpr Duration kBusyPoll = std::chrono::milliseconds(1);

}  // namespace

struct SimSnapshots::Stream {
  raft::Message offer;
  raft::SnapshotMeta meta;
  std::uint64_t sender_life = 0, receiver_life = 0;
  std::uint64_t chunks = 0;
  std::uint64_t next = 0;  // chunk that the receiver wants
};

bool SimSnapshots::survives(const Error& error) {
  // As in the server. out_of_range: two streams of one snapshot at once, and the newer took the older's
  // place.
  if (error.code == Code::resource_exhausted || error.code == Code::data_loss ||
      error.code == Code::not_found || error.code == Code::out_of_range ||
      error.code == Code::failed_precondition) {
    world_.note(id_, "snapshot refused", {}, [text = error.message] { return text; });
    return true;
  }
  host_.disk_failed(error);
  return false;
}

std::string SimSnapshots::not_taken(const Error& error) {
  if (!survives(error)) return "";
  if (error.code == io::kFull) host_.deliver(node::SnapshotNotTaken{});
  return error.message;
}

void SimSnapshots::save(raft::SnapshotMeta meta, std::shared_ptr<const mvcc::View> view) {
  world_.note(id_, "snapshot begins", {{"index", meta.index.v}});
  world_.schedule.after(
      host_.disk_latency(),
      host_.while_alive([this, meta = std::move(meta), view = std::move(view)] { save_now(meta, *view); }));
}

void SimSnapshots::save_now(const raft::SnapshotMeta& meta, const mvcc::View& view) {
  const auto done = [&]() -> Status {
    const std::unique_ptr<wal::SnapshotWriter> writer = TRY(store_->create(meta, view.size_bytes()));
    TRY(view.save(writer.get()));
    return writer->publish();
  }();
  if (!done) {
    if (survives(done.error())) host_.deliver(node::SnapshotFailed{meta});
    return;
  }
  ++world_.counters.snapshots_saved;
  world_.note(id_, "snapshot durable", {{"index", meta.index.v}, {"term", meta.term.v}});
  host_.snapshot_durable(meta.index);
  host_.deliver(node::SnapshotSaved{meta});
}

void SimSnapshots::load(raft::SnapshotMeta meta) {
  ++loads_;
  world_.schedule.after(host_.disk_latency(),
                        host_.while_alive([this, meta = std::move(meta)] { load_now(meta); }));
}

void SimSnapshots::load_now(const raft::SnapshotMeta& meta) {
  --loads_;
  auto loaded = [&]() -> Result<std::unique_ptr<mvcc::StateMachine>> {
    const std::unique_ptr<ByteSource> source = TRY(store_->read(meta));
    return mvcc::StateMachine::load(source.get(), machine_limits(world_.options));
  }();
  // The server stops then, too. If nothing was made to fail, that is what is accused.
  if (!loaded) return host_.disk_failed(loaded.error());
  ++world_.counters.snapshots_installed;
  world_.note(id_, "snapshot loaded", {{"index", meta.index.v}});
  host_.deliver(node::SnapshotLoaded{meta, std::move(*loaded)});
}

void SimSnapshots::stream(raft::Message offer) {
  auto stream = std::make_shared<Stream>();
  stream->meta = std::get<raft::SnapshotOffer>(offer.body).meta;
  stream->sender_life = world_.member(id_).life();
  stream->offer = std::move(offer);
  world_.note(id_, "snapshot stream begins", {{"to", stream->offer.to.v}, {"index", stream->meta.index.v}});
  world_.schedule.after(host_.disk_latency(), host_.while_alive([this, stream] { begin_stream(stream); }));
}

void SimSnapshots::begin_stream(const std::shared_ptr<Stream>& stream) {
  const auto info = store_->newest();
  const auto manifest = store_->manifest(stream->meta);
  if (!info || info->meta != stream->meta || !manifest) {
    if (!manifest && !survives(manifest.error())) return;
    return end_stream(stream, false);
  }
  stream->chunks = info->chunks;
  const std::uint64_t to = stream->offer.to.v;
  auto hello = world_.member(id_).hello_to(to);
  if (!hello) return end_stream(stream, false);
  hello->kind = peer::ConnectionKind::snapshot;
  at_receiver(stream, [stream, to, hello = *hello, manifest = *manifest](SimSnapshots& there) {
    if (!there.world_.member(to).hears(hello))
      return at_sender(there.world_, stream,
                       [stream](SimSnapshots& here) { here.end_stream(stream, false); });
    auto receiver = there.store_->receive(manifest);
    if (!receiver) {
      World& world = there.world_;  // `there` may not survive
      const std::string why = there.not_taken(receiver.error());
      return at_sender(world, stream,
                       [stream, why](SimSnapshots& here) { here.end_stream(stream, false, why); });
    }
    stream->next = (*receiver)->next_chunk();
    there.receiving_[stream->offer.from.v] = std::move(*receiver);
    at_sender(there.world_, stream, [stream](SimSnapshots& here) { here.next_chunk(stream); });
  });
}

void SimSnapshots::next_chunk(const std::shared_ptr<Stream>& stream) {
  const std::uint64_t number = stream->next;
  std::string stored;
  if (number < stream->chunks) {
    auto chunk = store_->chunk(stream->meta, number);
    if (!chunk) {  // superseded and removed meanwhile
      if (survives(chunk.error())) end_stream(stream, false);
      return;
    }
    stored = std::move(*chunk);
  }
  at_receiver(stream,
              [stream, number, stored](SimSnapshots& there) { there.receive(stream, number, stored); });
}

void SimSnapshots::receive(const std::shared_ptr<Stream>& stream, std::uint64_t number,
                           const std::string& stored) {
  const bool last = number >= stream->chunks;
  const auto receiver = receiving_.find(stream->offer.from.v);
  if (receiver == receiving_.end()) {
    return at_sender(world_, stream, [stream](SimSnapshots& here) { here.end_stream(stream, false); });
  }
  const Status done = last ? receiver->second->publish() : receiver->second->write_chunk(number, stored);
  if (last || !done) receiving_.erase(receiver);
  if (!done) {
    World& world = world_;  // this process may not survive; its peer sees the connection close
    const std::string why = not_taken(done.error());
    return at_sender(world, stream,
                     [stream, why](SimSnapshots& here) { here.end_stream(stream, false, why); });
  }
  ++stream->next;
  if (!last) return at_sender(world_, stream, [stream](SimSnapshots& here) { here.next_chunk(stream); });
  world_.note(id_, "snapshot received", {{"from", stream->offer.from.v}, {"index", stream->meta.index.v}});
  host_.snapshot_durable(stream->meta.index);
  host_.deliver(node::MessageReceived{stream->offer});
  at_sender(world_, stream, [stream](SimSnapshots& here) { here.end_stream(stream, true); });
}

void SimSnapshots::end_stream(const std::shared_ptr<Stream>& stream, bool ok, const std::string& refused) {
  world_.note(id_, "snapshot stream ends", {{"to", stream->offer.to.v}, {"ok", ok ? 1U : 0U}});
  host_.deliver(node::SnapshotSent{stream->offer.to, ok, refused});
}

void SimSnapshots::at_receiver(const std::shared_ptr<Stream>& stream,
                               std::function<void(SimSnapshots&)> task) {
  World& world = world_;
  const auto fate = world.network.stream(
      id_, stream->offer.to.v, [&world, stream, task = std::move(task)] { arrive(world, stream, task); });
  if (fate == SimNetwork::Fate::cut) end_stream(stream, false);
}

// The server's snapshot thread does one thing after the other: what arrives while it loads, or waits to load,
// waits. Else two newer snapshots could take the place of one that is about to be loaded.
void SimSnapshots::arrive(World& world, const std::shared_ptr<Stream>& stream,
                          const std::function<void(SimSnapshots&)>& task) {
  Member& receiver = world.member(stream->offer.to.v);
  if (stream->receiver_life == 0) stream->receiver_life = receiver.life();
  if (receiver.snapshots() == nullptr || receiver.life() != stream->receiver_life) {
    Member& sender = world.member(stream->offer.from.v);
    if (sender.snapshots() != nullptr && sender.life() == stream->sender_life)
      sender.snapshots()->end_stream(stream, false);
  } else if (receiver.snapshots()->loads_ > 0) {
    world.schedule.after(kBusyPoll, [&world, stream, task] { arrive(world, stream, task); });
  } else {
    task(*receiver.snapshots());
  }
}

void SimSnapshots::at_sender(World& world, const std::shared_ptr<Stream>& stream,
                             std::function<void(SimSnapshots&)> task) {
  // A broken stream is noticed by the sender in any case: its connection closes.
  world.schedule.after(world.options.network.latency_min, [&world, stream, task = std::move(task)] {
    Member& sender = world.member(stream->offer.from.v);
    if (sender.snapshots() != nullptr && sender.life() == stream->sender_life) {
      task(*sender.snapshots());
    }
  });
}

}  // namespace cairn::sim
