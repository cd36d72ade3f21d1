// MiniCluster: a few Nodes in one thread with instant, reliable ports, for unit tests of Node. Links can be
// cut and disks can be told to wait. The simulator (test/sim) is where faults live; this is for stories of
// one page.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "etcd/validate.h"
#include "node/node.h"
#include "node/status.h"
#include "proto/rpc.pb.h"
#include "raft/state.h"

namespace cairn::node {

struct WriteResult final : WriteResponder {
  explicit WriteResult(std::shared_ptr<std::optional<mvcc::Outcome>> to) : target(std::move(to)) {}
  void done(mvcc::Outcome outcome) override { *target = std::move(outcome); }
  std::shared_ptr<std::optional<mvcc::Outcome>> target;
};

struct ReadAnswer {
  std::optional<std::string> value;  // of the key, "" when absent
  std::optional<Error> error;
};
struct ReadResult final : ReadResponder {
  ReadResult(std::shared_ptr<ReadAnswer> to, std::string read_key)
      : target(std::move(to)), key(std::move(read_key)) {}
  void ready(const mvcc::View& view) override {
    etcdserverpb::RangeRequest request;
    request.set_key(key);
    etcdserverpb::RangeResponse response;
    response.ParseFromString(view.range(*etcd::check(request)).body);
    target->value = response.kvs_size() == 0 ? "" : response.kvs(0).value();
  }
  void failed(Error error) override { target->error = std::move(error); }
  std::shared_ptr<ReadAnswer> target;
  std::string key;
};

class MemoryStream final : public ByteSink, public ByteSource {
 public:
  Status write(std::string_view bytes) override {
    data_.append(bytes);
    return {};
  }
  Result<std::size_t> read(std::span<char> into) override {
    const std::size_t size = data_.copy(into.data(), into.size(), read_at_);
    read_at_ += size;
    return size;
  }
  std::size_t size() const { return data_.size(); }

 private:
  std::string data_;
  std::size_t read_at_ = 0;
};

class MiniCluster {
 public:
  explicit MiniCluster(std::size_t members, std::function<void(Config*)> tune = {}) {
    std::vector<raft::NodeId> ids;
    for (std::uint64_t id = 1; id <= members; ++id) ids.emplace_back(id);
    for (const raft::NodeId id : ids) members_.emplace(id, std::make_unique<MemberPorts>(*this, id));
    for (const raft::NodeId id : ids) start(id, ids, tune);
  }

  // One more, which remembers nothing and knows nobody.
  void join(std::uint64_t id, const std::function<void(Config*)>& tune = {}) {
    members_.emplace(id, std::make_unique<MemberPorts>(*this, raft::NodeId{id}));
    start(raft::NodeId{id}, {}, tune);
  }
  // It is started again, with all of its log, and has applied nothing of it.
  void restart(std::uint64_t id) {
    const raft::State& was = node(id).core().state();
    Recovered recovered;
    recovered.raft.hard_state = {was.term, was.vote,   was.vote_incarnation, was.life,
                                 was.met,  was.starts, was.has_forgotten};
    ++recovered.raft.hard_state.life.start;
    recovered.raft.hard_state.starts.push_back(recovered.raft.hard_state.life.start);
    recovered.raft.entries = was.log.slice(raft::Index{1}, was.log.bytes());
    for (const auto& [member, ports] : members_) recovered.raft.snapshot.members.voters.push_back(member);
    std::erase_if(events_, [id](const auto& event) { return event.first.v == id; });
    Config config = config_of(raft::NodeId{id});
    config.request_id_seed += std::uint64_t{1} << 20U;
    start(raft::NodeId{id}, config, std::move(recovered));
  }
  // Whom it was last told to reach.
  const std::vector<raft::Configuration>& configurations(std::uint64_t id) const {
    return members_.at(raft::NodeId{id})->counted;
  }

  Node& node(std::uint64_t id) { return *members_.at(raft::NodeId{id})->node; }
  Time now() const { return now_; }

  std::shared_ptr<std::optional<mvcc::Outcome>> put(std::uint64_t id, const std::string& key,
                                                    const std::string& value,
                                                    Duration patience = std::chrono::seconds(7),
                                                    Duration leader_patience = std::chrono::hours(1)) {
    etcdserverpb::PutRequest request;
    request.set_key(key);
    request.set_value(value);
    auto result = std::make_shared<std::optional<mvcc::Outcome>>();
    handle(id, ClientWrite{.kind = CommandKind::put,
                           .request = request.SerializeAsString(),
                           .idempotency_key = {},
                           .deadline = now_ + patience,
                           .responder = std::make_unique<WriteResult>(result),
                           .leader_deadline = now_ + leader_patience});
    return result;
  }

  std::shared_ptr<ReadAnswer> get(std::uint64_t id, const std::string& key, bool serializable = false) {
    auto answer = std::make_shared<ReadAnswer>();
    handle(id, ClientRead{.serializable = serializable,
                          .deadline = now_ + std::chrono::seconds(7),
                          .responder = std::make_unique<ReadResult>(answer, key)});
    if (serializable) node(id).flush();  // answered when the turn ends
    return answer;
  }

  void handle(std::uint64_t id, Event event) {
    node(id).handle(now_, members_.at(raft::NodeId{id})->wall_ms, std::move(event));
  }
  void set_wall_ms(std::uint64_t id, std::int64_t wall_ms) {
    members_.at(raft::NodeId{id})->wall_ms = wall_ms;
  }

  // Ends every node's turn and delivers until nothing moves.
  void settle() {
    for (auto& [id, member] : members_) member->node->flush();
    while (!events_.empty()) {
      std::deque<std::pair<raft::NodeId, Event>> batch;
      batch.swap(events_);
      for (auto& [id, event] : batch) handle(id.v, std::move(event));
      for (auto& [id, member] : members_) member->node->flush();
    }
  }

  void advance(Duration by) {
    const Time end = now_ + by;
    while (now_ < end) {
      now_ = std::min(end, now_ + std::chrono::milliseconds(10));
      for (auto& [id, member] : members_) handle(id.v, TimePassed{});
      settle();
    }
  }

  // The leader's id, after as much time as it takes (up to 20 s).
  std::uint64_t elect() {
    for (int i = 0; i < 2000; ++i) {
      for (auto& [id, member] : members_)
        if (cut_.count(id) == 0 && member->node->leader() == id) return id.v;
      advance(std::chrono::milliseconds(10));
    }
    return 0;
  }

  void cut(std::uint64_t id) { cut_.insert(raft::NodeId{id}); }
  void heal() { cut_.clear(); }
  // Messages for which this is true are lost.
  void lose(std::function<bool(const raft::Message&)> which) { loses_ = std::move(which); }
  void hold_disk(std::uint64_t id, bool hold) {
    MemberPorts& member = *members_.at(raft::NodeId{id});
    member.disk_held = hold;
    if (!hold && member.held != raft::WriteSeq{})
      events_.emplace_back(member.id, LogPersisted{member.held, member.room});
  }

  // What its disk has for the log from now on, however much is written.
  void set_room(std::uint64_t id, raft::Room room) {
    MemberPorts& member = *members_.at(raft::NodeId{id});
    member.room = room;
    handle(id, LogPersisted{member.held, room});
  }

  // What it has against every snapshot that is sent to it; empty: nothing.
  void refuse_snapshots(std::uint64_t id, std::string why) {
    members_.at(raft::NodeId{id})->refuses = std::move(why);
  }
  bool no_room_for_notes = false;
  void fail_saves(std::uint64_t id, bool fail) { members_.at(raft::NodeId{id})->saves_fail = fail; }

  // Snapshots are not reported as saved until the hold ends.
  void hold_saves(std::uint64_t id, bool hold) {
    MemberPorts& member = *members_.at(raft::NodeId{id});
    member.saves_held = hold;
    if (!hold && member.held_save.has_value())
      events_.emplace_back(member.id, SnapshotSaved{*std::exchange(member.held_save, std::nullopt)});
  }

  // What lies on its disk turns out to be damaged.
  void lose_snapshot(std::uint64_t id) {
    MemberPorts& member = *members_.at(raft::NodeId{id});
    const raft::SnapshotMeta meta = member.saved->first;
    member.saved.reset();
    handle(id, SnapshotLost{meta});
  }

  // Snapshots are not loaded until the hold ends.
  void hold_loads(std::uint64_t id, bool hold) {
    MemberPorts& member = *members_.at(raft::NodeId{id});
    member.loads_held = hold;
    if (!hold && member.held_load.has_value()) member.load(*std::exchange(member.held_load, std::nullopt));
  }

  // Its views, turn by turn, while somebody listens.
  void listen(std::uint64_t id, bool listens) { members_.at(raft::NodeId{id})->is_heard = listens; }
  const std::vector<std::shared_ptr<const mvcc::View>>& views(std::uint64_t id) const {
    return members_.at(raft::NodeId{id})->views;
  }

  std::size_t log_writes(std::uint64_t id) const { return members_.at(raft::NodeId{id})->log_writes; }
  std::size_t snapshots_saved(std::uint64_t id) const {
    return members_.at(raft::NodeId{id})->snapshots_saved;
  }
  std::size_t snapshots_offered(std::uint64_t id) const {
    return members_.at(raft::NodeId{id})->snapshots_offered;
  }
  std::size_t snapshots_loaded(std::uint64_t id) const {
    return members_.at(raft::NodeId{id})->snapshots_loaded;
  }

 private:
  struct MemberPorts final : LogPort, Transport, SnapshotPort, MemoryPort, Audience {
    MemberPorts(MiniCluster& owner, raft::NodeId self) : cluster(owner), id(self) {}

    raft::Room room;
    std::vector<raft::Configuration> counted;
    std::vector<raft::NodeId> not_believed;
    void write(raft::LogWrite write) override {
      ++log_writes;
      held = write.seq;
      if (!disk_held) cluster.events_.emplace_back(id, LogPersisted{write.seq, room});
    }
    void send(raft::Message message) override {
      const raft::NodeId to = message.to;
      if (cluster.loses_ && cluster.loses_(message)) return;
      if (cluster.linked(id, to)) cluster.events_.emplace_back(to, MessageReceived{std::move(message)});
    }
    void configured(const std::vector<raft::Configuration>& configurations) override {
      counted = configurations;
    }
    void disbelieved(raft::NodeId who, const std::string&) override { not_believed.push_back(who); }
    bool send_note(raft::NodeId to, Bytes note) override {
      if (cluster.no_room_for_notes) return false;
      if (cluster.linked(id, to)) cluster.events_.emplace_back(to, NoteReceived{id, std::move(note)});
      return true;
    }
    void save(raft::SnapshotMeta meta, std::shared_ptr<const mvcc::View> view) override {
      MemoryStream stream;
      if (saves_fail) return cluster.events_.emplace_back(id, SnapshotFailed{meta}), void();
      if (!view->save(&stream)) return cluster.events_.emplace_back(id, SnapshotFailed{meta}), void();
      saved = {meta, stream};
      ++snapshots_saved;
      if (saves_held) return held_save = meta, void();
      cluster.events_.emplace_back(id, SnapshotSaved{meta});
    }
    void stream(raft::Message offer) override {
      const std::string& refused = cluster.members_.at(offer.to)->refuses;
      const bool sent = cluster.linked(id, offer.to) && saved.has_value() && refused.empty();
      cluster.events_.emplace_back(id, SnapshotSent{offer.to, sent, refused});
      if (!refused.empty()) cluster.events_.emplace_back(offer.to, SnapshotNotTaken{});
      ++snapshots_offered;
      if (!sent) return;
      cluster.members_.at(offer.to)->saved = saved;
      std::get<raft::SnapshotOffer>(offer.body).meta = saved->first;
      cluster.events_.emplace_back(offer.to, MessageReceived{std::move(offer)});
    }
    void load(raft::SnapshotMeta meta) override {
      if (loads_held) return held_load = meta, void();
      MemoryStream stream = saved->second;
      ++snapshots_loaded;
      cluster.events_.emplace_back(id, SnapshotLoaded{meta, std::move(*mvcc::StateMachine::load(&stream))});
    }

    void forgot(const std::string& why) override { ADD_FAILURE() << id.v << " forgot: " << why; }
    void diverged(const std::string& why) override { ADD_FAILURE() << id.v << " diverged: " << why; }

    bool listens() const override { return is_heard; }
    void published(std::shared_ptr<const mvcc::View> view) override { views.push_back(std::move(view)); }

    MiniCluster& cluster;
    raft::NodeId id;
    std::unique_ptr<Node> node;
    std::optional<std::pair<raft::SnapshotMeta, MemoryStream>> saved;
    bool disk_held = false, saves_held = false, loads_held = false, saves_fail = false;
    std::optional<raft::SnapshotMeta> held_save, held_load;
    raft::WriteSeq held;
    std::string refuses;
    std::int64_t wall_ms = 1;
    bool is_heard = false;
    std::vector<std::shared_ptr<const mvcc::View>> views;
    std::size_t log_writes = 0, snapshots_saved = 0, snapshots_loaded = 0, snapshots_offered = 0;
  };

  static Config config_of(raft::NodeId id) {
    Config config;
    config.raft.id = id;
    config.raft.seed = id.v;
    config.cluster_id = 77;
    config.request_id_seed = id.v << 32U;
    return config;
  }
  void start(raft::NodeId id, const std::vector<raft::NodeId>& ids,
             const std::function<void(Config*)>& tune) {
    Config config = config_of(id);
    if (tune) tune(&config);
    Recovered recovered;
    recovered.raft.snapshot.members.voters = ids;
    if (ids.empty()) recovered.raft.hard_state.life = {raft::Incarnation{id.v}, 1, false};
    start(id, config, std::move(recovered));
  }
  void start(raft::NodeId id, const Config& config, Recovered recovered) {
    recovered.machine = std::make_unique<mvcc::StateMachine>(std::vector<mvcc::MemberInfo>{});
    MemberPorts& ports = *members_.at(id);
    ports.node = std::make_unique<Node>(config, std::move(recovered),
                                        Node::Ports{ports, ports, ports, ports, &ports}, now_);
  }
  bool linked(raft::NodeId from, raft::NodeId to) const {
    return cut_.count(from) == 0 && cut_.count(to) == 0 && members_.count(to) != 0;
  }

  Time now_{std::chrono::seconds(1)};
  std::map<raft::NodeId, std::unique_ptr<MemberPorts>> members_;
  std::deque<std::pair<raft::NodeId, Event>> events_;
  std::set<raft::NodeId> cut_;
  std::function<bool(const raft::Message&)> loses_;
};

}  // namespace cairn::node
