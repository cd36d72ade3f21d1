// The start of a member: what the server's Runtime does, on a simulated disk.
#include <iterator>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/reached.h"
#include "proto/command.pb.h"
#include "raft/members.h"
#include "raft/state.h"
#include "server/data_dir.h"
#include "server/reach.h"
#include "sim/checks/recovery.h"
#include "sim/member.h"
#include "wal/format.h"

namespace cairn::sim {
namespace {

std::string name_of(std::uint64_t member) { return "m" + std::to_string(member); }
std::string url_of(std::uint64_t member) { return "http://" + name_of(member) + ":2380"; }

server::Bootstrap bootstrap_of(std::uint64_t self, const Options& options) {
  server::Bootstrap bootstrap;
  bootstrap.cluster_id = Member::kClusterId;
  bootstrap.self = self;
  bootstrap.joins = self > options.members;
  const std::uint64_t count = options.members + (bootstrap.joins ? options.spares : 0);
  for (std::uint64_t id = 1; id <= count; ++id) {
    bootstrap.members.push_back({id, name_of(id), {url_of(id)}});
  }
  return bootstrap;
}

}  // namespace

std::string Member::about(std::uint64_t id, std::uint64_t moves, bool votes_when_ready) {
  command::PublishMember said;
  said.ParseFromString(server::about_text(
      {id, name_of(id), {"http://" + name_of(id) + ":" + std::to_string(2380 + moves % 1000)}, {}}));
  said.set_votes_when_ready(votes_when_ready);
  return said.SerializeAsString();
}

mvcc::Limits machine_limits(const Options& options) {
  mvcc::Limits limits;
  limits.sessions_max = options.limits.sessions;
  limits.session_bytes_max = options.limits.session_bytes;
  limits.session_ttl_ms = static_cast<std::int64_t>(options.limits.session_ttl_ms);
  limits.session_step_ms_max = static_cast<std::int64_t>(options.limits.session_step_ms);
  limits.step.compact_records = options.limits.compact_records;
  limits.step.free_objects = options.limits.free_objects;
  limits.step.save_bytes = options.limits.save_bytes;
  limits.step.load_bytes = options.limits.load_bytes;
  return limits;
}

node::Config Member::node_config() const {
  const Options& options = world_.options;
  node::Config config;
  config.raft.id = raft::NodeId{id_};
  config.raft.seed = options.seed * 1'000'003 + life_ * 101 + id_;
  config.raft.election_timeout = options.election_timeout;
  config.raft.heartbeat_interval = options.heartbeat_interval;
  config.raft.hash = wal::hash_of;
  const LimitOptions& limits = options.limits;
  config.raft.append_bytes_max = options.append_bytes;
  config.snapshot_retry_interval = 4 * options.election_timeout;
  config.raft.election_reserve_bytes = options.disk.segment_bytes / 4;
  config.raft.inflight_bytes_max = limits.inflight_bytes;
  config.raft.uncommitted_bytes_max = limits.uncommitted_bytes;
  config.raft.write_overhead_bytes = limits.write_overhead_bytes;
  config.raft.heard_max = limits.heard;
  config.raft.forwarded_reads_max = limits.reads;
  config.raft.state_hashes_max = limits.state_hashes;
  config.raft.stuck_wait_max = options.stuck_wait_max;
  config.raft.inflight_count_max = options.inflight_count;
  config.raft.log_keep_bytes = options.log_keep_bytes;
  config.raft.log_keep_lagging_bytes = options.log_keep_lagging_bytes;
  config.cluster_id = kClusterId;
  config.request_id_seed = Prng((options.seed * 31 + id_) * 1'000'003 + life_).next();
  config.snapshot_log_bytes_min = options.snapshot_log_bytes;
  config.batch_bytes_max = options.batch_bytes;
  config.quota_bytes = options.quota_bytes;
  config.compaction.period = options.compaction_period;
  config.log_memory_bytes = options.log_keep_bytes;
  config.log_memory_share = limits.log_memory_share;
  config.sweep_interval = std::chrono::milliseconds(limits.sweep_ms);
  config.apply_bytes_per_turn = limits.apply_bytes_per_turn;
  config.pending_writes_max = limits.pending_writes;
  config.pending_write_bytes_max = limits.pending_write_bytes;
  config.backlog.wait_max = std::chrono::milliseconds(limits.write_wait_ms);
  config.backlog.few_count = limits.few_writes;
  config.backlog.few_bytes = limits.few_write_bytes;
  config.backlog.silence_max = std::chrono::milliseconds(limits.silence_ms);
  config.backlog.bytes_per_second_at_first = limits.rate_at_first;
  config.backlog.slice = std::chrono::milliseconds(limits.rate_slice_ms);
  config.backlog.slices = limits.rate_slices;
  config.pending_reads_max = limits.pending_reads;
  config.leases.look_interval = std::chrono::milliseconds(limits.lease_look_ms);
  config.leases.checkpoint_interval = std::chrono::milliseconds(limits.lease_checkpoint_ms);
  config.leases.expired_max = limits.lease_expired;
  config.leases.expired_keys_max = limits.lease_keys;
  config.leases.checkpoints_max = limits.lease_checkpoints;
  config.leases.slice = limits.lease_slice;
  config.leases.calls_max = limits.lease_calls;
  config.leases.call_batch_max = limits.lease_call_batch;
  return config;
}

wal::Options Member::log_options() const {
  const LimitOptions& limits = world_.options.limits;
  wal::Options options;
  options.segment_bytes = world_.options.disk.segment_bytes;
  options.spare_segments = world_.options.disk.spare_segments;
  options.spare_fill_factor = limits.spare_fill_factor;
  options.frame_target_bytes = limits.frame_target_bytes;
  options.buffer_bytes_max = limits.log_buffer_bytes;
  options.read_window_bytes = limits.read_window_bytes;
  options.entry_bytes_max = limits.entry_bytes;
  options.watermark_idle = std::chrono::milliseconds(limits.watermark_idle_ms);
  options.watermark_lag_max = std::chrono::milliseconds(limits.watermark_lag_ms);
  options.fill_write_bytes = limits.fill_write_bytes;
  options.fill_sync_bytes = limits.fill_sync_bytes;
  options.refill_bytes = limits.refill_bytes;
  options.room_beside_spare_bytes = limits.room_beside_spare_bytes;
  options.usual_frame_bytes = limits.usual_frame_bytes;
  options.ample_room_bytes = limits.ample_room_bytes;
  options.ask_room_bytes = limits.ask_room_bytes;
  return options;
}

void Member::start() {
  if (is_up() || (is_aside() && world_.schedule.now() < aside_->starts_at)) return;
  ++life_;
  disturbed_at_ = world_.schedule.now();
  process_ = std::make_unique<Process>();
  timer_at_ = Time::max();
  turn_open_ = false;
  const Status recovered = recover();
  if (!recovered) return refused(recovered.error());
  if (is_exchanged_) {
    return world_.judge.accuse("identity", "member " + std::to_string(id_) + " starts on another's disk");
  }
  if (is_obstructed()) {
    return world_.judge.accuse("misplaced",
                               "member " + std::to_string(id_) + " starts without its " + obstructed_);
  }
  world_.note(id_, "starts", {{"term", ledger_.asked.hard_state.term.v}, {"last", ledger_.asked.last().v}});
  is_full_ = ledger_.asked.hard_state.life.full;
  end_turn();
}

void Member::refused(const Error& why) {
  const bool other_disk = is_exchanged_ && why.message.starts_with("E_IDENTITY");
  const bool misplaced = is_obstructed() && why.message.starts_with("E_MISPLACED");
  // Its newest snapshot names nobody whom it ever knew.
  const bool was_removed =
      why.message.starts_with("E_IDENTITY") && !raft::is_member(world_.committed.members, raft::NodeId{id_});
  if (was_removed) REACHED("sim.members.removed_with_all_others");
  if (was_removed) return process_.reset();
  if (!cut_armed_ && !io_error_armed_ && !is_full(why) && !other_disk && !misplaced) {
    world_.judge.accuse("recovery", "member " + std::to_string(id_) + " does not start: " + why.message);
    process_.reset();
    return;
  }
  world_.note(id_, "does not start", {}, [text = why.message] { return text; });
  // The power went away again, in the middle of recovering; or a read failed; or there is no room to recover
  // in; or this is not its disk, or not all of it, and somebody has to notice.
  die(cut_armed_ ? Death::power_cut : Death::kill);
  if (!other_disk && !misplaced) schedule_restart(std::chrono::milliseconds(100));
}

bool Member::obstruct(std::uint64_t which) {
  CHECK(!is_up() && !is_obstructed());
  static constexpr const char* kFiles[] = {"IDENTITY", "hardstate", "watermark"};
  static constexpr const char* kFolders[] = {"wal", "snap"};
  const bool is_file = which % 5 < std::size(kFiles);
  const std::string path =
      std::string(kDataDir) + "/" + (is_file ? kFiles[which % 5] : kFolders[which % 5 - std::size(kFiles)]);
  OlderFiles files = files_in(disk_, path);
  if (is_file && !disk_.contents(path).empty()) files[path] = disk_.contents(path);
  if (files.empty()) return false;
  disk_.remove_tree(path);
  disk_.put(is_file ? path + "/something" : path, "else");
  world_.note(id_, "something else lies in its place", {}, [path] { return path; });
  obstructed_ = path;
  kept_files_ = std::move(files);
  return true;
}

void Member::clear_obstruction() {
  if (!is_obstructed()) return;
  CHECK(!is_up());
  disk_.remove_tree(obstructed_);
  for (const auto& [file, content] : kept_files_) disk_.put(file, content);
  world_.note(id_, "is in its place again");
  obstructed_.clear();
}

Status Member::recover() {
  server::Start start{bootstrap_of(id_, world_.options), name_of(id_)};
  start.limits = machine_limits(world_.options);
  start.random = Prng((world_.options.seed * 37 + id_) * 1'000'003 + life_).next();
  server::DataDir data = TRY(server::open_data_dir(disk_, "/" + std::string(kDataDir), start, log_options()));
  node::Recovered& recovered = data.recovered;
  for (const std::string& line : data.notes) world_.note(id_, "finds", {}, [line] { return line; });
  if (!data.report.lost.empty()) world_.note(id_, "lost", {}, [text = data.report.lost] { return text; });
  note_recovery(recovered.raft);
  ledger_.restart(recovered.raft);
  if (!is_of_earlier_founding())
    checkers_.commits.snapshot(raft::NodeId{id_}, recovered.raft.snapshot.index,
                               recovered.raft.snapshot.term);
  seen_.positions = Positions{ledger_.asked.hard_state.term,
                              recovered.raft.snapshot.index,
                              {},
                              ledger_.asked.last(),
                              0,
                              ledger_.asked.hard_state.life.incarnation};
  process_->term_base = ledger_.asked.hard_state.term;
  process_->started = local(world_.schedule.now());
  process_->lock = std::move(data.lock);
  process_->snapshot_disk = std::move(data.snapshot_disk);
  process_->log = std::make_unique<SimLog>(world_, *this, std::move(data.log));
  process_->snapshots = std::make_unique<SimSnapshots>(world_, *this, id_, std::move(data.snapshots));
  process_->front_end =
      std::make_unique<FrontEnd>(world_, *this, (world_.options.seed * 41 + id_) * 1'000'003 + life_);
  process_->node = std::make_unique<node::Node>(
      node_config(), std::move(recovered),
      node::Node::Ports{*process_->log, *this, *process_->snapshots, *this, process_->front_end.get()},
      local(world_.schedule.now()));
  seen_.summary = raft::summarize(process_->node->core().state());
  return {};
}

// Who has lost memory has to have noticed, or must have lost nothing that counts.
void Member::note_recovery(const raft::Recovered& recovered) {
  if (is_of_earlier_founding()) return;
  const raft::Life& before = ledger_.durable.hard_state.life;
  const raft::Life& now = recovered.hard_state.life;
  const bool is_another = now.incarnation != before.incarnation;
  if (is_another && !now.full) is_older_copy_ = false;  // damaged besides, which it has found
  if (started_once_) {
    ++world_.counters.recoveries;
    if (is_another && now.full && !is_older_copy_) {
      world_.judge.accuse("F1 who has forgotten is not full",
                          "member " + std::to_string(id_) + " is another and counts at once");
    }
    if (is_another && !is_damaged_) {
      world_.judge.accuse("F4 nothing forgotten without a cause",
                          "member " + std::to_string(id_) + " starts as one that forgot");
    }
    if (!is_another && !is_older_copy_)
      check_recovery(world_.judge, raft::NodeId{id_}, ledger_, recovered, is_damaged_);
    if (is_another) ++world_.counters.forgotten;
  }
  started_once_ = true;
  if (!is_another && !is_older_copy_ && is_damaged_ && now.full) {  // harmless after all
    // What it acknowledged by that snapshot was committed by others; a leader may notice all the same.
    lacks_a_snapshot_ = lacks_a_snapshot_ || recovered.snapshot.index < ledger_.snapshot;
    is_damaged_ = false;
    ledger_.lost.reset();
  }
}

}  // namespace cairn::sim
