#include "node/membership_calls.h"

#include <algorithm>
#include <climits>
#include <utility>

#include "base/check.h"
#include "base/reached.h"
#include "proto/note.pb.h"

namespace cairn::node {
namespace {

using Kind = MembershipOutcome::Kind;

template <class Message>
bool parse(std::string_view body, Message* message) {
  return body.size() <= INT_MAX && message->ParseFromArray(body.data(), static_cast<int>(body.size()));
}

MembershipOutcome refused(MembershipRefusal refusal, std::string why) {
  return {.kind = Kind::refused, .refusal = refusal, .why = std::move(why)};
}

// It has surely not been made, and may be in a moment.
bool is_to_be_asked_again(MembershipRefusal refusal) {
  return refusal == MembershipRefusal::busy || refusal == MembershipRefusal::not_leader ||
         refusal == MembershipRefusal::overtaken;
}

}  // namespace

void MembershipCalls::add(ChangeMembership change) {
  CHECK(change.done != nullptr);
  if (pending_.size() >= limits_.count) {
    REACHED("node.membership.too_many_calls");
    telling_.push_back(
        {std::move(change.done), refused(MembershipRefusal::overloaded, "too many changes wait")});
    return;
  }
  pending_.push_back({.change = std::move(change)});
}

void MembershipCalls::send(const Standing& standing) {
  if (!standing.is_led()) return;
  for (Pending& each : pending_)
    if (!each.is_asked && each.leadership != standing.leadership) ask(&each, standing);
}

void MembershipCalls::ask(Pending* pending, const Standing& standing) {
  pending->is_asked = true;
  pending->leadership = standing.leadership;
  port_.ask({.kind = kMembershipQuestion,
             .body = encode_membership_question(pending->change),
             .deadline = pending->change.deadline,
             .done = [this, pending](const QuestionOutcome& outcome) { answered(pending, outcome); }});
}

void MembershipCalls::answered(Pending* pending, const QuestionOutcome& outcome) {
  pending->is_asked = false;
  if (outcome.refusal == NoAnswer::unknown_kind)
    return finish(pending, refused(MembershipRefusal::invalid,
                                   "the leader is of a version that cannot do that: update every member"));
  if (outcome.refusal == NoAnswer::too_large)
    return finish(pending, refused(MembershipRefusal::invalid, "more is said of the member than fits"));
  if (outcome.refusal) {
    if (may_have_been_done(*outcome.refusal)) return finish(pending, {.kind = Kind::unknown});
    REACHED("node.membership.asked_again");
    return;
  }
  auto answer = decode_membership_answer(outcome.body);
  if (!answer) return finish(pending, {.kind = Kind::unknown});
  if (answer->kind == Kind::refused && is_to_be_asked_again(answer->refusal)) {
    pending->why = std::move(answer->why);
    pending->refusal = answer->refusal;
    return;
  }
  finish(pending, *std::move(answer));
}

void MembershipCalls::finish(Pending* pending, MembershipOutcome outcome) {
  telling_.push_back({std::move(pending->change.done), std::move(outcome)});
  pending_.remove_if([pending](const Pending& each) { return &each == pending; });
}

void MembershipCalls::expire(const Standing& standing) {
  for (auto at = pending_.begin(); at != pending_.end();) {
    Pending& each = *at++;
    if (each.is_asked) continue;  // its question has the same deadline
    each.leadership = 0;          // once more
    if (each.change.deadline > standing.now) continue;
    const bool was_refused = each.refusal != MembershipRefusal::none;
    finish(&each, was_refused ? refused(each.refusal, each.why)
                              : refused(MembershipRefusal::no_leader, "there is no leader"));
  }
}

void MembershipCalls::end_turn() {
  for (Told& told : std::exchange(telling_, {})) told.done(std::move(told.outcome));
}

std::string encode_membership_question(const ChangeMembership& change) {
  note::MembershipQuestion message;
  message.set_kind(static_cast<std::uint32_t>(change.kind));
  message.set_member(change.member.v);
  message.set_replaced(change.replaced.v);
  message.set_about(change.about);
  return message.SerializeAsString();
}

std::optional<ChangeMembership> decode_membership_question(std::string_view body) {
  note::MembershipQuestion message;
  if (!parse(body, &message) || message.kind() > static_cast<std::uint32_t>(MembershipKind::replace))
    return std::nullopt;
  return ChangeMembership{.kind = static_cast<MembershipKind>(message.kind()),
                          .member = raft::NodeId{message.member()},
                          .replaced = raft::NodeId{message.replaced()},
                          .about = message.about(),
                          .deadline = {},
                          .done = {}};
}

std::string encode_membership_answer(const MembershipOutcome& outcome) {
  note::MembershipAnswer message;
  message.set_kind(static_cast<std::uint32_t>(outcome.kind));
  message.set_refusal(static_cast<std::uint32_t>(outcome.refusal));
  message.set_why(outcome.why);
  return message.SerializeAsString();
}

std::optional<MembershipOutcome> decode_membership_answer(std::string_view body) {
  note::MembershipAnswer message;
  if (!parse(body, &message) || message.kind() > static_cast<std::uint32_t>(Kind::unknown) ||
      message.refusal() > static_cast<std::uint32_t>(MembershipRefusal::address_taken))
    return std::nullopt;
  return MembershipOutcome{.kind = static_cast<Kind>(message.kind()),
                           .refusal = static_cast<MembershipRefusal>(message.refusal()),
                           .why = message.why()};
}

}  // namespace cairn::node
