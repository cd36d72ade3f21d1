// MembershipCalls: changes of the members that clients of this member ask for. Each goes to whoever leads,
// this member or another, as a question, and again for as long as it has surely not been made and may be
// later: no leader, another change under way. Owner: Node. Bounded by Limits; beyond, refused as overloaded.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/change_membership.h"
#include "node/question.h"
#include "node/standing.h"

namespace cairn::node {

inline constexpr QuestionKind kMembershipQuestion = 3;  // part of the protocol among members

class MembershipCalls {
 public:
  // Who carries questions to the leader. Implemented by Node.
  struct Port {
    virtual ~Port() = default;
    virtual void ask(LeaderQuestion question) = 0;
  };
  struct Limits {
    std::size_t count = 16;  // not answered yet
  };
  MembershipCalls(const Limits& limits, Port& port) : limits_(limits), port_(port) {}
  MembershipCalls(const MembershipCalls&) = delete;
  MembershipCalls& operator=(const MembershipCalls&) = delete;

  void add(ChangeMembership change);
  void send(const Standing& standing);    // once a turn
  void expire(const Standing& standing);  // may be left out; asks once more, too
  void end_turn();                        // who has an outcome is told
  bool wants_turn() const { return !telling_.empty(); }
  std::size_t pending() const { return pending_.size(); }

 private:
  struct Pending {
    ChangeMembership change;
    bool is_asked = false;
    std::uint64_t leadership = 0;  // under which it was asked last
    std::string why{};             // it was not made the last time
    MembershipRefusal refusal = MembershipRefusal::none;
  };
  struct Told {
    std::function<void(MembershipOutcome)> done;
    MembershipOutcome outcome;
  };
  void ask(Pending* pending, const Standing& standing);
  void answered(Pending* pending, const QuestionOutcome& outcome);
  void finish(Pending* pending, MembershipOutcome outcome);

  const Limits limits_;
  Port& port_;
  std::list<Pending> pending_;
  std::vector<Told> telling_;
};

// The bodies; nothing: they are none.
std::string encode_membership_question(const ChangeMembership& change);
std::optional<ChangeMembership> decode_membership_question(std::string_view body);
std::string encode_membership_answer(const MembershipOutcome& outcome);
std::optional<MembershipOutcome> decode_membership_answer(std::string_view body);

}  // namespace cairn::node
