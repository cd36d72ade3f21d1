#include "sim/planned_change.h"

#include <algorithm>
#include <chrono>

#include "raft/members.h"
#include "raft/state.h"
#include "sim/member.h"

namespace cairn::sim {

using node::MembershipKind;
using raft::NodeId;

namespace {

constexpr int kElectionsBefore = 5;  // until somebody leads, and its clients have written something

Member* newest_leader(World& world) {
  Member* newest = nullptr;
  for (const auto& member : world.members) {
    if (!member->is_up() || !member->is_leader()) continue;
    const bool is_later =
        newest == nullptr || member->node().core().state().term > newest->node().core().state().term;
    if (is_later) newest = member.get();
  }
  return newest;
}

}  // namespace

bool PlannedChange::has_joiner() const {
  const Change change = world_.options.plan.change;
  return change != Change::remove && change != Change::remove_leader;
}

bool PlannedChange::has_leaver() const {
  const Change change = world_.options.plan.change;
  return change != Change::add && change != Change::promote;
}

void PlannedChange::start() {
  if (world_.options.plan.change == Change::none) return;
  if (has_joiner()) {
    world_.member(joiner().v).install();
    world_.member(joiner().v).start();
  }
  world_.schedule.after(kElectionsBefore * world_.options.election_timeout, [this] { look(); });
}

// Every now and then, as an operator does.
void PlannedChange::look() {
  world_.schedule.after(world_.options.heartbeat_interval, [this] { look(); });
  if (begun_at_ != 0 && !settled_after_ && in_force() && everybody_knows())
    settled_after_ = world_.schedule.events() - begun_at_;
  Member* const leader = newest_leader(world_);
  if (leader == nullptr || world_.schedule.now() < asked_until_) return;
  if (begun_at_ == 0 && !is_ready()) {
    if (!raft::is_member(world_.committed.members, joiner())) ask(*leader, to_add());
    return;
  }
  if (begun_at_ == 0) begin(*leader);
  if (!in_force()) ask(*leader, wanted());
}

// Of a change that needs a learner: it is one, and has all that there is.
bool PlannedChange::is_ready() const {
  if (world_.options.plan.change == Change::add || !has_joiner()) return true;
  const Member& member = world_.member(joiner().v);
  return raft::is_member(world_.committed.members, joiner()) && member.is_up() && member.remembers() &&
         member.node().view()->applied_index() >= world_.committed.at.index.v;
}

void PlannedChange::begin(const Member& leader) {
  const Change change = world_.options.plan.change;
  before_ = world_.committed.members;
  leader_ = leader.id();
  const bool leads = change == Change::remove_leader || change == Change::replace_leader;
  for (const NodeId id : before_.voters)
    if ((id.v == leader_) == leads) leaver_ = id.v;
  begun_at_ = world_.schedule.events();
}

node::ChangeMembership PlannedChange::to_add() const {
  node::ChangeMembership change;
  change.kind = MembershipKind::add_learner;
  change.member = joiner();
  change.about = Member::about(joiner().v, 0);
  return change;
}

node::ChangeMembership PlannedChange::wanted() const {
  if (world_.options.plan.change == Change::add) return to_add();
  node::ChangeMembership change;
  change.kind = !has_joiner()  ? MembershipKind::remove
                : has_leaver() ? MembershipKind::replace
                               : MembershipKind::promote;
  change.member = has_joiner() ? joiner() : NodeId{leaver_};
  if (change.kind == MembershipKind::replace) change.replaced = NodeId{leaver_};
  return change;
}

void PlannedChange::ask(Member& leader, node::ChangeMembership change) {
  asked_until_ = world_.schedule.now() + 2 * world_.options.election_timeout;
  world_.moved_at = world_.schedule.now();
  if (has_leaver()) world_.leaves_by[leaver_] = asked_until_ + 4 * world_.options.election_timeout;
  change.deadline = leader.local(asked_until_);
  change.done = [this](const node::MembershipOutcome&) {
    asked_until_ = world_.schedule.now();
    world_.moved_at = world_.schedule.now();
  };
  leader.deliver(std::move(change));
}

bool PlannedChange::in_force() const {
  if (begun_at_ == 0) return false;
  const raft::Members& now = world_.committed.members;
  std::vector<NodeId> voters = before_.voters, learners = before_.learners;
  if (has_leaver()) std::erase(voters, NodeId{leaver_});
  if (world_.options.plan.change == Change::add) {
    learners.push_back(joiner());
  } else if (has_joiner()) {
    std::erase(learners, joiner());
    voters.push_back(joiner());
  }
  std::sort(voters.begin(), voters.end());
  return !raft::is_joint(now) && now.voters == voters && now.learners == learners &&
         now.learners_next.empty();
}

bool PlannedChange::everybody_knows() const {
  const auto all = raft::all_members(world_.committed.members);
  return std::all_of(all.begin(), all.end(), [this](NodeId id) {
    const Member& member = world_.member(id.v);
    return member.is_up() && member.remembers() &&
           member.node().view()->applied_index() >= world_.committed.at.index.v;
  });
}

std::uint64_t PlannedChange::victim() const {
  switch (world_.options.plan.dies) {
    case PlanOptions::Who::leader:
      return leader_;
    case PlanOptions::Who::joiner:
      return joiner().v;
    case PlanOptions::Who::leaver:
      return leaver_;
    case PlanOptions::Who::other:
      break;
  }
  for (const NodeId id : before_.voters)
    if (id.v != leader_ && id.v != leaver_) return id.v;
  return 0;
}

void PlannedChange::after_event() {
  if (begun_at_ == 0 || died_ || world_.options.plan.at_event == 0) return;
  if (world_.schedule.events() - begun_at_ < world_.options.plan.at_event) return;
  died_ = true;
  Member& member = world_.member(victim());
  if (!member.is_up()) return;
  world_.note(member.id(), "dies as planned");
  member.die(Member::Death::power_cut);
  world_.schedule.after(world_.options.election_timeout, [&member] { member.start(); });
}

}  // namespace cairn::sim
