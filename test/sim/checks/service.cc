#include "sim/checks/service.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <string>

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
  if (waited <= allowed_) return clients_.pulse(majority.members);
  std::string names;
  for (const std::uint64_t id : majority.members) names += " " + std::to_string(id);
  world_.judge.accuse(
      "I21 service by a healthy majority",
      "no write was acknowledged for " +
          std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(waited).count()) +
          " ms, while nothing was wrong with members" + names);
}

// Of at most a few members all majorities can be looked at.
Service::Majority Service::healthiest() const {
  const std::uint64_t count = world_.options.members;
  Majority best;
  for (std::uint64_t chosen = 1; chosen < std::uint64_t{1} << count; ++chosen) {
    if (static_cast<std::uint64_t>(std::popcount(chosen)) != count / 2 + 1) continue;
    std::vector<std::uint64_t> members;
    for (std::uint64_t id = 1; id <= count; ++id) {
      if ((chosen >> (id - 1) & 1) != 0) members.push_back(id);
    }
    const Time since = healthy_since(members);
    if (since <= world_.schedule.now() && since < best.healthy_since) best = {since, std::move(members)};
  }
  return best;
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
