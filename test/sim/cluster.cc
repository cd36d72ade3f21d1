#include "sim/cluster.h"

#include <algorithm>

#include "raft/members.h"
#include "raft/state.h"
#include "sim/checks/witness.h"
#include "sim/earlier_founding.h"
#include "sim/member.h"

namespace cairn::sim {
namespace {

// Of histories that the black-box search can finish.
constexpr std::size_t kSearchItemsMax = 3000;
constexpr std::uint64_t kSearchStepsMax = 300'000;
constexpr int kPatienceElections = 60;
// No seed may run for ever. The busiest of 2,000 seeds takes a tenth of this; each run prints it.
constexpr std::uint64_t kEventsMax = 5'000'000;

}  // namespace

Cluster::Cluster(const Options& options, std::FILE* live_trace)
    : world_(options, live_trace),
      checkers_(world_),
      clients_(world_),
      watchers_(world_, checkers_.reference),
      lease_clients_(world_, checkers_.leases),
      nemesis_(world_),
      hostile_(world_),
      operator_(world_),
      planned_(world_),
      service_(world_, clients_) {
  for (std::uint64_t id = 1; id <= options.members + options.spares; ++id) {
    world_.members.push_back(std::make_unique<Member>(world_, checkers_, id));
    if (id <= options.members) world_.committed.members.voters.emplace_back(id);
  }
  if (options.faults.earlier_founding == Duration{}) return;
  Cluster earlier(earlier_options(options));
  world_.earlier_founding = earlier.end_as_earlier();
  if (earlier.world_.judge.failed())
    world_.judge.accuse("earlier founding", earlier.world_.judge.violation());
}

// Members go first: the responders they hold still speak to the clients.
Cluster::~Cluster() { world_.members.clear(); }

bool Cluster::run_until(Time when) {
  bool due = false;
  world_.schedule.at(when, [&due] { due = true; });
  while (!due && !world_.judge.failed()) {
    world_.schedule.run_next();
    planned_.after_event();
    if (world_.schedule.events() <= kEventsMax) continue;
    world_.judge.accuse("steps", "more than " + std::to_string(kEventsMax) +
                                     " events: something asks itself again and again");
  }
  return !world_.judge.failed();
}

bool Cluster::converged() const {
  if (!clients_.probe_acknowledged() || !watchers_.has_all()) return false;
  return std::all_of(world_.members.begin(), world_.members.end(), [&](const auto& member) {
    // Who was removed need not know what happened since.
    if (!raft::is_member(world_.committed.members, raft::NodeId{member->id()})) return true;
    return member->is_up() && member->remembers() &&
           member->node().view()->applied_index() == checkers_.commits.last().v;
  });
}

// 60 elections, and the time to send to the slowest follower, one round trip each, what was committed
// meanwhile.
Duration Cluster::patience() const {
  const Options& options = world_.options;
  const Duration round_trip = 2 * (options.network.latency_min + options.network.latency_spread) +
                              2 * (options.disk.latency_min + options.disk.latency_spread);
  return kPatienceElections * options.election_timeout +
         static_cast<std::int64_t>(checkers_.commits.last().v + 100) * round_trip;
}

bool Cluster::run_until_converged() {
  const Time limit = world_.schedule.now() + patience() + watchers_.catching_up();
  clients_.probe();
  while (world_.schedule.now() < limit) {
    if (!run_until(world_.schedule.now() + world_.options.heartbeat_interval)) return false;
    if (converged()) return true;
  }
  std::string positions;
  for (const auto& member : world_.members) {
    positions += " m" + std::to_string(member->id()) + "=";
    positions += member->is_up() ? std::to_string(member->node().view()->applied_index()) : "down";
    if (!raft::is_member(world_.committed.members, raft::NodeId{member->id()})) positions += "(no member)";
    if (member->is_leader()) positions += "(leader)";
    if (!member->remembers()) positions += "(not full)";
  }
  world_.judge.accuse("liveness", std::string("no convergence in peace; probe write ") +
                                      (clients_.probe_acknowledged() ? "acknowledged" : "not acknowledged") +
                                      watchers_.who_misses_something() + ", committed " +
                                      std::to_string(checkers_.commits.last().v) + ", applied" + positions);
  return false;
}

// I14, the other half. A leader of the moment gives them their TTL and an election timeout, at most; what
// follows is as much as the service of a healthy majority may take.
bool Cluster::run_until_leases_expire() {
  const Duration longest = lease_clients_.longest();
  if (longest == Duration{}) return true;
  constexpr int kElections = 20;
  const Time limit = world_.schedule.now() + longest * 11 / 10 + kElections * world_.options.election_timeout;
  const auto left = [&] {
    std::uint64_t most = 0;
    for (const auto& member : world_.members)
      if (member->is_up() && raft::is_member(world_.committed.members, raft::NodeId{member->id()}))
        most = std::max(most, member->node().view()->lease_count());
    return most;
  };
  while (left() > 0 && world_.schedule.now() < limit)
    if (!run_until(world_.schedule.now() + world_.options.heartbeat_interval)) return false;
  const Time end = world_.schedule.now() + patience();
  const bool gone = left() == 0;
  // The last entry of them; and who has just come back from a crash has all of it to apply again.
  while (gone && !(left() == 0 && converged()) && world_.schedule.now() < end)
    if (!run_until(world_.schedule.now() + world_.options.heartbeat_interval)) return false;
  if (left() == 0) return true;
  world_.judge.accuse("I14 leases last", std::to_string(left()) + " leases that nobody keeps do not expire");
  return false;
}

// A majority has forgotten, which only a plan without limits lets happen: nothing is promised but safety.
bool Cluster::is_lost() const {
  const auto remember = std::count_if(world_.members.begin(), world_.members.end(),
                                      [](const auto& member) { return member->remembers(); });
  return world_.options.faults.any_number_forgets &&
         2 * static_cast<std::uint64_t>(remember) <= world_.options.members;
}

void Cluster::final_checks() {
  for (const auto& member : world_.members) {
    if (!member->is_up() || member->node().view()->applied_index() != checkers_.commits.last().v) continue;
    const auto view = member->node().view();
    checkers_.hashes.compare(raft::NodeId{member->id()}, *view);
    checkers_.reference.compare_all(raft::NodeId{member->id()}, *view);
  }
  check_witness(world_.judge, clients_.history(), checkers_.reference);
  check_refused(world_.judge, clients_.history(), checkers_.reference);
  check_local_reads(world_.judge, clients_.local_reads(), checkers_.reference);
  if (!world_.options.black_box || clients_.history().items.size() > kSearchItemsMax) return;
  ++world_.counters.searched;
  const Linearization found = check(settle_unknown(clients_.history(), checkers_.reference), kSearchStepsMax);
  if (found.verdict == Verdict::unknown) ++world_.counters.search_unknown;
  if (found.verdict == Verdict::violated)
    world_.judge.accuse("I12 linearizable", "no order explains the clients' history");
}

void Cluster::start() {
  for (const auto& member : world_.members) {
    if (member->is_installed()) member->start();
  }
  clients_.start();
  watchers_.start();
  lease_clients_.start();
  nemesis_.start();
  hostile_.start();
  operator_.start();
  planned_.start();
  service_.start();
}

EarlierFounding Cluster::end_as_earlier() {
  start();
  run_until(world_.schedule.now() + world_.options.workload);
  EarlierFounding earlier;
  for (const auto& member : world_.members) {
    const raft::Life& life = member->ledger().durable.hard_state.life;
    if (life.full && life.founded != 0) {
      earlier.founded = life.founded;
      earlier.directories[member->id()] = member->files();
    }
  }
  return earlier;
}

RunResult Cluster::run() {
  const Time begin = world_.schedule.now();
  start();
  if (run_until(begin + world_.options.workload)) {
    world_.note(0, "peace");
    nemesis_.stop();
    hostile_.stop();
    operator_.stop();
    service_.stop();
    clients_.stop();
    watchers_.stop();
    lease_clients_.stop();
    const bool is_well = is_lost() ? run_until(world_.schedule.now() + patience())
                                   : run_until_converged() && run_until_leases_expire();
    if (is_well) final_checks();
  }
  RunResult result;
  result.violation = world_.judge.violation();
  result.trace_hash = world_.trace.hash();
  result.events = world_.schedule.events();
  result.virtual_time = world_.schedule.now() - begin;
  world_.counters.leases_expired = checkers_.leases.expired_count();
  world_.counters.most_events = world_.schedule.events();
  result.counters = world_.counters;
  return result;
}

}  // namespace cairn::sim
