#include "sim/options.h"

#include <chrono>

#include "base/prng.h"
#include "sim/small_world.h"

namespace cairn::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

template <class Unit>
Duration between(Prng* prng, std::uint64_t low, std::uint64_t high) {
  return Unit(static_cast<std::int64_t>(prng->between(low, high)));
}

std::uint64_t one_of(Prng* prng, std::initializer_list<std::uint64_t> choices) {
  return choices.begin()[prng->below(choices.size())];
}

NetworkOptions draw_network(Prng* prng) {
  NetworkOptions network;
  network.latency_min = between<microseconds>(prng, 20, 2000);
  network.latency_spread = between<microseconds>(prng, 1, 5000);
  network.slow_permille = one_of(prng, {0, 0, 10, 100});
  network.loss_permille = one_of(prng, {0, 0, 5, 50, 200});
  network.duplicate_permille = one_of(prng, {0, 0, 10, 200});
  network.in_order = prng->chance(1, 2);
  return network;
}

DiskOptions draw_disk(Prng* prng) {
  DiskOptions disk;
  disk.latency_min = between<microseconds>(prng, 10, 1000);
  disk.latency_spread = between<microseconds>(prng, 1, 10000);
  disk.segment_bytes = one_of(prng, {8192, 16384, 65536});
  disk.spare_segments = one_of(prng, {0, 1, 2});
  disk.keep = prng->below(3);
  disk.lose = prng->below(3);
  disk.tear = prng->below(3) + 1;
  return disk;
}

// Half of the kinds exist in a run.
Duration maybe_every(Prng* prng, std::uint64_t low_ms, std::uint64_t high_ms) {
  const Duration mean = between<milliseconds>(prng, low_ms, high_ms);
  return prng->chance(1, 2) ? mean : Duration{};
}

FaultOptions draw_faults(Prng* prng) {
  FaultOptions faults;
  faults.power_cut = maybe_every(prng, 300, 10000);
  faults.kill = maybe_every(prng, 300, 10000);
  faults.cut_mid_write = maybe_every(prng, 300, 10000);
  faults.partition = maybe_every(prng, 500, 10000);
  faults.pause = maybe_every(prng, 500, 10000);
  faults.slow_disk = maybe_every(prng, 500, 10000);
  faults.hung_disk = maybe_every(prng, 1000, 20000);
  faults.transfer = maybe_every(prng, 300, 10000);
  faults.all_down = prng->chance(1, 4) ? between<milliseconds>(prng, 3000, 20000) : Duration{};
  return faults;
}

ClientOptions draw_clients(Prng* prng) {
  ClientOptions clients;
  clients.count = prng->between(1, 8);
  clients.keys = prng->between(1, 8);
  clients.think = between<milliseconds>(prng, 2, 100);
  clients.timeout = between<milliseconds>(prng, 200, 3000);
  clients.idempotent_percent = one_of(prng, {0, 30, 100});
  clients.read_percent = one_of(prng, {20, 50, 80});
  clients.value_bytes = one_of(prng, {10, 100, 1000});
  clients.compaction = prng->chance(1, 2);
  return clients;
}

std::string text(Duration duration) {
  return std::to_string(std::chrono::duration_cast<microseconds>(duration).count()) + "us";
}

std::string number(const char* name, std::uint64_t value) {
  return std::string(" ") + name + "=" + std::to_string(value);
}
std::string time(const char* name, Duration value) { return std::string(" ") + name + "=" + text(value); }

// Kinds of fault that came later have a stream of their own, and seeds of their own, none of those that
// failed before: three eighths.
bool is_harsh(std::uint64_t seed) { return seed % 8 == 3 || seed % 8 >= 6; }

void draw_harsh_faults(Options* options) {
  Prng prng(options->seed ^ 0x6861727368U);
  options->faults.hang_elections = one_of(&prng, {10, 40, 80});
  if (options->seed % 8 < 6) return;  // what came later still, in a quarter
  options->faults.forget = maybe_every(&prng, 500, 8000);
  options->faults.io_error = maybe_every(&prng, 1000, 10000);
  options->faults.swap = maybe_every(&prng, 3000, 20000);
  options->faults.any_number_forgets = prng.chance(1, 4);
}

// What came later still is drawn for each kind by itself, so that all occur together. Their numbers are such
// that none of the seeds that failed before draws them.
bool draws(std::uint64_t kind, std::uint64_t seed, std::uint64_t one_in) {
  return Prng(seed ^ kind << 32U).below(one_in) == 0;
}
constexpr std::uint64_t kMisplacedWrites = 123, kLies = 271, kLaterLimits = 161, kBlackBox = 4,
                        kMisplacedNames = 433, kLatestLimits = 310, kWatermarkLag = 2981247, kChurn = 7,
                        kNoteRoom = 284, kAnswerRoom = 285, kBacklog = 286, kQuota = 287, kCompaction = 288,
                        kWatches = 290, kLeases = 5620, kSetAside = 289, kLagging = 136933,
                        kEarlierFounding = 2447, kStuckWait = 174180, kLostWitnesses = 200038;

void draw_misplaced_writes(Options* options) {
  Prng prng(options->seed ^ 0x6d6973706cU);
  options->faults.misplaced_write = between<milliseconds>(&prng, 300, 6000);
  if (options->faults.forget == Duration{}) options->faults.any_number_forgets = prng.chance(1, 6);
}

void draw_lies(Options* options) {
  Prng prng(options->seed ^ 0x6c696573U);
  options->faults.lie = between<milliseconds>(&prng, 5, 300);
}

void draw_misplaced_names(Options* options) {
  Prng prng(options->seed ^ 0x6e616d6573U);
  options->faults.misplaced_name = between<milliseconds>(&prng, 1000, 10000);
}

// Where every message arrives soon or not at all: what an empty directory has said is over when it is not
// there any more, and nobody says it again. And a leader that is cut off, or paused, cannot know that who
// does not answer is gone.
void draw_set_aside(Options* options) {
  Prng prng(options->seed ^ 0x6173696465U);
  options->faults.set_aside = between<milliseconds>(&prng, 1000, 8000);
  options->network.late_permille = 0;
  options->network.slow_permille = 0;
  options->faults.partition = options->faults.pause = options->faults.slow_disk =
      options->faults.hung_disk = {};
  options->faults.lie = {};
  options->faults.any_number_forgets = false;
}

// With ever other members nobody could say which one keeps its memory for sure.
void draw_churn(Options* options) {
  Prng prng(options->seed ^ 0x636875726eU);
  options->faults.churn = between<milliseconds>(&prng, 200, 4000);
  options->spares = prng.between(2, 8);
  options->faults.any_number_forgets = false;
}

void draw_compaction(Options* options) {
  Prng prng(options->seed ^ 0x636f6d70U);
  options->compaction_period = between<milliseconds>(&prng, 200, 8000);
}

// What is remembered of idempotent writes: it goes with time, which hardly passes here, and not by a
// compaction.
std::uint64_t remembered_bytes(const Options& options) {
  const ClientOptions& clients = options.clients;
  const auto turns = static_cast<std::uint64_t>(options.workload / clients.think) + 1;
  const std::uint64_t keys = clients.count * turns * clients.idempotent_percent / 100;
  return std::min(options.limits.session_bytes, keys * (400 + clients.value_bytes));
}

// More than what keys, the log that is kept and idempotent writes can take: a compaction makes room.
void draw_quota(Options* options) {
  Prng prng(options->seed ^ 0x71756f7461U);
  const ClientOptions& clients = options->clients;
  const std::uint64_t live = 2 * clients.keys * (clients.value_bytes + 400) + 8192;
  options->quota_bytes =
      2 * (options->log_keep_bytes + live) + prng.below(8) * live + remembered_bytes(*options);
}

void draw_note_room(Options* options) {
  Prng prng(options->seed ^ 0x6e6f7465U);
  options->note_refused_percent = prng.between(5, 90);
}

// Of the members that the cluster began with, and one at a time: two of three would go on without the third.
void draw_earlier_founding(Options* options) {
  Prng prng(options->seed ^ 0x6561726c696572U);
  options->faults.earlier_founding = between<milliseconds>(&prng, 500, 8000);
  options->faults.any_number_forgets = false;
}

void draw_lost_witnesses(Options* options) {
  Prng prng(options->seed ^ 0x7769746e657373U);
  options->faults.lost_witnesses = between<milliseconds>(&prng, 200, 1500);
  options->faults.any_number_forgets = false;
}

// Down to none: then each leader in a row waits as long as the first.
void draw_stuck_wait(Options* options) {
  Prng prng(options->seed ^ 0x737475636bU);
  options->stuck_wait_max = milliseconds(one_of(&prng, {0, 1, 1000, 8000}));
}

void draw_lagging(Options* options) {
  Prng prng(options->seed ^ 0x6c616767U);
  options->log_keep_lagging_bytes = one_of(&prng, {1000, 30'000, 64 << 20});
}

void draw_watches(Options* options) {
  Prng prng(options->seed ^ 0x7761746368U);
  WatchOptions& watches = options->watches;
  watches.clients = prng.between(1, 4);
  watches.watches_max = one_of(&prng, {1, 3, 6});
  watches.room_max = one_of(&prng, {1, 2, 8});
  watches.slow_ms = one_of(&prng, {10, 200, 2000});
  watches.turn_delay_us = one_of(&prng, {0, 100, 5000});
  watches.turn_changes = one_of(&prng, {1, 3, 4096});
  watches.turn_bytes = one_of(&prng, {1, 1000, 1 << 20});
  watches.turn_sends = one_of(&prng, {1, 2, 2000});
  watches.states_kept = one_of(&prng, {1, 2, 8});
  watches.fragment_bytes = one_of(&prng, {1, 100, 2 << 20});
  watches.progress_ms = one_of(&prng, {20, 500, 600'000});
}

}  // namespace

Options draw_options(std::uint64_t seed) {
  Prng prng(seed ^ 0x6f7074696f6e73U);  // a stream of its own
  Options options;
  options.seed = seed;
  options.members = one_of(&prng, {1, 2, 3, 3, 3, 3, 3, 3, 4, 5, 5, 5});
  options.election_timeout = between<milliseconds>(&prng, 100, 1000);
  options.heartbeat_interval = options.election_timeout / 10;
  options.snapshot_log_bytes = one_of(&prng, {2000, 8000, 30000, 1000000});
  options.log_keep_bytes = one_of(&prng, {0, 1000, 20000});
  options.append_bytes = one_of(&prng, {1, 500, 1 << 20});
  options.batch_bytes = one_of(&prng, {1, 1000, 1 << 20});
  options.inflight_count = one_of(&prng, {1, 3, 256});
  options.clock_drift_ppm = one_of(&prng, {0, 500, 20000});
  options.turn_delay = between<microseconds>(&prng, 0, 300);
  options.workload = between<seconds>(&prng, 10, 40);
  options.network = draw_network(&prng);
  options.disk = draw_disk(&prng);
  options.faults = draw_faults(&prng);
  options.clients = draw_clients(&prng);
  // Last, and later ones after it: what older seeds drew stays.
  options.faults.full_disk = maybe_every(&prng, 500, 10000);
  options.network.late_permille = one_of(&prng, {0, 0, 20, 200});
  options.network.late = 10 * options.election_timeout;  // long enough for other leaders to come and go
  options.wall_step_hours = one_of(&prng, {0, 1, 48});
  options.limits.apply_bytes_per_turn = 4 * options.batch_bytes;
  if (is_harsh(seed)) draw_harsh_faults(&options);
  if (is_small_world(seed)) draw_small_world(&options);
  if (draws(kMisplacedWrites, seed, 4)) draw_misplaced_writes(&options);
  if (draws(kLies, seed, 4)) draw_lies(&options);
  if (is_small_world(seed) && draws(kLaterLimits, seed, 2)) draw_later_limits(&options);
  if (is_small_world(seed) && draws(kLatestLimits, seed, 2)) draw_latest_limits(&options);
  if (draws(kWatermarkLag, seed, 2)) draw_watermark_lag(&options);
  if (is_small_world(seed) && draws(kBacklog, seed, 2)) draw_backlog(&options);
  if (draws(kMisplacedNames, seed, 4)) draw_misplaced_names(&options);
  if (draws(kChurn, seed, 4)) draw_churn(&options);
  if (draws(kSetAside, seed, 12) && options.spares == 0) draw_set_aside(&options);
  if (draws(kNoteRoom, seed, 4)) draw_note_room(&options);
  if (draws(kAnswerRoom, seed, 4)) options.clients.bounded_percent = 50;
  if (draws(kWatches, seed, 2)) draw_watches(&options);
  if (draws(kQuota, seed, 4)) draw_quota(&options);
  if (draws(kCompaction, seed, 4)) draw_compaction(&options);
  if (draws(kLeases, seed, 4)) draw_leases(&options);
  if (draws(kLagging, seed, 4)) draw_lagging(&options);
  if (draws(kEarlierFounding, seed, 6) && options.members > 2) draw_earlier_founding(&options);
  if (draws(kStuckWait, seed, 4)) draw_stuck_wait(&options);
  if (draws(kLostWitnesses, seed, 8) && options.members > 2) draw_lost_witnesses(&options);
  // It costs far more than the witness does, and knows nothing of keys that go by themselves.
  options.black_box = options.clients.leases == 0 && draws(kBlackBox, seed, 10);
  return options;
}

std::string describe(const Options& o) {
  std::string out =
      number("seed", o.seed) + number("members", o.members) + number("spares", o.spares) +
      time("election", o.election_timeout) + number("snapshot_log_bytes", o.snapshot_log_bytes) +
      number("log_keep", o.log_keep_bytes) + number("log_keep_lagging", o.log_keep_lagging_bytes) +
      number("append_bytes", o.append_bytes) + number("batch_bytes", o.batch_bytes) +
      number("inflight", o.inflight_count) + number("quota_bytes", o.quota_bytes) +
      time("compaction_period", o.compaction_period) + time("stuck_wait", o.stuck_wait_max) +
      number("drift_ppm", o.clock_drift_ppm) + number("wall_step_hours", o.wall_step_hours) +
      number("note_refused_percent", o.note_refused_percent) + time("turn", o.turn_delay) +
      time("workload", o.workload);
  out += "\n  network:" + time("latency", o.network.latency_min) + time("spread", o.network.latency_spread) +
         number("slow_permille", o.network.slow_permille) + number("loss_permille", o.network.loss_permille) +
         number("duplicate_permille", o.network.duplicate_permille) +
         number("in_order", o.network.in_order ? 1 : 0) + number("late_permille", o.network.late_permille) +
         time("late", o.network.late);
  out += "\n  disk:" + time("latency", o.disk.latency_min) + time("spread", o.disk.latency_spread) +
         number("segment_bytes", o.disk.segment_bytes) + number("spares", o.disk.spare_segments) +
         number("keep", o.disk.keep) + number("lose", o.disk.lose) + number("tear", o.disk.tear);
  out += "\n  faults, mean time between:" + time("power_cut", o.faults.power_cut) +
         time("kill", o.faults.kill) + time("cut_mid_write", o.faults.cut_mid_write) +
         time("partition", o.faults.partition) + time("pause", o.faults.pause) +
         time("slow_disk", o.faults.slow_disk) + time("hung_disk", o.faults.hung_disk) +
         time("transfer", o.faults.transfer) + time("all_down", o.faults.all_down) +
         time("full_disk", o.faults.full_disk) + number("hang_elections", o.faults.hang_elections) +
         time("forget", o.faults.forget) + time("io_error", o.faults.io_error) + time("swap", o.faults.swap) +
         time("misplaced_write", o.faults.misplaced_write) + time("lie", o.faults.lie) +
         time("misplaced_name", o.faults.misplaced_name) + time("set_aside", o.faults.set_aside) +
         time("earlier_founding", o.faults.earlier_founding) +
         time("lost_witnesses", o.faults.lost_witnesses) + time("churn", o.faults.churn) +
         number("any_number_forgets", o.faults.any_number_forgets ? 1 : 0);
  out += "\n  clients:" + number("count", o.clients.count) + number("keys", o.clients.keys) +
         time("think", o.clients.think) + time("timeout", o.clients.timeout) +
         number("idempotent_percent", o.clients.idempotent_percent) +
         number("read_percent", o.clients.read_percent) + number("value_bytes", o.clients.value_bytes) +
         number("bounded_percent", o.clients.bounded_percent) +
         number("compaction", o.clients.compaction ? 1 : 0) + number("leases", o.clients.leases);
  out += "\n  watches:" + number("clients", o.watches.clients) +
         number("watches_max", o.watches.watches_max) + number("room_max", o.watches.room_max) +
         number("slow_ms", o.watches.slow_ms) + number("turn_delay_us", o.watches.turn_delay_us) +
         number("turn_changes", o.watches.turn_changes) + number("turn_bytes", o.watches.turn_bytes) +
         number("turn_sends", o.watches.turn_sends) + number("states_kept", o.watches.states_kept) +
         number("fragment_bytes", o.watches.fragment_bytes) + number("progress_ms", o.watches.progress_ms);
  out += "\n  limits:" + describe(o.limits) + number("black_box", o.black_box ? 1 : 0);
  return out;
}

}  // namespace cairn::sim
