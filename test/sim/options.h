// Options of one run, all drawn from its seed: which kinds of fault exist at all and how often, how large the
// cluster is, how small the limits are (swarm testing: runs that differ a lot find more than runs that are
// all average). Threading: none; plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/time.h"

namespace cairn::sim {

struct NetworkOptions {
  Duration latency_min{}, latency_spread{};
  std::uint64_t slow_permille = 0;  // messages that take ten times as long
  std::uint64_t loss_permille = 0;
  std::uint64_t duplicate_permille = 0;
  bool in_order = false;            // as over one connection
  std::uint64_t late_permille = 0;  // of what is never doubled: arrives up to `late` later, out of order
  Duration late{};
};

struct DiskOptions {
  Duration latency_min{}, latency_spread{};
  std::uint64_t segment_bytes = 0;
  std::uint64_t spare_segments = 0;
  std::uint64_t keep = 1, lose = 1, tear = 1;  // of unsynced writes at a power cut
};

// Mean time between two faults of a kind over the whole cluster; zero: this run has none.
struct FaultOptions {
  Duration power_cut{}, kill{}, cut_mid_write{}, partition{}, pause{}, slow_disk{}, hung_disk{}, transfer{},
      all_down{}, full_disk{};
  std::uint64_t hang_elections = 10;      // at most so many election timeouts
  Duration forget{}, io_error{}, swap{};  // directories that are damaged, disks that fail, and exchanged
  Duration misplaced_write{};             // reported done, and lost or written elsewhere
  Duration lie{};                         // of somebody who is no member
  Duration misplaced_name{};              // a folder in place of a file, or a file in place of a folder
  Duration set_aside{};                   // directories that are not there for a while, and then are put back
  Duration earlier_founding{};            // a directory of an earlier cluster of the same members comes back
  Duration lost_witnesses{};  // an older copy comes back, and who met the later start is wiped before
  Duration churn{};           // an operator changes who is a member
  // Of all these: usually a minority at a time, so that nothing may be lost. Without that limit only one
  // member surely keeps its memory, and what is checked is that nothing wrong is said.
  bool any_number_forgets = false;
};

struct ClientOptions {
  std::uint64_t count = 0;
  std::uint64_t keys = 0;
  Duration think{};  // mean time between two requests of a client
  Duration timeout{};
  std::uint64_t idempotent_percent = 0;
  std::uint64_t read_percent = 0;
  std::uint64_t value_bytes = 0;
  std::uint64_t bounded_percent = 0;  // writes that may read only so much
  bool compaction = false;
  std::uint64_t leases = 0;  // clients that grant and keep leases
};

struct WatchOptions {
  std::uint64_t clients = 0;
  std::uint64_t watches_max = 1;  // of a client, over one connection
  std::uint64_t room_max = 8;     // responses on their way to it
  std::uint64_t slow_ms = 0;      // how long each takes to one that reads slowly, at the most
  std::uint64_t turn_delay_us = 0;
  std::uint64_t turn_changes = 4096, turn_bytes = 1 << 20, turn_sends = 2000, states_kept = 8;
  std::uint64_t fragment_bytes = 2 << 20, progress_ms = 600'000;
};

// The limits of the product that no other option draws, as the product has them unless the world is small.
struct LimitOptions {
  bool small = false;
  std::uint64_t inflight_bytes = std::uint64_t{16} << 20;
  std::uint64_t uncommitted_bytes = std::uint64_t{64} << 20;
  std::uint64_t reads = 100'000, state_hashes = 4096;
  std::uint64_t pending_writes = 5000, pending_write_bytes = std::uint64_t{128} << 20, pending_reads = 50'000;
  std::uint64_t write_wait_ms = 500, few_writes = 100, few_write_bytes = 16 << 20, silence_ms = 1000,
                rate_at_first = 64 << 20, rate_slice_ms = 250, rate_slices = 8;
  std::uint64_t apply_bytes_per_turn = 0;
  std::uint64_t frame_target_bytes = 4 << 20, log_buffer_bytes = 16 << 20, read_window_bytes = 1 << 20;
  std::uint64_t spare_fill_factor = 2;
  std::uint64_t sessions = 100'000, session_bytes = std::uint64_t{64} << 20;
  std::uint64_t session_ttl_ms = 600'000, session_step_ms = 300'000;
  // Keys are soon forgotten: clients say with each which revision they had seen.
  bool few_sessions() const {
    const LimitOptions usual;
    return sessions != usual.sessions || session_bytes != usual.session_bytes ||
           session_ttl_ms != usual.session_ttl_ms;
  }
  std::uint64_t entry_bytes = std::uint64_t{512} << 20, watermark_idle_ms = 5;
  // Without writes in between, unless a world draws it: notes that come beside writes came later.
  std::uint64_t watermark_lag_ms = 3'600'000;
  std::uint64_t shortage_pause_ms = 50;
  std::uint64_t fill_write_bytes = 256 << 10, fill_sync_bytes = 512 << 10, refill_bytes = 4 << 20;
  std::uint64_t room_beside_spare_bytes = 64 << 10, usual_frame_bytes = 6 << 20;
  std::uint64_t ample_room_bytes = 1 << 30, ask_room_bytes = 1 << 20;
  std::uint64_t write_overhead_bytes = 8 << 10, heard = 64, log_memory_share = 16, sweep_ms = 50;
  std::uint64_t lease_look_ms = 100, lease_checkpoint_ms = 300'000, lease_expired = 1000, lease_keys = 10'000,
                lease_checkpoints = 1000, lease_slice = 1000, lease_calls = 50'000, lease_call_batch = 20'000;
  std::uint64_t compact_records = 256, free_objects = 1024, save_bytes = 1 << 20, load_bytes = 64 << 10;
};

// One change of the members, asked for until it is made, and one crash within it. No seed draws one: tests go
// through all moments of it.
struct PlanOptions {
  enum class Change : std::uint8_t { none, add, promote, replace, replace_leader, remove, remove_leader };
  enum class Who : std::uint8_t { leader, joiner, leaver, other };
  Change change = Change::none;
  Who dies = Who::leader;
  std::uint64_t at_event = 0;  // the how manieth that follows the asking; 0: nobody dies
};

struct Options {
  std::uint64_t seed = 0;
  bool black_box = false;     // the clients' history is searched for an order that explains it
  std::uint64_t members = 0;  // at first
  std::uint64_t spares = 0;   // machines that may join later
  Duration election_timeout{}, heartbeat_interval{};
  std::uint64_t snapshot_log_bytes = 0, log_keep_bytes = 0, append_bytes = 0, batch_bytes = 0;
  std::uint64_t log_keep_lagging_bytes = 0, inflight_count = 0;
  Duration compaction_period{};   // by the leader itself; zero: none
  std::uint64_t quota_bytes = 0;  // of each member, with a steward who makes room; 0: none
  Duration stuck_wait_max = std::chrono::seconds(60);  // of leaders that commit nothing
  std::uint64_t clock_drift_ppm = 0;                   // each member's clock runs within this of true time
  std::uint64_t wall_step_hours = 0;       // members' wall clocks step by up to this, forth and back
  std::uint64_t note_refused_percent = 0;  // notes for which their sender has no room
  Duration turn_delay{};                   // events this close together share a turn
  Duration workload{};
  NetworkOptions network;
  DiskOptions disk;
  FaultOptions faults;
  ClientOptions clients;
  WatchOptions watches;
  LimitOptions limits;
  PlanOptions plan;
};

Options draw_options(std::uint64_t seed);
std::string describe(const Options& options);

}  // namespace cairn::sim
