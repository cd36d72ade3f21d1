#include "sim/world.h"

#include <algorithm>

#include "raft/members.h"
#include "raft/state.h"
#include "sim/member.h"

namespace cairn::sim {

// Streams of randomness are apart, so that a change in one part does not shift the others.
World::World(const Options& the_options, std::FILE* live_trace)
    : options(the_options),
      trace(live_trace),
      network(options.network, options.seed ^ 0x6e6574U, schedule),
      prng(options.seed ^ 0x776f726c64U) {}
World::~World() = default;

std::uint64_t World::any_member(Prng* random) const {
  std::vector<std::uint64_t> installed;
  for (const auto& member : members) {
    if (member->is_installed()) installed.push_back(member->id());
  }
  return installed[random->below(installed.size())];
}

std::uint64_t World::any_current_member(Prng* random) const {
  const std::vector<raft::NodeId> all = raft::all_members(committed.members);
  return all[random->below(all.size())].v;
}

std::vector<raft::Configuration> World::configurations() const {
  std::vector<raft::Configuration> all{committed};
  for (const auto& member : members) {
    for (raft::Configuration& each : member->configurations_since(committed.at.index)) {
      if (each.at > committed.at && std::find(all.begin(), all.end(), each) == all.end())
        all.push_back(std::move(each));
    }
  }
  return all;
}

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
  lease_calls += other.lease_calls;
  leases_kept += other.leases_kept;
  leases_expired += other.leases_expired;
  lies += other.lies;
  lies_refused += other.lies_refused;
  membership_asked += other.membership_asked;
  membership_made += other.membership_made;
  membership_refused += other.membership_refused;
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
