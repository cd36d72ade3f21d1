#include "node/leader_moves.h"

#include <algorithm>
#include <utility>

#include "base/reached.h"
#include "etcd/reasons.h"
#include "raft/members.h"

namespace cairn::node {

void LeaderMoves::move(MoveLeader request, const raft::State& state, const Standing& standing) {
  const auto refuse = [&request](Reason why) { request.responder->done(mvcc::refuse(etcd::error_of(why))); };
  if (!standing.leads()) return refuse(Reason::not_leader);
  const raft::NodeId to{request.to};
  if (!raft::is_voter(state.log.members(), to)) return refuse(Reason::bad_leader_transferee);
  if (pending_.size() >= limits_.count) return refuse(Reason::too_many_requests);
  if (to == standing.self) return request.responder->done({});
  core_.step(raft::TransferLeadership{to});
  pending_.push_back(std::move(request));
}

void LeaderMoves::look(const Standing& standing) {
  for (MoveLeader& each : pending_) {
    if (standing.leader == raft::NodeId{each.to}) {
      REACHED("node.leader.moved");
      std::exchange(each.responder, nullptr)->done({});
    } else if (each.deadline <= standing.now) {
      std::exchange(each.responder, nullptr)->done(mvcc::refuse(etcd::error_of(Reason::timed_out)));
    }
  }
  std::erase_if(pending_, [](const MoveLeader& each) { return each.responder == nullptr; });
}

}  // namespace cairn::node
