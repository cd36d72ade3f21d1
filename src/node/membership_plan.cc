// What a change of the membership would make of the voters and learners, and why not.
#include <algorithm>
#include <variant>

#include "base/hex_id.h"
#include "node/membership.h"
#include "node/membership_about.h"
#include "raft/members.h"
#include "raft/state.h"

namespace cairn::node {
namespace {

using raft::NodeId;
using Verdict = std::optional<NoPlan>;

bool contains(const std::vector<NodeId>& list, NodeId id) {
  return std::binary_search(list.begin(), list.end(), id);
}

void erase(std::vector<NodeId>* list, NodeId id) { std::erase(*list, id); }

std::string named(NodeId id) { return "member " + hex_id(id.v); }

Verdict refuse(MembershipRefusal refusal, std::string why) { return NoPlan{refusal, std::move(why)}; }

// It hears the leader and is heard, and what it acknowledges counts.
bool counts(const raft::State& state, NodeId id) {
  if (id == state.config.id) return state.life.full;
  const raft::Progress* peer = raft::as_leader(state)->find(id);
  return peer != nullptr && raft::counts_now(state, *peer);
}

// Of a learner: whether it may become a voter without everybody having to wait for it.
Verdict is_behind(const raft::State& state, NodeId id, std::uint64_t lag_max) {
  const raft::Progress* peer = raft::as_leader(state)->find(id);
  const auto not_yet = [&](const std::string& why) {
    return refuse(MembershipRefusal::not_caught_up, named(id) + " has not caught up: " + why);
  };
  if (peer == nullptr || !raft::answers(state, *peer)) return not_yet("it does not answer");
  if (peer->mode == raft::Progress::Mode::snapshot)
    return not_yet("a snapshot up to index " + std::to_string(peer->snapshot_index.v) +
                   " is on its way to it");
  const std::uint64_t lag = state.log.last().v - peer->match.v;
  if (lag > lag_max)
    return not_yet("it lacks " + std::to_string(lag) +
                   " entries, and may be promoted when it lacks no more than " + std::to_string(lag_max));
  if (!peer->full)
    return not_yet("it is not known yet to remember what it acknowledges; this takes a moment");
  return std::nullopt;
}

// Without a majority that answers, of what is now and of what comes of it, the change would be stuck, and
// with it the cluster.
Verdict has_no_quorum(const raft::State& state, const std::vector<NodeId>& voters, const std::string& when) {
  const auto answering =
      std::count_if(voters.begin(), voters.end(), [&](NodeId id) { return counts(state, id); });
  if (2 * static_cast<std::size_t>(answering) > voters.size()) return std::nullopt;
  return refuse(MembershipRefusal::no_quorum,
                "only " + std::to_string(answering) + " of the " + std::to_string(voters.size()) +
                    " voters " + when + " answer: start the others, or remove those that are gone first");
}

class Planning {
 public:
  Planning(const ChangeMembership& change, const raft::State& state, const Membership::Limits& limits)
      : change_(change), state_(state), limits_(limits), now_(state.log.members()) {
    next_.voters = now_.voters;
    next_.learners = now_.learners;
  }

  Verdict verdict() {
    switch (change_.kind) {
      case MembershipKind::add_learner:
        return add();
      case MembershipKind::promote:
        return promote();
      case MembershipKind::remove:
        return remove();
      case MembershipKind::update:
        return update();
      case MembershipKind::replace:
        return replace();
    }
    return refuse(MembershipRefusal::invalid, "no such change");
  }
  raft::ChangeMembers next() { return std::move(next_); }

 private:
  NodeId member() const { return change_.member; }
  void say_about() { next_.about.push_back({member(), updated(now_, member(), change_.about)}); }

  Verdict fits() const {
    if (change_.about.size() <= state_.config.about_bytes_max) return std::nullopt;
    return refuse(MembershipRefusal::invalid, std::to_string(change_.about.size()) + " bytes about " +
                                                  named(member()) + ": at most " +
                                                  std::to_string(state_.config.about_bytes_max) + " fit");
  }
  Verdict is_somebody_elses() const {
    const auto other = who_is_reached_there(now_, member(), change_.about);
    if (!other) return std::nullopt;
    return refuse(MembershipRefusal::address_taken, named(*other) + " is reached there");
  }
  Verdict is_no_member() const {
    if (raft::is_member(now_, member())) return std::nullopt;
    return refuse(MembershipRefusal::no_member, named(member()) + " is no member");
  }
  Verdict quorum_is_kept() const {
    if (next_.voters.empty()) return refuse(MembershipRefusal::nobody_votes, "nobody would be left to vote");
    if (auto missing = has_no_quorum(state_, next_.voters, "that there would be")) return missing;
    return has_no_quorum(state_, now_.voters, "that there are");
  }

  Verdict add() {
    if (member().v == 0) return refuse(MembershipRefusal::invalid, "a member's id is not 0");
    if (raft::is_member(now_, member()))
      return refuse(MembershipRefusal::already_member, named(member()) + " is a member already");
    if (now_.learners.size() >= limits_.learners_max)
      return refuse(MembershipRefusal::many_learners,
                    std::to_string(now_.learners.size()) +
                        " members do not vote yet, and no more can be added: promote or remove some");
    if (auto too_long = fits()) return too_long;
    if (auto taken = is_somebody_elses()) return taken;
    next_.learners.push_back(member());
    say_about();
    return std::nullopt;
  }
  Verdict becomes_voter() {
    if (auto stranger = is_no_member()) return stranger;
    if (!contains(now_.learners, member()))
      return refuse(MembershipRefusal::no_learner, named(member()) + " is no learner: it votes already");
    if (auto behind = is_behind(state_, member(), limits_.promotion_lag_max)) return behind;
    erase(&next_.learners, member());
    next_.voters.push_back(member());
    return std::nullopt;
  }
  Verdict promote() {
    if (auto refused = becomes_voter()) return refused;
    return quorum_is_kept();
  }
  Verdict remove() {
    if (auto stranger = is_no_member()) return stranger;
    const bool votes = contains(now_.voters, member());
    erase(&next_.voters, member());
    erase(&next_.learners, member());
    return votes ? quorum_is_kept() : std::nullopt;
  }
  Verdict update() {
    if (auto stranger = is_no_member()) return stranger;
    if (auto too_long = fits()) return too_long;
    if (auto taken = is_somebody_elses()) return taken;
    say_about();
    return std::nullopt;
  }
  Verdict replace() {
    if (!contains(now_.voters, change_.replaced))
      return refuse(MembershipRefusal::no_voter, named(change_.replaced) + " is no voter");
    if (auto refused = becomes_voter()) return refused;
    erase(&next_.voters, change_.replaced);
    return quorum_is_kept();
  }

  const ChangeMembership& change_;
  const raft::State& state_;
  const Membership::Limits& limits_;
  const raft::Members& now_;
  raft::ChangeMembers next_;
};

}  // namespace

std::variant<raft::ChangeMembers, NoPlan> plan(const ChangeMembership& change, const raft::State& state,
                                               const Membership::Limits& limits) {
  if (!raft::is_leader(state)) return NoPlan{MembershipRefusal::not_leader, "this member does not lead"};
  if (!raft::may_change_members(state))
    return NoPlan{
        MembershipRefusal::busy,
        "another change of the members is under way, or the leader is only just elected or hands over; "
        "try again in a moment"};
  Planning planning(change, state, limits);
  if (Verdict refused = planning.verdict()) return *std::move(refused);
  return planning.next();
}

}  // namespace cairn::node
