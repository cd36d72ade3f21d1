#include "sim/world.h"

#include <algorithm>

#include "sim/member.h"

namespace cairn::sim {

// Streams of randomness are apart, so that a change in one part does not shift the others.
World::World(const Options& the_options, std::FILE* live_trace)
    : options(the_options),
      trace(live_trace),
      network(options.network, options.seed ^ 0x6e6574U, schedule),
      prng(options.seed ^ 0x776f726c64U) {}
World::~World() = default;

void Counters::add(const Counters& other) {
  elections += other.elections;
  crashes += other.crashes;
  recoveries += other.recoveries;
  snapshots_saved += other.snapshots_saved;
  snapshots_installed += other.snapshots_installed;
  partitions += other.partitions;
  pauses += other.pauses;
  stalls += other.stalls;
  full_disks += other.full_disks;
  shortages += other.shortages;
  transfers += other.transfers;
  damages += other.damages;
  forgotten += other.forgotten;
  taken_in += other.taken_in;
  io_errors += other.io_errors;
  swaps += other.swaps;
  writes_gone += other.writes_gone;
  lies += other.lies;
  lies_refused += other.lies_refused;
  log_writes += other.log_writes;
  requests += other.requests;
  answered += other.answered;
  refused += other.refused;
  pulses += other.pulses;
  longest_wait_percent = std::max(longest_wait_percent, other.longest_wait_percent);
  most_events = std::max(most_events, other.most_events);
  committed += other.committed;
  searched += other.searched;
  search_unknown += other.search_unknown;
}

}  // namespace cairn::sim
