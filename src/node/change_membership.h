// What an operator asks of the membership, and what becomes of it. Plain values.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/time.h"
#include "raft/types.h"

namespace cairn::node {

// The numbers of these enumerations are those of questions among members.
enum class MembershipKind : std::uint8_t {
  add_learner,  // `member`, with `about`
  promote,      // the learner `member`, which has to have caught up
  remove,       // `member`: a learner, a voter, the leader itself, which then hands over
  update,       // what is said `about` `member`
  replace,      // the voter `replaced` by the learner `member`, in one joint step
};

enum class MembershipRefusal : std::uint8_t {
  none,
  not_leader,      // another member has to be asked
  busy,            // a change is under way, or this leader has only just been elected
  no_member,       // whom it is about
  already_member,  // who is to be added
  no_learner,      // who is to be promoted
  no_voter,        // who is to be replaced
  not_caught_up,   // who is to be promoted
  no_quorum,       // too few voters of what would come of it answer
  invalid,         // nobody would be left to vote, or more is said than fits
  overtaken,       // it was in a log that another leader's has replaced: it was not made, and will not be
  overloaded,      // too many changes wait
  no_leader,       // and none came in time
  nobody_votes,    // of what would come of it
  many_learners,   // and no more can be added
  address_taken,   // another member is reached there
};

struct MembershipOutcome {
  enum class Kind : std::uint8_t {
    made,     // and in force: committed, and applied here
    refused,  // it is in no log
    unknown,  // leadership was lost, or time is up: it may have been made
  };
  Kind kind = Kind::made;
  MembershipRefusal refusal = MembershipRefusal::none;
  std::string why{};        // of a refusal: a sentence
  raft::NodeId leader{};    // 0: not known
  raft::Members members{};  // made: what is in force
};

struct ChangeMembership {
  MembershipKind kind = MembershipKind::add_learner;
  raft::NodeId member, replaced{};
  std::string about{};  // opaque: raft::About
  Time deadline;        // afterwards the outcome is unknown
  // Called once, never from within the call that asks; or destroyed uncalled, with the Node.
  std::function<void(MembershipOutcome)> done;
};

}  // namespace cairn::node
