// Operator: changes who is a member, while everything else goes wrong: adds a machine as a learner, promotes
// it, puts it in the place of a voter in one joint step, removes members, the leader among them, and says
// where they moved to. Who was removed goes on running, or is switched off, or starts again later; its
// machine never comes back under its old id. Owner: Cluster. Threading: one thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "node/change_membership.h"
#include "sim/world.h"

namespace cairn::raft {
struct State;
}

namespace cairn::sim {

class Operator {
 public:
  explicit Operator(World& world) : world_(world), prng_(world.options.seed ^ 0x6f70657261746f72U) {}
  void start();
  void stop() { stopped_ = true; }

 private:
  void act();
  bool choose(const raft::State& leader, node::ChangeMembership* change);
  bool choose_growth(const raft::Members& members, node::ChangeMembership* change);
  bool choose_removal(const raft::State& leader, node::ChangeMembership* change);
  bool would_leave_too_few(const raft::Members& members, const node::ChangeMembership& change) const;
  std::uint64_t next_machine(const raft::Members& members);
  void answered(const node::ChangeMembership& change, const node::MembershipOutcome& outcome);
  void ask(Member& leader, node::ChangeMembership change);
  void judge_refusals();
  void retire(std::uint64_t member);

  World& world_;
  Prng prng_;
  std::set<std::uint64_t> were_members_;
  std::map<std::uint64_t, int> asked_to_add_;  // how often
  std::set<std::uint64_t> refused_;            // to be added
  std::uint64_t moves_ = 0;
  bool stopped_ = false;
};

}  // namespace cairn::sim
