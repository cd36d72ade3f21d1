#include "flip_sweep/small_cluster.h"

#include <algorithm>

#include "base/check.h"
#include "etcd/validate.h"
#include "node/requests.h"
#include "proto/rpc.pb.h"

namespace cairn::sweep {
namespace {

constexpr Duration kStep = std::chrono::milliseconds(10);
constexpr Duration kRestartAfter = std::chrono::milliseconds(300);
constexpr Duration kPatience = std::chrono::seconds(7);

server::Bootstrap bootstrap_of(std::uint64_t self) {
  server::Bootstrap out{.cluster_id = kClusterId, .self = self, .members = {}};
  for (std::uint64_t id = 1; id <= kMembers; ++id) {
    const std::string name = "n" + std::to_string(id);
    out.members.push_back({.id = id, .name = name, .peer_urls = {"http://" + name + ":1"}});
  }
  return out;
}

struct WriteResult final : node::WriteResponder {
  explicit WriteResult(SmallCluster::Written to) : target(std::move(to)) {}
  void done(mvcc::Outcome outcome) override { *target = std::move(outcome); }
  SmallCluster::Written target;
};

struct ReadResult final : node::ReadResponder {
  ReadResult(std::shared_ptr<SmallCluster::Answer> to, std::string the_key)
      : target(std::move(to)), key(std::move(the_key)) {}
  void ready(const mvcc::View& view) override {
    etcdserverpb::RangeRequest request;
    request.set_key(key);
    etcdserverpb::RangeResponse response;
    response.ParseFromString(view.range(*etcd::check(request)).body);
    target->value = response.kvs_size() == 0 ? "" : response.kvs(0).value();
  }
  void failed(Error) override { target->failed = true; }
  std::shared_ptr<SmallCluster::Answer> target;
  std::string key;
};

}  // namespace

// One machine, and the process on it while there is one.
struct SmallCluster::Member final : node::LogPort, node::Transport, node::SnapshotPort, node::MemoryPort {
  Member(SmallCluster& the_owner, std::uint64_t the_id) : owner(the_owner), id(the_id) {}

  void start(Time now);
  void end(const std::string& why);
  void finish_writes();

  void write(raft::LogWrite write) override;
  void configured(const std::vector<raft::Configuration>&) override {}
  bool send_note(raft::NodeId to, Bytes note) override;
  void disbelieved(raft::NodeId, const std::string&) override {}
  void send(raft::Message message) override;
  void stream(raft::Message offer) override;
  void save(raft::SnapshotMeta meta, std::shared_ptr<const mvcc::View> view) override;
  void load(raft::SnapshotMeta meta) override;
  void forgot(const std::string& why) override { said.push_back("forgot: " + why); }
  void diverged(const std::string& why) override;

  Result<raft::SnapshotMeta> copy_to(Member* receiver, const raft::SnapshotMeta& offered);
  Status save_now(const raft::SnapshotMeta& meta, const mvcc::View& view);

  SmallCluster& owner;
  const std::uint64_t id;
  sim::SimDisk disk;
  std::optional<server::DataDir> data;
  std::unique_ptr<node::Node> node;
  std::uint64_t starts = 0;
  raft::WriteSeq written{};  // not synced yet
  bool idle_noted = true;
  std::string ending;  // why this process ends once the turn is over
  std::optional<Time> restart_at;
  std::vector<std::string> said;
  std::string refusal;
};

void SmallCluster::Member::start(Time now) {
  ++starts;
  restart_at.reset();
  const server::Start start{.bootstrap = bootstrap_of(id),
                            .name = "n" + std::to_string(id),
                            .random = (owner.seed_ * 31 + id) * 1'000'003 + starts * 2 + 1,
                            .unix_ms = 1};
  auto opened = server::open_data_dir(disk, kDataDir, start,
                                      wal::Options{.segment_bytes = 64 << 10, .spare_segments = 1});
  if (!opened) {
    refusal = opened.error().message;
    disk.kill_process();
    return;
  }
  data = std::move(*opened);
  for (const std::string& note : data->notes) said.push_back(note);
  if (!data->report.lost.empty()) said.push_back("lost: " + data->report.lost);
  if (data->report.torn_bytes > 0) said.push_back("torn: kept in " + data->report.quarantine_file);
  node::Config config;
  config.raft.id = raft::NodeId{id};
  config.raft.seed = owner.seed_ * 1'000'003 + starts * 101 + id;
  config.raft.election_timeout = std::chrono::milliseconds(300);
  config.raft.heartbeat_interval = std::chrono::milliseconds(50);
  config.raft.log_keep_bytes = 0;
  config.raft.log_keep_lagging_bytes = 0;
  config.cluster_id = kClusterId;
  config.request_id_seed = (owner.seed_ * 31 + id) * 1'000'003 + starts;
  config.snapshot_log_bytes_min = std::uint64_t{48} << 10;
  config.log_memory_bytes = std::uint64_t{32} << 10;
  node = std::make_unique<node::Node>(config, std::move(data->recovered),
                                      node::Node::Ports{*this, *this, *this, *this}, now);
}

void SmallCluster::Member::end(const std::string& why) {
  if (ending.empty()) ending = why;
}

void SmallCluster::Member::write(raft::LogWrite write) {
  const Status appended = data->log->append(write);
  if (!appended) return end(appended.error().message);
  written = write.seq;
  idle_noted = false;
}

// One sync for all that a turn has written, as the log thread does.
void SmallCluster::Member::finish_writes() {
  if (written == raft::WriteSeq{} || !ending.empty()) return;
  const Status synced = data->log->sync();
  if (!synced) return end(synced.error().message);
  owner.deliver(id, node::LogPersisted{std::exchange(written, raft::WriteSeq{}), {}});
  for (Result<bool> more = true; more && *more;) {
    more = data->log->maintain();
    if (!more) end(more.error().message);
  }
}

void SmallCluster::Member::send(raft::Message message) {
  const std::uint64_t to = message.to.v;
  if (owner.is_up(to)) owner.deliver(to, node::MessageReceived{std::move(message)});
}

bool SmallCluster::Member::send_note(raft::NodeId to, Bytes note) {
  if (owner.is_up(to.v)) owner.deliver(to.v, node::NoteReceived{raft::NodeId{id}, std::move(note)});
  return true;
}

Status SmallCluster::Member::save_now(const raft::SnapshotMeta& meta, const mvcc::View& view) {
  const auto writer = TRY(data->snapshots->create(meta));
  TRY(view.save(writer.get()));
  return writer->publish();
}

void SmallCluster::Member::save(raft::SnapshotMeta meta, std::shared_ptr<const mvcc::View> view) {
  const Status saved = save_now(meta, *view);
  if (saved) return owner.deliver(id, node::SnapshotSaved{meta});
  said.push_back(saved.error().message);
  owner.deliver(id, node::SnapshotFailed{meta});
}

// As the server's snapshot threads do it between them; what is damaged here is put aside and not sent.
Result<raft::SnapshotMeta> SmallCluster::Member::copy_to(Member* receiver,
                                                         const raft::SnapshotMeta& offered) {
  const auto newest = data->snapshots->newest();
  if (!newest || newest->meta.index < offered.index) return fail(Code::not_found, "nothing to send");
  const auto aside = [&](const Error& error) {
    if (error.code != Code::data_loss) return;
    said.push_back(error.message);
    const auto where = data->snapshots->put_aside(newest->meta);
    CHECK(where.has_value());
    owner.deliver(id, node::SnapshotLost{newest->meta});
  };
  const auto manifest = data->snapshots->manifest(newest->meta);
  if (!manifest) return aside(manifest.error()), tl::unexpected(manifest.error());
  const auto receiving = TRY(receiver->data->snapshots->receive(*manifest));
  for (std::uint64_t i = receiving->next_chunk(); i < newest->chunks; ++i) {
    const auto chunk = data->snapshots->chunk(newest->meta, i);
    if (!chunk) return aside(chunk.error()), tl::unexpected(chunk.error());
    TRY(receiving->write_chunk(i, *chunk));
  }
  TRY(receiving->publish());
  return newest->meta;
}

void SmallCluster::Member::stream(raft::Message offer) {
  const raft::NodeId to = offer.to;
  raft::SnapshotMeta& meta = std::get<raft::SnapshotOffer>(offer.body).meta;
  const bool there = owner.is_up(to.v);
  const auto sent = there ? copy_to(&owner.at(to.v), meta) : fail(Code::unavailable, "it is down");
  owner.deliver(id, node::SnapshotSent{to, sent.has_value()});
  if (!sent) return;
  meta = *sent;
  owner.deliver(to.v, node::MessageReceived{std::move(offer)});
}

void SmallCluster::Member::load(raft::SnapshotMeta meta) {
  auto loaded = [&]() -> Result<std::unique_ptr<mvcc::StateMachine>> {
    const auto source = TRY(data->snapshots->read(meta));
    return mvcc::StateMachine::load(source.get());
  }();
  if (!loaded) return end(loaded.error().message);
  owner.deliver(id, node::SnapshotLoaded{meta, std::move(*loaded)});
}

void SmallCluster::Member::diverged(const std::string& why) {
  said.push_back("E_DIVERGED: " + why);
  const auto noted = server::note_divergence(disk, kDataDir, why);
  CHECK(noted.has_value());
  end("it has diverged");
}

SmallCluster::SmallCluster(std::uint64_t seed) : seed_(seed) {
  for (std::uint64_t id = 1; id <= kMembers; ++id) members_.push_back(std::make_unique<Member>(*this, id));
}

SmallCluster::~SmallCluster() {
  for (const auto& member : members_) member->node.reset();
}

void SmallCluster::restore(std::uint64_t id, const Image& image) {
  for (const auto& [path, content] : image) at(id).disk.put(path, content);
}

Image SmallCluster::image(std::uint64_t id) const {
  Image out;
  for (const std::string& path : at(id).disk.files()) out[path] = at(id).disk.contents(path);
  return out;
}

void SmallCluster::start(std::uint64_t id) { at(id).start(now_); }

void SmallCluster::stop(std::uint64_t id) {
  Member& member = at(id);
  member.node.reset();
  member.data.reset();
  member.disk.kill_process();
  member.written = {};
  member.ending.clear();
  member.restart_at.reset();
  std::erase_if(events_, [id](const auto& event) { return event.first == id; });
}

bool SmallCluster::is_up(std::uint64_t id) const { return at(id).node != nullptr; }
node::Node& SmallCluster::node(std::uint64_t id) { return *at(id).node; }
sim::SimDisk& SmallCluster::disk(std::uint64_t id) { return at(id).disk; }
const std::vector<std::string>& SmallCluster::said(std::uint64_t id) const { return at(id).said; }
const std::string& SmallCluster::refusal(std::uint64_t id) const { return at(id).refusal; }
const server::DataDir& SmallCluster::data(std::uint64_t id) const { return *at(id).data; }

std::uint64_t SmallCluster::leader() const {
  for (const auto& member : members_)
    if (member->node && member->node->leader() == raft::NodeId{member->id}) return member->id;
  return 0;
}

void SmallCluster::handle(std::uint64_t id, node::Event event) {
  if (is_up(id)) at(id).node->handle(now_, 1, std::move(event));
}

// Ends every turn and delivers, until nothing moves.
void SmallCluster::settle() {
  do {
    std::deque<std::pair<std::uint64_t, node::Event>> batch;
    batch.swap(events_);
    for (auto& [id, event] : batch) handle(id, std::move(event));
    for (const auto& member : members_) {
      if (!member->node) continue;
      member->node->flush();
      member->finish_writes();
    }
    for (const auto& member : members_) {
      if (member->ending.empty()) continue;
      member->said.push_back("ended: " + member->ending);
      stop(member->id);
      member->restart_at = now_ + kRestartAfter;
    }
  } while (!events_.empty());
}

void SmallCluster::tick() {
  for (const auto& member : members_) {
    if (member->restart_at && *member->restart_at <= now_) member->start(now_);
    if (!member->node) continue;
    if (!member->idle_noted) {
      member->idle_noted = true;
      const Status noted = member->data->log->note_durable();
      if (!noted) member->end(noted.error().message);
    }
    if (member->node->deadline() <= now_) handle(member->id, node::TimePassed{});
  }
  settle();
}

void SmallCluster::advance(Duration by) {
  const Time end = now_ + by;
  while (now_ < end) {
    now_ = std::min(end, now_ + kStep);
    tick();
  }
}

bool SmallCluster::advance_until(const std::function<bool()>& condition, Duration most) {
  const Time end = now_ + most;
  while (!condition()) {
    if (now_ >= end) return false;
    advance(kStep);
  }
  return true;
}

SmallCluster::Written SmallCluster::put(std::uint64_t id, const std::string& key, const std::string& value) {
  etcdserverpb::PutRequest request;
  request.set_key(key);
  request.set_value(value);
  auto result = std::make_shared<std::optional<mvcc::Outcome>>();
  handle(id, node::ClientWrite{.kind = node::CommandKind::put,
                               .request = request.SerializeAsString(),
                               .idempotency_key = {},
                               .deadline = now_ + kPatience,
                               .responder = std::make_unique<WriteResult>(result),
                               .leader_deadline = now_ + kPatience});
  return result;
}

std::shared_ptr<SmallCluster::Answer> SmallCluster::get(std::uint64_t id, const std::string& key) {
  auto answer = std::make_shared<Answer>();
  handle(id, node::ClientRead{.serializable = false,
                              .deadline = now_ + kPatience,
                              .responder = std::make_unique<ReadResult>(answer, key)});
  return answer;
}

}  // namespace cairn::sweep
