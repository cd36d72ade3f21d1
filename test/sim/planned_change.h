// PlannedChange: one change of the members by an operator who does not give up, and a crash of one member at
// the event that the options name. What Operator and Nemesis do by chance, for tests that leave no moment
// out. Owner: Cluster. Threading: one thread.
#pragma once

#include <cstdint>
#include <optional>

#include "node/change_membership.h"
#include "sim/world.h"

namespace cairn::sim {

class PlannedChange {
 public:
  explicit PlannedChange(World& world) : world_(world) {}
  void start();
  void after_event();

  // From the asking until it is in force, and all members know.
  std::optional<std::uint64_t> events() const { return settled_after_; }
  bool somebody_died() const { return died_; }
  bool in_force() const;

 private:
  using Change = PlanOptions::Change;
  void look();
  void begin(const Member& leader);
  void ask(Member& leader, node::ChangeMembership change);
  node::ChangeMembership to_add() const;
  node::ChangeMembership wanted() const;
  bool is_ready() const;
  bool everybody_knows() const;
  std::uint64_t victim() const;

  bool has_joiner() const;
  bool has_leaver() const;
  raft::NodeId joiner() const { return raft::NodeId{world_.options.members + 1}; }

  World& world_;
  raft::Members before_{};
  std::uint64_t leader_ = 0, leaver_ = 0;  // as of the asking
  std::uint64_t begun_at_ = 0;             // an event; 0: not yet
  std::optional<std::uint64_t> settled_after_;
  Time asked_until_{};  // an answer is waited for
  bool died_ = false;
};

}  // namespace cairn::sim
