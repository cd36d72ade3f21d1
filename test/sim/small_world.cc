#include "sim/small_world.h"

#include <algorithm>
#include <chrono>
#include <initializer_list>

#include "base/prng.h"

namespace cairn::sim {
namespace {

using std::chrono::milliseconds;

// A limit: the smallest legal value in two fifths of the worlds, else one of the others.
std::uint64_t limit(Prng* prng, std::uint64_t least, std::initializer_list<std::uint64_t> others) {
  if (prng->chance(2, 5)) return least;
  return others.begin()[prng->below(others.size())];
}

void draw_limits(Prng* prng, Options* options) {
  LimitOptions& limits = options->limits;
  limits.small = true;
  limits.inflight_bytes = limit(prng, 1, {1000, 50'000, 16 << 20});
  limits.uncommitted_bytes = limit(prng, 1, {2000, 100'000, 64 << 20});
  limits.reads = limit(prng, 1, {2, 100'000});
  limits.state_hashes = limit(prng, 1, {3, 4096});
  limits.pending_writes = limit(prng, 1, {2, 4, 5000});
  limits.pending_write_bytes = limit(prng, 1, {500, 100'000, 128 << 20});
  limits.pending_reads = limit(prng, 1, {2, 50'000});
  limits.apply_bytes_per_turn = limit(prng, 1, {1000, 4 << 20});
  limits.frame_target_bytes = limit(prng, 1, {5000, 100'000, 4 << 20});
  limits.log_buffer_bytes = limit(prng, 4096, {20'000, 300'000, 16 << 20});
  limits.read_window_bytes = limit(prng, 4096, {65'536, 1 << 20});
  limits.spare_fill_factor = limit(prng, 1, {2, 8});
  limits.sessions = limit(prng, 1, {2, 10, 100'000});
  options->disk.segment_bytes = limit(prng, 8192, {16'384, 100'000, 1 << 20});
  options->append_bytes = limit(prng, 1, {500, 20'000, 1 << 20});
  options->batch_bytes = limit(prng, 1, {1000, 50'000, 1 << 20});
  options->inflight_count = limit(prng, 1, {2, 256});
  options->log_keep_bytes = limit(prng, 0, {1, 1000, 200'000});
  options->snapshot_log_bytes = limit(prng, 1, {5000, 300'000, 4 << 20});
}

// What a seed writes is bounded: the simulator and its checkers keep every byte, several times.
void draw_large_values(Prng* prng, Options* options) {
  ClientOptions& clients = options->clients;
  clients.value_bytes = limit(prng, 5000, {30'000, 120'000, 400'000});
  clients.keys = prng->between(1, 3);
  if (clients.value_bytes > 30'000) clients.count = std::min<std::uint64_t>(clients.count, 3);
  clients.think = std::max<Duration>(clients.think, milliseconds(clients.value_bytes / 500));
  options->workload = std::min<Duration>(options->workload, std::chrono::seconds(12));
}

std::string number(const char* name, std::uint64_t value) {
  return std::string(" ") + name + "=" + std::to_string(value);
}

}  // namespace

bool is_small_world(std::uint64_t seed) { return seed % 4 == 3; }

void draw_small_world(Options* options) {
  Prng prng(options->seed ^ 0x736d616c6cU);
  draw_limits(&prng, options);
  if (prng.chance(1, 2)) {
    draw_large_values(&prng, options);
  } else {
    options->clients.value_bytes = limit(&prng, 1000, {100, 3000, 8000});
    options->clients.count *= 2;
  }
  options->clients.read_percent = prng.chance(1, 2) ? 20 : 50;
  // Slow, but well within what a leader may take before it makes room for one with a better disk.
  if (prng.chance(3, 4))
    options->disk.latency_min =
        options->election_timeout * static_cast<std::int64_t>(prng.between(1, 25)) / 100;
}

void draw_later_limits(Options* options) {
  Prng prng(options->seed ^ 0x6c696d697473U);
  LimitOptions& limits = options->limits;
  // The largest entry there can be: a batch, and one write more with two values.
  limits.entry_bytes =
      limit(&prng, options->batch_bytes + 2 * options->clients.value_bytes + 1000, {512 << 20});
  limits.watermark_idle_ms = limit(&prng, 0, {1, 50, 1000});
  limits.session_bytes = limit(&prng, 1, {1000, 20'000, 64 << 20});
  limits.session_ttl_ms = limit(&prng, 1, {300, 5000, 600'000});
  limits.session_step_ms = limit(&prng, 1, {100, 300'000});
}

void draw_latest_limits(Options* options) {
  Prng prng(options->seed ^ 0x6c6174657374U);
  LimitOptions& limits = options->limits;
  limits.shortage_pause_ms = limit(&prng, 1, {10, 200});
  limits.fill_write_bytes = limit(&prng, 4096, {20'000, 256 << 10});
  limits.fill_sync_bytes = limit(&prng, 4096, {20'000, 512 << 10});
  limits.refill_bytes = limit(&prng, 0, {10'000, 4 << 20});
  limits.room_beside_spare_bytes = limit(&prng, 0, {10'000, 64 << 10});
  limits.usual_frame_bytes = limit(&prng, 0, {4096, 6 << 20});
  limits.ample_room_bytes = limit(&prng, 0, {100'000, 1 << 30});
  limits.ask_room_bytes = limit(&prng, 0, {10'000, 1 << 20});
  limits.write_overhead_bytes = limit(&prng, 4096, {8 << 10, 20'000});
  limits.heard = limit(&prng, 0, {1, 64});
  limits.log_memory_share = limit(&prng, 1, {16, 1'000'000});
  limits.sweep_ms = limit(&prng, 1, {10, 50, 300});
  limits.compact_records = limit(&prng, 1, {10, 256});
  limits.free_objects = limit(&prng, 1, {10, 1024});
  limits.save_bytes = limit(&prng, 1, {500, 1 << 20});
  limits.load_bytes = limit(&prng, 1, {500, 64 << 10});
}

void draw_backlog(Options* options) {
  Prng prng(options->seed ^ 0x6261636b6c6f67U);
  LimitOptions& limits = options->limits;
  limits.write_wait_ms = limit(&prng, 1, {10, 50, 400});
  limits.few_writes = limit(&prng, 0, {1, 3, 100});
  limits.few_write_bytes = limit(&prng, 0, {1000, 20'000, 8 << 20});
  limits.silence_ms = limit(&prng, 0, {10, 100, 1000});
  limits.rate_at_first = limit(&prng, 1, {1000, 100'000, 64 << 20});
  limits.rate_slice_ms = limit(&prng, 1, {10, 50, 250});
  limits.rate_slices = limit(&prng, 1, {2, 3, 8});
}

void draw_leases(Options* options) {
  Prng prng(options->seed ^ 0x6c65617365U);
  LimitOptions& limits = options->limits;
  options->clients.leases = prng.between(1, 6);
  if (prng.chance(1, 2)) limits.lease_checkpoint_ms = limit(&prng, 500, {1000, 2500});
  if (prng.chance(1, 2)) return;
  limits.lease_look_ms = limit(&prng, 1, {20, 100});
  limits.lease_expired = limit(&prng, 1, {2, 1000});
  limits.lease_keys = limit(&prng, 1, {2, 10'000});
  limits.lease_checkpoints = limit(&prng, 1, {2, 1000});
  limits.lease_slice = limit(&prng, 1, {2, 1000});
  limits.lease_calls = limit(&prng, 1, {3, 50'000});
  limits.lease_call_batch = limit(&prng, 1, {2, 20'000});
}

void draw_watermark_lag(Options* options) {
  Prng prng(options->seed ^ 0x6c6167U);
  options->limits.watermark_lag_ms = limit(&prng, 0, {10, 50, 1000});
}

std::string describe(const LimitOptions& limits) {
  return number("small", limits.small ? 1 : 0) + number("inflight_bytes", limits.inflight_bytes) +
         number("uncommitted_bytes", limits.uncommitted_bytes) + number("reads", limits.reads) +
         number("state_hashes", limits.state_hashes) + number("pending_writes", limits.pending_writes) +
         number("pending_write_bytes", limits.pending_write_bytes) +
         number("write_wait_ms", limits.write_wait_ms) + number("few_writes", limits.few_writes) +
         number("few_write_bytes", limits.few_write_bytes) + number("silence_ms", limits.silence_ms) +
         number("rate_at_first", limits.rate_at_first) + number("rate_slice_ms", limits.rate_slice_ms) +
         number("rate_slices", limits.rate_slices) + number("pending_reads", limits.pending_reads) +
         number("apply_bytes", limits.apply_bytes_per_turn) +
         number("frame_target", limits.frame_target_bytes) + number("log_buffer", limits.log_buffer_bytes) +
         number("read_window", limits.read_window_bytes) + number("spare_fill", limits.spare_fill_factor) +
         number("sessions", limits.sessions) + number("session_bytes", limits.session_bytes) +
         number("session_ttl_ms", limits.session_ttl_ms) + number("session_step_ms", limits.session_step_ms) +
         number("entry_bytes", limits.entry_bytes) + number("watermark_idle_ms", limits.watermark_idle_ms) +
         number("watermark_lag_ms", limits.watermark_lag_ms) +
         number("shortage_pause_ms", limits.shortage_pause_ms) +
         number("fill_write", limits.fill_write_bytes) + number("fill_sync", limits.fill_sync_bytes) +
         number("refill", limits.refill_bytes) + number("room_beside_spare", limits.room_beside_spare_bytes) +
         number("usual_frame", limits.usual_frame_bytes) + number("ample_room", limits.ample_room_bytes) +
         number("ask_room", limits.ask_room_bytes) + number("write_overhead", limits.write_overhead_bytes) +
         number("heard", limits.heard) + number("log_memory_share", limits.log_memory_share) +
         number("lease_look_ms", limits.lease_look_ms) +
         number("lease_checkpoint_ms", limits.lease_checkpoint_ms) +
         number("lease_expired", limits.lease_expired) + number("lease_keys", limits.lease_keys) +
         number("lease_checkpoints", limits.lease_checkpoints) + number("lease_slice", limits.lease_slice) +
         number("lease_calls", limits.lease_calls) + number("lease_call_batch", limits.lease_call_batch) +
         number("sweep_ms", limits.sweep_ms) + number("compact_records", limits.compact_records) +
         number("free_objects", limits.free_objects) + number("save_bytes", limits.save_bytes) +
         number("load_bytes", limits.load_bytes);
}

}  // namespace cairn::sim
