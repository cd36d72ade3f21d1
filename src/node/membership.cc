#include "node/membership.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/reached.h"
#include "node/membership_about.h"
#include "raft/members.h"
#include "raft/state.h"

namespace cairn::node {
namespace {

MembershipOutcome refusal_of(MembershipRefusal refusal, std::string why, raft::NodeId leader) {
  return {
      .kind = MembershipOutcome::Kind::refused, .refusal = refusal, .why = std::move(why), .leader = leader};
}

MembershipRefusal refusal_of(raft::Refusal reason) {
  switch (reason) {
    case raft::Refusal::not_leader:
      return MembershipRefusal::not_leader;
    case raft::Refusal::invalid:
      return MembershipRefusal::invalid;
    case raft::Refusal::transferring:
    case raft::Refusal::busy:
      return MembershipRefusal::busy;
    case raft::Refusal::overloaded:
    case raft::Refusal::no_space:
      return MembershipRefusal::overloaded;
  }
  CHECK(false);
}

}  // namespace

void Membership::change(ChangeMembership change, const raft::State& state) {
  CHECK(change.done != nullptr);
  if (pending_.size() >= limits_.count) {
    telling_.push_back({std::move(change.done),
                        refusal_of(MembershipRefusal::overloaded, "too many changes wait", state.leader)});
    return;
  }
  auto planned = plan(change, state, limits_);
  if (auto* refused = std::get_if<NoPlan>(&planned)) {
    telling_.push_back(
        {std::move(change.done), refusal_of(refused->refusal, std::move(refused->why), state.leader)});
    return;
  }
  auto& input = std::get<raft::ChangeMembers>(planned);
  input.tag = ++last_tag_;
  pending_.push_back({input.tag, {}, false, change.deadline, std::move(change.done)});
  core_.step(std::move(input));
}

void Membership::promote_who_is_ready(const raft::State& state) {
  if (!raft::is_leader(state) || !raft::may_change_members(state)) return;
  for (const raft::NodeId id : state.log.members().learners) {
    if (!votes_when_ready(state.log.members(), id)) continue;
    const ChangeMembership promotion{.kind = MembershipKind::promote,
                                     .member = id,
                                     .replaced = {},
                                     .about = {},
                                     .deadline = {},
                                     .done = {}};
    auto planned = plan(promotion, state, limits_);
    auto* const input = std::get_if<raft::ChangeMembers>(&planned);
    if (input == nullptr) continue;
    REACHED("node.membership.promoted_by_itself");
    input->tag = ++last_tag_;  // nobody waits for it
    return core_.step(std::move(*input));
  }
}

void Membership::accepted(const raft::Accepted& change) {
  for (Pending& pending : pending_) {
    if (pending.tag == change.tag) pending.at = {change.term, change.index};
  }
}

void Membership::refused(const raft::Refused& change) {
  const auto found = std::find_if(pending_.begin(), pending_.end(),
                                  [&](const Pending& pending) { return pending.tag == change.tag; });
  if (found != pending_.end())
    finish(found, refusal_of(refusal_of(change.reason), "it cannot be made now", change.leader));
}

void Membership::applied(const std::vector<raft::Configuration>& configurations, raft::Index applied) {
  for (auto each = pending_.begin(); each != pending_.end();) {
    const auto pending = each++;
    if (pending->at.index.v == 0 || pending->at.index > applied) continue;
    const bool was_in = pending->is_in;
    for (const raft::Configuration& one : configurations)
      pending->is_in = pending->is_in || one.at == pending->at;
    if (!pending->is_in) {
      REACHED("node.membership.overtaken");
      finish(pending,
             refusal_of(MembershipRefusal::overtaken, "another leader was elected before it was made", {}));
      continue;
    }
    const bool is_settled = !configurations.empty() && !raft::is_joint(configurations.back().members);
    if (!is_settled && !was_in) REACHED("node.membership.joint");
    if (is_settled)
      finish(pending, {.kind = MembershipOutcome::Kind::made, .members = configurations.back().members});
  }
}

void Membership::obscured(raft::Index installed) {
  for (auto each = pending_.begin(); each != pending_.end();) {
    const auto pending = each++;
    if (pending->at.index.v != 0 && pending->at.index <= installed)
      finish(pending, {.kind = MembershipOutcome::Kind::unknown});
  }
}

void Membership::expire(Time now, raft::NodeId leader) {
  for (auto each = pending_.begin(); each != pending_.end();) {
    const auto pending = each++;
    if (now >= pending->deadline)
      finish(pending, {.kind = MembershipOutcome::Kind::unknown, .leader = leader});
  }
}

void Membership::finish(std::list<Pending>::iterator pending, MembershipOutcome outcome) {
  telling_.push_back({std::move(pending->done), std::move(outcome)});
  pending_.erase(pending);
}

void Membership::end_turn() {
  // Who is told may ask again.
  for (Told& told : std::exchange(telling_, {})) told.done(std::move(told.outcome));
}

}  // namespace cairn::node
