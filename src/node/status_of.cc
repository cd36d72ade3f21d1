#include "node/status_of.h"

#include <algorithm>
#include <string_view>

#include "base/check.h"
#include "base/hex_id.h"
#include "node/waiting.h"
#include "raft/progress.h"
#include "raft/role.h"
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

std::string waits_for(const raft::State& state, const mvcc::MemberMap& members, const RefusedBy& refused_by) {
  Waiting waiting;
  waiting.refused_by = refused_by;
  waiting.waits = raft::waits_of(state);
  waiting.leader = state.leader;
  waiting.full = state.life.full;
  waiting.by_majority = state.config.form_with_majority;
  waiting.disk_answers = raft::disk_answers(state);
  waiting.name_of = [&members](raft::NodeId id) {
    const auto info = members.find(id.v);
    return info == members.end() ? hex_id(id.v) : info->second.name;
  };
  return in_words(waiting);
}

MemberNumbers numbers_of(const raft::State& state) {
  MemberNumbers numbers;
  numbers.id = state.config.id;
  numbers.leader = leader_of(state);
  numbers.is_learner = std::string_view(raft::role_name(state)) == "learner";
  numbers.term = state.term;
  numbers.first = state.log.first();
  numbers.last = state.log.last();
  numbers.commit = state.commit;
  numbers.snapshot = state.log.snapshot().index;
  numbers.memory.log_bytes = state.log.bytes();
  numbers.space = raft::own_space(state);
  numbers.space_for_writes = raft::space_for_commands(state);
  return numbers;
}

MemberStatus status_of(const raft::State& state, const MemberNumbers& numbers, const mvcc::View& view,
                       const RefusedBy& refused_by, Time now, Duration behind_after) {
  MemberStatus status;
  static_cast<MemberNumbers&>(status) = numbers;
  status.role = raft::role_name(state);
  status.revision = view.revision();
  status.members = state.log.members();
  status.full = state.life.full;
  status.incarnation = state.life.incarnation;
  if (status.leader.v == 0) status.leaderless_for = now - std::min(now, state.leader_contact);
  status.waits_for = waits_for(state, view.members(), refused_by);
  if (const raft::Leader* leading = raft::as_leader(state)) {
    for (const raft::Progress& peer : leading->peers) {
      const bool active = raft::answers(state, peer);
      const bool behind = is_behind(peer, now, behind_after);
      status.followers.push_back({peer.id, peer.match, peer.next, mode_name(peer.mode),
                                  peer.incarnation.v != 0, active, peer.current && peer.full, peer.space,
                                  behind, behind && active ? why_stuck(peer) : "", peer.incarnation,
                                  peer.current});
    }
  }
  return status;
}

}  // namespace cairn::node
