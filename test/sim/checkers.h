// Checkers: all that watch the members, each in its own file under checks/, wired to what happens.
// Owner: Cluster. Threading: one thread.
#pragma once

#include "raft/invariants.h"
#include "sim/checks/commits.h"
#include "sim/checks/elections.h"
#include "sim/checks/hung_leader.h"
#include "sim/checks/known_members.h"
#include "sim/checks/lease_book.h"
#include "sim/checks/log_matching.h"
#include "sim/checks/monotonic.h"
#include "sim/checks/promises.h"
#include "sim/checks/reference.h"
#include "sim/checks/state_hash.h"
#include "sim/world.h"

namespace cairn::sim {

struct Checkers {
  explicit Checkers(World& the_world);

  void log_write(raft::NodeId member, const raft::LogWrite& write, const Ledger& ledger);
  // Between two turns of a member. `seen` is what it said after the turn before.
  struct Seen {
    Positions positions;
    raft::Summary summary;
  };
  void turn(Member& member, Seen* seen);

  World& world;
  Elections elections;
  Promises promises;
  LogMatching matching;
  LeaseBook leases;
  Reference reference;
  Commits commits;
  StateHashes hashes;
  KnownMembers known_members;
  HungLeaders hung_leaders;

 private:
  Commits::Holders count_holders(raft::NodeId member, raft::Index index, raft::Term term) const;
  void count_uncommitted_changes(raft::NodeId member, const raft::State& state);
};

}  // namespace cairn::sim
