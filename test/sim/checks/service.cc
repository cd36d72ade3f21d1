#include "sim/checks/service.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "raft/members.h"
#include "raft/quorum.h"
#include "raft/state.h"
#include "sim/member.h"

namespace cairn::sim {

void Service::start() {
  world_.schedule.after(world_.options.election_timeout / 2, [this] {
    if (stopped_) return;
    look();
    start();
  });
}

void Service::look() {
  const Time now = world_.schedule.now();
  const Majority majority = healthiest();
  if (majority.members.empty()) return;
  const Time since = std::max({majority.healthy_since, clients_.write_acknowledged_at(), world_.moved_at});
  if (since > waits_since_) {
    waits_since_ = since;
    allowed_ = kElections * world_.options.election_timeout + catching_up(majority);
  }
  const Duration waited = now - waits_since_;
  if (waited < 2 * world_.options.election_timeout) return;
  world_.counters.longest_wait_percent =
      std::max(world_.counters.longest_wait_percent, static_cast<std::uint64_t>(100 * waited / allowed_));
  if (waited <= allowed_) return clients_.pulse(majority.members, waited);
  std::string names;
  for (const std::uint64_t id : majority.members) names += " " + std::to_string(id);
  world_.judge.accuse(
      "I21 service by a healthy majority",
      "no write was acknowledged for " +
          std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(waited).count()) +
          " ms, while nothing was wrong with members" + names);
}

// Of at most a few members all majorities can be looked at: of the newest committed configuration, and of
// what may follow it in their own logs.
Service::Majority Service::healthiest() const {
  const raft::Configuration& committed = world_.committed;
  std::vector<std::uint64_t> voters;
  for (const raft::Configuration& each : world_.configurations()) {
    for (const raft::NodeId id : raft::all_members(each.members)) {
      const bool is_new = std::find(voters.begin(), voters.end(), id.v) == voters.end();
      const bool is_healthy = world_.member(id.v).healthy_since() <= world_.schedule.now();
      if (raft::is_voter(each.members, id) && is_new && is_healthy) voters.push_back(id.v);
    }
  }
  std::sort(voters.begin(), voters.end());
  Majority best;
  for (std::uint64_t chosen = 1; chosen < std::uint64_t{1} << voters.size(); ++chosen) {
    std::vector<std::uint64_t> members;
    for (std::size_t i = 0; i < voters.size(); ++i) {
      if ((chosen >> i & 1) != 0) members.push_back(voters[i]);
    }
    if (!is_least_majority(committed.members, members) || !may_decide(members)) continue;
    const Time since = healthy_since(members);
    if (since <= world_.schedule.now() && since < best.healthy_since) best = {since, std::move(members)};
  }
  return best;
}

bool Service::is_majority(const raft::Members& of, const std::vector<std::uint64_t>& members) {
  return raft::quorum_vote(of, [&](raft::NodeId id) {
           return std::find(members.begin(), members.end(), id.v) == members.end() ? raft::Tally::lost
                                                                                   : raft::Tally::won;
         }) == raft::Tally::won;
}

// No other is smaller in all of its members, where one configuration alone is in force.
bool Service::is_least_majority(const raft::Members& of, const std::vector<std::uint64_t>& members) const {
  if (!is_majority(of, members)) return false;
  if (world_.options.spares > 0) return true;
  return members.size() == of.voters.size() / 2 + 1;
}

// By each configuration that one of them has in its log behind the committed one, too.
bool Service::may_decide(const std::vector<std::uint64_t>& members) const {
  return std::all_of(members.begin(), members.end(), [&](std::uint64_t id) {
    const auto own =
        world_.member(id).node().core().state().log.configurations_since(world_.committed.at.index);
    return std::all_of(own.begin(), own.end(), [&](const raft::Configuration& each) {
      return each.at <= world_.committed.at || is_majority(each.members, members);
    });
  });
}

Time Service::healthy_since(const std::vector<std::uint64_t>& members) const {
  Time since{};
  for (const std::uint64_t id : members) {
    since = std::max(since, world_.member(id).healthy_since());
    for (const std::uint64_t other : members) {
      since = std::max(since, world_.network.connected_since(id, other));
    }
  }
  return since;
}

// One entry a round trip, and a heartbeat for every message that may have been lost on the way.
Duration Service::catching_up(const Majority& majority) const {
  const Options& options = world_.options;
  std::uint64_t least = ~std::uint64_t{0}, most = 0;
  for (const std::uint64_t id : majority.members) {
    const std::uint64_t last = world_.member(id).ledger().asked.last().v;
    least = std::min(least, last);
    most = std::max(most, last);
  }
  const NetworkOptions& network = options.network;
  const Duration latency = network.latency_min + network.latency_spread;
  const Duration slow = 10 * latency * static_cast<std::int64_t>(network.slow_permille) / 1000;
  const Duration lost =
      options.heartbeat_interval * static_cast<std::int64_t>(4 * network.loss_permille) / 1000;
  const Duration disk = options.disk.latency_min + options.disk.latency_spread;
  constexpr std::uint64_t kSnapshotSteps = 50;
  return static_cast<std::int64_t>(most - least + kSnapshotSteps) * (2 * (latency + slow + disk) + lost);
}

}  // namespace cairn::sim
