// Cluster: one run by seed: a workload under faults, then peace, in which everything has to come together
// again, then the questions that only a whole history answers. Owner: whoever runs it. Threading: one thread;
// runs share nothing.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "sim/checkers.h"
#include "sim/checks/service.h"
#include "sim/clients.h"
#include "sim/hostile.h"
#include "sim/lease_clients.h"
#include "sim/nemesis.h"
#include "sim/operator.h"
#include "sim/planned_change.h"
#include "sim/watchers.h"
#include "sim/world.h"

namespace cairn::sim {

struct RunResult {
  std::string violation;  // empty: none
  std::uint64_t trace_hash = 0;
  std::uint64_t events = 0;
  Duration virtual_time{};
  Counters counters;
};

class Cluster {
 public:
  explicit Cluster(const Options& options, std::FILE* live_trace = nullptr);
  ~Cluster();
  RunResult run();
  EarlierFounding end_as_earlier();  // instead of run()
  const World& world() const { return world_; }
  const PlannedChange& planned() const { return planned_; }

 private:
  void start();
  bool run_until(Time when);  // false: a checker has found something
  bool run_until_converged();
  bool run_until_leases_expire();
  bool converged() const;
  bool is_lost() const;
  Duration patience() const;
  void final_checks();

  World world_;
  Checkers checkers_;
  Clients clients_;
  Watchers watchers_;
  LeaseClients lease_clients_;
  Nemesis nemesis_;
  Hostile hostile_;
  Operator operator_;
  PlannedChange planned_;
  Service service_;
};

}  // namespace cairn::sim
