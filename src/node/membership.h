// Membership: changes of the members that somebody asked this member for. Each is checked here, against what
// the leader knows of the members' progress, made one at a time by the core, and answered once it is applied.
// Owner: Node. Bounded by Limits; beyond, refused as overloaded.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "node/change_membership.h"
#include "node/core_port.h"
#include "raft/core.h"
#include "raft/state.h"

namespace cairn::node {

class Membership {
 public:
  struct Limits {
    std::size_t count = 16;  // not answered yet
    // Who is to vote is no more entries behind than that: the others would wait for it with every commit.
    std::uint64_t promotion_lag_max = 1000;
    std::size_t learners_max = 8;  // the leader sends every entry to each of them
  };
  Membership(const Limits& limits, CorePort& core) : limits_(limits), core_(core) {}

  void change(ChangeMembership change, const raft::State& state);
  void accepted(const raft::Accepted& change);
  void refused(const raft::Refused& change);
  // Entries up to `applied` have been, these configurations among them.
  void applied(const std::vector<raft::Configuration>& configurations, raft::Index applied);
  // A snapshot was installed: what was in the log before it is not told.
  void obscured(raft::Index installed);
  void expire(Time now, raft::NodeId leader);
  // Of this member as leader: makes voters of learners that are to be, once they have caught up.
  void promote_who_is_ready(const raft::State& state);
  void end_turn();  // who has an outcome is told
  bool wants_turn() const { return !telling_.empty(); }
  std::size_t pending() const { return pending_.size(); }

 private:
  struct Pending {
    std::uint64_t tag = 0;
    raft::Position at{};  // of its entry; index 0: not accepted yet
    bool is_in = false;   // that entry was applied; it may have begun a joint phase, which ends by itself
    Time deadline;
    std::function<void(MembershipOutcome)> done;
  };
  struct Told {
    std::function<void(MembershipOutcome)> done;
    MembershipOutcome outcome;
  };
  void finish(std::list<Pending>::iterator pending, MembershipOutcome outcome);

  const Limits limits_;
  CorePort& core_;
  std::uint64_t last_tag_ = 0;
  std::list<Pending> pending_;
  std::vector<Told> telling_;
};

// The core's input that makes the change, or why it is not to be made. Pure.
struct NoPlan {
  MembershipRefusal refusal;
  std::string why;
};
std::variant<raft::ChangeMembers, NoPlan> plan(const ChangeMembership& change, const raft::State& state,
                                               const Membership::Limits& limits);

}  // namespace cairn::node
