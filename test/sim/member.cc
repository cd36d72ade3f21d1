#include "sim/member.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <variant>

#include "base/check.h"
#include "raft/state.h"
#include "sim/checks/recovery.h"
#include "wal/format.h"

namespace cairn::sim {
namespace {

constexpr std::uint64_t kClusterId = 0xca1;
constexpr std::int64_t kMillion = 1'000'000;
constexpr const char* kDataDir = "data";

raft::Members initial_members(std::uint64_t count) {
  raft::Members members;
  for (std::uint64_t id = 1; id <= count; ++id) members.voters.push_back(raft::NodeId{id});
  return members;
}

std::vector<mvcc::MemberInfo> member_infos(std::uint64_t count) {
  std::vector<mvcc::MemberInfo> infos;
  for (std::uint64_t id = 1; id <= count; ++id) infos.push_back({id, "m" + std::to_string(id), {}, {}});
  return infos;
}

const char* message_name(const raft::Body& body) {
  static constexpr const char* kNames[] = {"vote-request",   "vote-reply",     "append",      "append-reply",
                                           "snapshot-offer", "snapshot-reply", "timeout-now", "read-request",
                                           "read-reply",     "start-seen"};
  return kNames[body.index()];
}

bool is_from_client(const node::Event& event) {
  return std::holds_alternative<node::ClientWrite>(event) || std::holds_alternative<node::ClientRead>(event);
}

}  // namespace

Member::Member(World& world, Checkers& checkers, std::uint64_t id)
    : world_(world), checkers_(checkers), id_(id), prng_(world.options.seed * 1000 + id) {
  const std::uint64_t drift = world.options.clock_drift_ppm;
  drift_ppm_ = static_cast<std::int64_t>(prng_.below(2 * drift + 1)) - static_cast<std::int64_t>(drift);
}

Member::~Member() = default;

// Both must be monotonic to the nanosecond, hence the multiplication first; it fits for two hours of virtual
// time.
Time Member::local(Time when) const {
  const std::int64_t elapsed = when.time_since_epoch().count();
  return Time(Duration(elapsed * (kMillion + drift_ppm_) / kMillion));
}

Time Member::global(Time local_time) const {
  if (local_time > Time{} + std::chrono::hours(2)) return Time{} + std::chrono::hours(2);
  return Time(Duration(local_time.time_since_epoch().count() * kMillion / (kMillion + drift_ppm_) + 1));
}

std::int64_t Member::wall_ms() const {
  const std::int64_t now =
      std::chrono::duration_cast<std::chrono::milliseconds>(local(world_.schedule.now()).time_since_epoch())
          .count();
  // Not monotonic: each second or so it is set anew.
  const auto range = static_cast<std::int64_t>(world_.options.wall_step_hours * 3'600'000);
  if (range == 0) return now;
  Prng step((world_.options.seed * 31 + id_) * 1'000'003 + static_cast<std::uint64_t>(now / 1000));
  return now + static_cast<std::int64_t>(step.below(static_cast<std::uint64_t>(range)));
}

Time Member::healthy_since() const {
  const Time now = world_.schedule.now();
  const bool disturbed = !is_up() || paused_until_ > now || slow_until_ > now || hung_until_ > now;
  if (disturbed || disk_full_) return Time::max();
  return std::max({disturbed_at_, slow_until_, hung_until_});
}

bool Member::is_leader() const { return is_up() && raft::is_leader(process_->node->core().state()); }

node::Config Member::node_config() const {
  const Options& options = world_.options;
  node::Config config;
  config.raft.id = raft::NodeId{id_};
  config.raft.seed = options.seed * 1'000'003 + life_ * 101 + id_;
  config.raft.election_timeout = options.election_timeout;
  config.raft.hash = wal::hash_of;
  config.raft.heartbeat_interval = options.heartbeat_interval;
  const LimitOptions& limits = options.limits;
  config.raft.append_bytes_max = options.append_bytes;
  config.snapshot_retry_interval = 4 * options.election_timeout;
  config.raft.election_reserve_bytes = world_.options.disk.segment_bytes / 4;
  config.raft.inflight_bytes_max = limits.inflight_bytes;
  config.raft.uncommitted_bytes_max = limits.uncommitted_bytes;
  config.raft.reads_max = limits.reads;
  config.raft.state_hashes_max = limits.state_hashes;
  config.raft.inflight_count_max = options.inflight_count;
  config.raft.log_keep_bytes = options.log_keep_bytes;
  config.cluster_id = kClusterId;
  config.request_id_seed = Prng((options.seed * 31 + id_) * 1'000'003 + life_).next();
  config.snapshot_log_bytes_min = options.snapshot_log_bytes;
  config.batch_bytes_max = options.batch_bytes;
  config.log_memory_bytes = options.log_keep_bytes;
  config.apply_bytes_per_turn = limits.apply_bytes_per_turn;
  config.pending_writes_max = limits.pending_writes;
  config.pending_write_bytes_max = limits.pending_write_bytes;
  config.pending_reads_max = limits.pending_reads;
  return config;
}

wal::Options Member::log_options() const {
  wal::Options options;
  options.segment_bytes = world_.options.disk.segment_bytes;
  options.spare_segments = world_.options.disk.spare_segments;
  const LimitOptions& limits = world_.options.limits;
  options.spare_fill_factor = limits.spare_fill_factor;
  options.frame_target_bytes = limits.frame_target_bytes;
  options.buffer_bytes_max = limits.log_buffer_bytes;
  options.read_window_bytes = limits.read_window_bytes;
  options.fresh = raft::Incarnation{Prng((world_.options.seed * 37 + id_) * 1'000'003 + life_).next() | 1U};
  options.on_loss = world_.options.members > 1 ? wal::OnLoss::forget : wal::OnLoss::refuse;
  return options;
}

void Member::start() {
  if (is_up()) return;
  ++life_;
  disturbed_at_ = world_.schedule.now();
  process_ = std::make_unique<Process>();
  timer_at_ = Time::max();
  turn_open_ = false;
  const Status recovered = recover();
  if (!recovered) {
    if (!cut_armed_ && !is_full(recovered.error())) {
      world_.judge.accuse("recovery",
                          "member " + std::to_string(id_) + " does not start: " + recovered.error().message);
      process_.reset();
      return;
    }
    // The power went away again, in the middle of recovering; or there is no room to recover in.
    die(cut_armed_ ? Death::power_cut : Death::kill);
    return schedule_restart(std::chrono::milliseconds(100));
  }
  world_.note(id_, "starts", {{"term", ledger_.asked.hard_state.term.v}, {"last", ledger_.asked.last().v}});
  end_turn();
}

Status Member::recover() {
  TRY(disk_.make_dir(kDataDir));
  TRY(disk_.sync_dir(""));
  std::unique_ptr<wal::SnapshotStore> store = TRY(wal::SnapshotStore::open(disk_, kDataDir));
  node::Recovered recovered;
  recovered.raft.snapshot.members = initial_members(world_.options.members);
  if (const auto newest = store->newest()) {
    recovered.raft.snapshot = newest->meta;
    const std::unique_ptr<ByteSource> source = TRY(store->read(newest->meta));
    recovered.machine = TRY(mvcc::StateMachine::load(source.get()));
  } else {
    recovered.machine = std::make_unique<mvcc::StateMachine>(member_infos(world_.options.members));
  }
  wal::Wal::Opened opened = TRY(wal::Wal::open(disk_, kDataDir, wal::Identity{kClusterId, id_},
                                               recovered.raft.snapshot, log_options()));
  recovered.raft.hard_state = opened.hard_state;
  recovered.raft.entries = std::move(opened.entries);
  if (started_once_) {
    check_recovery(world_.judge, raft::NodeId{id_}, ledger_, recovered.raft);
    ++world_.counters.recoveries;
  }
  started_once_ = true;
  ledger_.restart(recovered.raft);
  checkers_.commits.snapshot(raft::NodeId{id_}, recovered.raft.snapshot.index, recovered.raft.snapshot.term);
  seen_.positions =
      Positions{ledger_.asked.hard_state.term, recovered.raft.snapshot.index, {}, ledger_.asked.last(), 0};
  process_->log = std::make_unique<SimLog>(world_, *this, std::move(opened.wal));
  process_->snapshots = std::make_unique<SimSnapshots>(world_, *this, id_, std::move(store));
  process_->node = std::make_unique<node::Node>(
      node_config(), std::move(recovered),
      node::Node::Ports{*process_->log, *this, *process_->snapshots, *this}, local(world_.schedule.now()));
  seen_.summary = raft::summarize(process_->node->core().state());
  return {};
}

void Member::die(Death death) {
  if (!is_up()) return;
  world_.note(id_, death == Death::power_cut ? "power cut" : "killed");
  ++world_.counters.crashes;
  // Nobody may use the process while it goes down: responders that it drops only schedule what follows.
  const std::unique_ptr<Process> dying = std::move(process_);
  stalled_.clear();
  paused_until_ = Time{};
  if (death == Death::power_cut) {
    const DiskOptions& disk = world_.options.disk;
    disk_.crash(prng_, CrashOptions{disk.keep, disk.lose, disk.tear, CrashOptions::Names::prefix});
  } else {
    disk_.kill_process();
    disk_.clear_faults();
  }
  cut_armed_ = false;
  for (std::uint64_t peer = 1; peer <= world_.options.members; ++peer) {
    if (peer == id_) continue;
    world_.network.stream(id_, peer, [this, peer] {
      world_.member(peer).deliver(node::PeerConnectionLost{raft::NodeId{id_}});
    });
  }
}

void Member::cut_power_at_change(std::uint64_t nth) {
  if (!is_up() || cut_armed_) return;
  cut_armed_ = true;
  disk_.stop_at_change(nth);
}

void Member::fill_disk(std::uint64_t room_bytes) {
  world_.note(id_, "disk full", {{"room", room_bytes}});
  disk_full_ = true;
  disk_.set_capacity(disk_.used_bytes() + room_bytes);
}

void Member::free_disk() {
  disk_full_ = false;
  disturbed_at_ = world_.schedule.now();
  disk_.set_capacity(std::numeric_limits<std::uint64_t>::max());
}

void Member::disk_failed(const Error& error) {
  if (!cut_armed_) {
    world_.judge.accuse(
        "disk", "member " + std::to_string(id_) + ": an error that is no reason to stop: " + error.message);
    return;
  }
  die(Death::power_cut);
  schedule_restart(std::chrono::milliseconds(static_cast<std::int64_t>(prng_.between(1, 3000))));
}

void Member::schedule_restart(Duration delay) {
  world_.schedule.after(delay, [this] { start(); });
}

void Member::pause_until(Time when) {
  if (!is_up() || paused_until_ > world_.schedule.now()) return;
  paused_until_ = when;
  world_.note(id_, "paused");
  world_.schedule.at(when, while_alive([this] {
                       paused_until_ = Time{};
                       disturbed_at_ = world_.schedule.now();
                       wake_up();
                     }));
}

// What waited in the sockets may be served before the timer is looked at; and since clients and peers come in
// by different threads, clients may be served before anything that the peers did meanwhile is known.
void Member::wake_up() {
  std::vector<node::Event> events;
  events.swap(stalled_);
  const bool clients_first = prng_.chance(1, 2);
  if (clients_first) {
    const auto peers = std::stable_partition(events.begin(), events.end(), is_from_client);
    for (auto event = events.begin(); event != peers; ++event) handle(std::move(*event));
    events.erase(events.begin(), peers);
    end_turn();
  }
  for (node::Event& event : events) handle(std::move(event));
  if (prng_.chance(1, 2)) end_turn();
  on_timer();
}

Schedule::Task Member::while_alive(Schedule::Task task) {
  return [this, life = life_, task = std::move(task)] {
    if (is_up() && life_ == life) task();
  };
}

void Member::deliver(node::Event event) {
  if (!is_up()) return;
  if (paused_until_ > world_.schedule.now()) {
    stalled_.push_back(std::move(event));
  } else {
    handle(std::move(event));
  }
}

void Member::handle(node::Event event) {
  process_->node->handle(local(world_.schedule.now()), wall_ms(), std::move(event));
  if (turn_open_) return;
  turn_open_ = true;
  const auto delay = static_cast<std::uint64_t>(world_.options.turn_delay.count());
  world_.schedule.after(Duration(static_cast<std::int64_t>(prng_.below(delay + 1))),
                        while_alive([this] { end_turn(); }));
}

void Member::end_turn() {
  if (paused_until_ > world_.schedule.now()) {
    return world_.schedule.at(paused_until_, while_alive([this] { end_turn(); }));
  }
  turn_open_ = false;
  process_->node->flush();
  checkers_.turn(*this, &seen_);
  arm_timer();
}

void Member::arm_timer() {
  const Time due = std::max(global(process_->node->deadline()), world_.schedule.now());
  if (due >= timer_at_) return;
  timer_at_ = due;
  world_.schedule.at(due, while_alive([this, due] {
                       if (timer_at_ != due) return;  // an earlier one took its place
                       timer_at_ = Time::max();
                       on_timer();
                     }));
}

void Member::on_timer() {
  if (paused_until_ > world_.schedule.now()) return;  // it fires when the pause ends
  if (process_->node->deadline() <= local(world_.schedule.now())) {
    handle(node::TimePassed{});
  } else {
    arm_timer();
  }
}

void Member::send(raft::Message message) {
  checkers_.promises.send(message, ledger_);
  const std::uint64_t to = message.to.v;
  world_.note(id_, message_name(message.body), {{"to", to}, {"term", message.term.v}});
  // Shared by the copies of the closure, and of a duplicated message.
  const auto shared = std::make_shared<const raft::Message>(std::move(message));
  const auto fate = world_.network.send(
      id_, to, [this, to, shared] { world_.member(to).deliver(node::MessageReceived{*shared}); });
  if (fate == SimNetwork::Fate::cut && prng_.chance(1, 4)) {
    world_.schedule.after(world_.options.heartbeat_interval,
                          while_alive([this, to] { deliver(node::PeerUnreachable{raft::NodeId{to}}); }));
  }
}

void Member::send_note(raft::NodeId to, Bytes note) {
  world_.note(id_, "note", {{"to", to.v}, {"bytes", note->size()}});
  const std::uint64_t life = world_.member(to.v).life();
  world_.network.send_once(id_, to.v, [this, to, life, note] {
    Member& receiver = world_.member(to.v);
    if (receiver.life() == life) receiver.deliver(node::NoteReceived{raft::NodeId{id_}, note});
  });
}

void Member::forgot(const std::string& why) {
  world_.note(id_, "forgot", {}, [why] { return why; });
}

void Member::diverged(const std::string& why) {
  world_.judge.accuse("F3", "member " + std::to_string(id_) + " differs: " + why);
}

Duration Member::disk_latency() {
  const DiskOptions& disk = world_.options.disk;
  Duration latency = disk.latency_min + Duration(static_cast<std::int64_t>(prng_.below(
                                            static_cast<std::uint64_t>(disk.latency_spread.count()) + 1)));
  const Time now = world_.schedule.now();
  if (slow_until_ > now) latency *= 30;
  if (hung_until_ > now) latency = std::max(latency, hung_until_ - now);
  return latency;
}

void Member::log_asked(const raft::LogWrite& write) {
  ledger_.ask(write);
  checkers_.log_write(raft::NodeId{id_}, write, ledger_);
}

void Member::snapshot_durable(raft::Index index) { ledger_.snapshot = std::max(ledger_.snapshot, index); }

void Member::log_durable(raft::WriteSeq seq, raft::Room room) {
  ledger_.confirm(seq);
  world_.note(id_, "log durable", {{"write", seq.v}, {"last", ledger_.durable.last().v}});
  deliver(node::LogPersisted{seq, room});
}

}  // namespace cairn::sim
