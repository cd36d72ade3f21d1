// I21: service by a healthy majority while faults last. Whatever the others do: while some majority of the
// members is up, full, connected among itself in both directions, neither paused nor moved about by an
// operator, and has disks that work, then within kElections election timeouts, and the time that its slowest
// member needs to catch up, a write is acknowledged. When none is, this asks those members for one.
//
// kElections: the old leader's lease is over after one, a leader whose disk hangs steps down within two, an
// election fails by a split vote or a lost message perhaps once in two (each retry within two timeouts), and
// a message lost later costs a heartbeat, a tenth. Ten failures in a row are one in a thousand healthy
// stretches; a run prints the longest wait as a share of what is allowed: in 2,000 seeds it is about half.
// Owner: Cluster. Threading: one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "raft/types.h"
#include "sim/clients.h"
#include "sim/world.h"

namespace cairn::sim {

class Service {
 public:
  Service(World& world, Clients& clients) : world_(world), clients_(clients) {}
  void start();
  void stop() { stopped_ = true; }

 private:
  static constexpr int kElections = 20;
  struct Majority {
    Time healthy_since = Time::max();
    std::vector<std::uint64_t> members;
  };
  void look();
  Majority healthiest() const;
  static bool is_majority(const raft::Members& of, const std::vector<std::uint64_t>& members);
  bool is_least_majority(const raft::Members& of, const std::vector<std::uint64_t>& members) const;
  bool may_decide(const std::vector<std::uint64_t>& members) const;
  Time healthy_since(const std::vector<std::uint64_t>& members) const;
  Duration catching_up(const Majority& majority) const;

  World& world_;
  Clients& clients_;
  Time waits_since_{};
  Duration allowed_{};
  bool stopped_ = false;
};

}  // namespace cairn::sim
