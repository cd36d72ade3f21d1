#include "sim/operator.h"

#include <algorithm>
#include <chrono>

#include "base/reached.h"
#include "raft/members.h"
#include "raft/state.h"
#include "sim/member.h"

namespace cairn::sim {

using node::MembershipKind;
using raft::NodeId;
using std::chrono::milliseconds;

namespace {

const char* name_of(MembershipKind kind) {
  switch (kind) {
    case MembershipKind::add_learner:
      return "asks to add";
    case MembershipKind::promote:
      return "asks to promote";
    case MembershipKind::remove:
      return "asks to remove";
    case MembershipKind::update:
      return "asks to update";
    case MembershipKind::replace:
      return "asks to replace by";
  }
  return "asks";
}

void note_made(MembershipKind kind, bool was_leader) {
  if (kind == MembershipKind::add_learner) REACHED("sim.members.added");
  if (kind == MembershipKind::promote) REACHED("sim.members.promoted");
  if (kind == MembershipKind::remove && !was_leader) REACHED("sim.members.removed");
  if (kind == MembershipKind::remove && was_leader) REACHED("sim.members.removed_leader");
  if (kind == MembershipKind::update) REACHED("sim.members.updated");
  if (kind == MembershipKind::replace && !was_leader) REACHED("sim.members.replaced");
  if (kind == MembershipKind::replace && was_leader) REACHED("sim.members.replaced_leader");
}

}  // namespace

void Operator::start() {
  const auto mean = static_cast<std::uint64_t>(world_.options.faults.churn.count());
  if (mean == 0) return;
  world_.schedule.after(Duration(static_cast<std::int64_t>(prng_.below(2 * mean) + 1)), [this] {
    if (stopped_) return;
    act();
    start();
  });
}

// Asks who leads, or thinks so; now and then somebody else.
void Operator::act() {
  judge_refusals();
  Member* asked = nullptr;
  for (const auto& member : world_.members) {
    if (!member->is_up() || !member->is_leader()) continue;
    const bool is_later =
        asked == nullptr || member->node().core().state().term > asked->node().core().state().term;
    if (is_later || prng_.chance(1, 8)) asked = member.get();
  }
  if (asked == nullptr || prng_.chance(1, 20)) asked = &world_.member(world_.any_member(&prng_));
  if (!asked->is_up()) return;
  node::ChangeMembership change;
  if (!choose(asked->node().core().state(), &change)) return;
  if (would_leave_too_few(asked->node().core().state().log.members(), change)) return;
  ++world_.counters.membership_asked;
  world_.note(asked->id(), name_of(change.kind),
              {{"member", change.member.v}, {"replaced", change.replaced.v}});
  change.deadline = asked->local(world_.schedule.now() + 5 * world_.options.election_timeout);
  const bool removes = change.kind == MembershipKind::remove || change.kind == MembershipKind::replace;
  if (removes) world_.moved_at = world_.schedule.now();
  if (change.kind == MembershipKind::remove)
    world_.leaves_by[change.member.v] = world_.schedule.now() + 6 * world_.options.election_timeout;
  const NodeId leaves = change.kind == MembershipKind::replace ? change.replaced : change.member;
  const bool was_leader = leaves.v == asked->id();
  change.done = [this, kind = change.kind, member = change.member, replaced = change.replaced,
                 was_leader](const node::MembershipOutcome& outcome) {
    if (outcome.kind == node::MembershipOutcome::Kind::made) note_made(kind, was_leader);
    node::ChangeMembership asked_for;
    asked_for.kind = kind;
    asked_for.member = member;
    asked_for.replaced = replaced;
    answered(asked_for, outcome);
  };
  ask(*asked, std::move(change));
}

// As the leader that it is, or as a client would: any member, which asks whoever leads for as long as it
// takes; now and then twice, as who heard no answer does.
void Operator::ask(Member& leader, node::ChangeMembership change) {
  const bool is_twice = prng_.chance(1, 8);
  if (change.kind == MembershipKind::add_learner) asked_to_add_[change.member.v] += is_twice ? 2 : 1;
  if (is_twice) leader.deliver(node::MembershipCall{change});
  if (prng_.chance(1, 2)) return leader.deliver(std::move(change));
  Member& other = world_.member(world_.any_member(&prng_));
  if (!other.is_up() || &other == &leader) return leader.deliver(node::MembershipCall{std::move(change)});
  REACHED("sim.members.asked_elsewhere");
  change.deadline = other.local(world_.schedule.now() + 5 * world_.options.election_timeout);
  other.deliver(node::MembershipCall{std::move(change)});
}

bool Operator::choose(const raft::State& leader, node::ChangeMembership* change) {
  const raft::Members& members = leader.log.members();
  if (prng_.chance(1, 10)) {
    const std::vector<NodeId> all = raft::all_members(members);
    if (all.empty()) return false;
    change->kind = MembershipKind::update;
    change->member = all[prng_.below(all.size())];
    change->about = Member::about(change->member.v, ++moves_);
    return true;
  }
  const std::uint64_t aim = std::max<std::uint64_t>(world_.options.members, 3);
  const bool grows = members.voters.size() + members.learners.size() < aim || prng_.chance(1, 2);
  if (!members.learners.empty() && prng_.chance(1, 2)) {
    change->member = members.learners[prng_.below(members.learners.size())];
    change->kind = MembershipKind::promote;
    if (members.voters.size() < aim || members.voters.empty()) return true;
    change->kind = MembershipKind::replace;
    change->replaced = members.voters[prng_.below(members.voters.size())];
    return true;
  }
  return grows ? choose_growth(members, change) : choose_removal(leader, change);
}

// Who remember, as only the world knows: the fault plan keeps those who do not a minority of what there is,
// and an operator is to leave it one.
bool Operator::would_leave_too_few(const raft::Members& members, const node::ChangeMembership& change) const {
  std::vector<NodeId> voters = members.voters;
  const NodeId leaves = change.kind == MembershipKind::replace ? change.replaced : change.member;
  const bool removes = change.kind == MembershipKind::remove || change.kind == MembershipKind::replace;
  if (removes) std::erase(voters, leaves);
  const bool adds = change.kind == MembershipKind::promote || change.kind == MembershipKind::replace;
  if (adds) voters.push_back(change.member);
  const auto forgetting = std::count_if(voters.begin(), voters.end(),
                                        [this](NodeId id) { return !world_.member(id.v).remembers(); });
  return (removes || adds) && forgetting > 0 && 2 * static_cast<std::size_t>(forgetting) >= voters.size();
}

bool Operator::choose_growth(const raft::Members& members, node::ChangeMembership* change) {
  constexpr std::size_t kLearnersMax = 2;
  if (members.learners.size() >= kLearnersMax) return false;
  const std::uint64_t id = next_machine(members);
  if (id == 0) return false;
  world_.member(id).install();
  world_.member(id).start();
  change->kind = MembershipKind::add_learner;
  change->member = NodeId{id};
  change->about = Member::about(id, 0, prng_.chance(1, 3));
  return true;
}

bool Operator::choose_removal(const raft::State& leader, node::ChangeMembership* change) {
  const raft::Members& members = leader.log.members();
  change->kind = MembershipKind::remove;
  const bool a_learner = !members.learners.empty() && prng_.chance(1, 4);
  const std::vector<NodeId>& from = a_learner ? members.learners : members.voters;
  if (!a_learner && members.voters.size() < 2) return false;
  change->member = prng_.chance(1, 3) && !a_learner ? leader.config.id : from[prng_.below(from.size())];
  return true;
}

// One that never was a member; 0: none is left.
std::uint64_t Operator::next_machine(const raft::Members& members) {
  for (std::uint64_t id = world_.options.members + 1; id <= world_.members.size(); ++id) {
    const bool was_one = were_members_.contains(id) || raft::is_member(members, NodeId{id}) ||
                         raft::is_member(world_.committed.members, NodeId{id});
    if (!was_one) return id;
  }
  return 0;
}

void Operator::answered(const node::ChangeMembership& change, const node::MembershipOutcome& outcome) {
  using Kind = node::MembershipOutcome::Kind;
  if (outcome.kind == Kind::refused) {
    ++world_.counters.membership_refused;
    if (change.kind == MembershipKind::add_learner) refused_.insert(change.member.v);
  }
  if (outcome.kind != Kind::made) return;
  ++world_.counters.membership_made;
  world_.moved_at = world_.schedule.now();
  for (const NodeId id : raft::all_members(outcome.members)) were_members_.insert(id.v);
  const bool removes = change.kind == MembershipKind::remove || change.kind == MembershipKind::replace;
  if (removes) retire(change.kind == MembershipKind::replace ? change.replaced.v : change.member.v);
}

// I26: who was asked for once, and refused, is no member, now or later.
void Operator::judge_refusals() {
  for (const std::uint64_t id : refused_)
    if (asked_to_add_[id] == 1 && raft::is_member(world_.committed.members, NodeId{id}))
      world_.judge.accuse("I26 what is refused is not made",
                          "member " + std::to_string(id) + " was to be added, refused, and is one");
}

void Operator::retire(std::uint64_t member) {
  const Duration soon = milliseconds(prng_.between(1, 3000));
  if (prng_.chance(1, 3)) return;  // nobody tells it
  world_.schedule.after(soon, [this, member] {
    if (raft::is_member(world_.committed.members, NodeId{member})) return;
    world_.member(member).die(Member::Death::kill);
  });
}

}  // namespace cairn::sim
