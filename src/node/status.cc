// What a member says of itself.
#include "node/status.h"

#include "base/check.h"
#include "node/impl.h"
#include "node/waiting.h"
#include "raft/progress.h"
#include "raft/role.h"
#include "raft/state.h"
#include "raft/waits.h"

namespace cairn::node {
namespace {

const char* mode_name(raft::Progress::Mode mode) {
  switch (mode) {
    case raft::Progress::Mode::probe:
      return "probe";
    case raft::Progress::Mode::replicate:
      return "replicate";
    case raft::Progress::Mode::snapshot:
      return "snapshot";
  }
  CHECK(false);
}

bool is_behind(const raft::Progress& peer, Time now, Duration after) {
  return !peer.had_all_at || now - *peer.had_all_at >= after;
}

std::string why_stuck(const raft::Progress& peer) {
  if (!peer.refusal.empty()) return "it cannot take a snapshot: " + peer.refusal;
  if (peer.space == raft::Space::none) return "its disk has no room for the log";
  return "";
}

}  // namespace

// One whose process has gone is nobody to send anything to.
raft::NodeId Node::Impl::leader() const {
  return core.state().leader_lost ? raft::NodeId{} : core.state().leader;
}
raft::Term Node::Impl::term() const { return core.state().term; }

MemberBrief Node::Impl::brief() const {
  return {.cluster_id = config.cluster_id, .id = config.raft.id, .leader = leader(), .term = term()};
}

std::string Node::Impl::waits_for() const {
  const raft::State& state = core.state();
  Waiting waiting;
  waiting.waits = raft::waits_of(state);
  waiting.leader = state.leader;
  waiting.full = state.life.full;
  waiting.by_majority = config.raft.form_with_majority;
  waiting.disk_answers = raft::disk_answers(state);
  waiting.name_of = [this](raft::NodeId id) {
    const auto info = machine->members()->find(id.v);
    return info == machine->members()->end() ? std::to_string(id.v) : info->second.name;
  };
  return in_words(waiting);
}

bool Node::Impl::waits_for_long() const { return raft::waits_of(core.state()).for_long; }

MemberStatus Node::Impl::status() const {
  const raft::State& state = core.state();
  MemberStatus status;
  status.cluster_id = config.cluster_id;
  status.id = config.raft.id;
  status.leader = leader();
  status.role = raft::role_name(state);
  status.term = state.term;
  status.first = state.log.first();
  status.last = state.log.last();
  status.commit = state.commit;
  status.applied = applied.index;
  status.snapshot = state.log.snapshot().index;
  status.log_memory_bytes = state.log.bytes();
  status.revision = machine->view()->revision();
  status.members = state.log.members();
  status.full = state.life.full;
  status.incarnation = state.life.incarnation;
  status.waits_for = waits_for();
  status.pending_writes = writes.size();
  status.failed_writes = failed_writes;
  status.retried_writes = retried_writes;
  status.operations = operations_before;
  status.operations += machine->operations();
  status.space = raft::own_space(state);
  status.space_for_writes = raft::space_for_commands(state);
  if (const raft::Leader* leading = raft::as_leader(state)) {
    for (const raft::Progress& peer : leading->peers) {
      const bool active = now - peer.last_contact < config.raft.election_timeout;
      const bool behind = is_behind(peer, now, config.behind_after);
      status.followers.push_back({peer.id, peer.match, peer.next, mode_name(peer.mode), active, peer.full,
                                  peer.space, behind, behind && active ? why_stuck(peer) : ""});
    }
  }
  return status;
}

}  // namespace cairn::node
