// For tests of what is between a replica and its clients.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "mvcc/state_machine.h"
#include "node/change_membership.h"
#include "node/member.h"
#include "node/requests.h"
#include "node/status.h"

namespace cairn::server {

// A replica that keeps what it is asked until the test answers.
struct KeepingReplica final : node::Member, node::Replica {
  std::vector<node::ClientWrite> writes;
  std::vector<node::ClientRead> reads;
  std::vector<node::LeaseCall> leases;
  node::MemberBrief known{.cluster_id = 7, .id = raft::NodeId(1), .leader = {}, .term = raft::Term(1)};
  mvcc::StateMachine machine{{{1, "n1", {}, {"http://a:1"}}}};

  Time now() const override { return {}; }
  void write(node::ClientWrite request) override { writes.push_back(std::move(request)); }
  void read(node::ClientRead request) override { reads.push_back(std::move(request)); }
  std::vector<node::MoveLeader> moves;
  void move_leader(node::MoveLeader request) override { moves.push_back(std::move(request)); }
  void lease(node::LeaseCall call) override { leases.push_back(std::move(call)); }
  std::vector<node::ChangeMembership> changes;
  void change_members(node::ChangeMembership change) override { changes.push_back(std::move(change)); }
  bool ask(node::ReplicaQuestion question) override {
    question (*this)();
    return true;
  }
  node::MemberBrief brief() const override { return known; }
  std::shared_ptr<const mvcc::MemberMap> members() const override { return machine.members(); }
  const std::shared_ptr<const mvcc::AuthState>& auth() const override { return machine.auth(); }
  bool users_known = true;
  bool knows_users() const override { return users_known; }
  std::int64_t clock_ms() const override { return machine.clock_ms(); }
  void follow(node::Follower) override {}
  node::MemberNumbers numbers() const override { return status(); }
  node::MemberStatus status() const override {
    node::MemberStatus status;
    status.leader = known.leader;
    return status;
  }
  std::shared_ptr<const mvcc::View> view() const override { return machine.view(); }
};

}  // namespace cairn::server
