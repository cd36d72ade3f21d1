#include "raft/quorum.h"

#include <algorithm>
#include <array>

namespace cairn::raft {
namespace {

// The element that voters.size()/2 + 1 elements are at least as large as.
std::uint64_t reached_by_majority(std::uint64_t* values, std::size_t count) {
  std::sort(values, values + count, std::greater<>());
  return values[count / 2];
}

}  // namespace

std::uint64_t majority_value(const std::vector<NodeId>& voters, const ValueOf& value_of) {
  if (voters.empty()) return kEverything;
  std::array<std::uint64_t, 9>
      few;  // every acknowledgement comes through here: no allocation for usual sizes
  if (voters.size() <= few.size()) {
    std::transform(voters.begin(), voters.end(), few.begin(), value_of);
    return reached_by_majority(few.data(), voters.size());
  }
  std::vector<std::uint64_t> many(voters.size());
  std::transform(voters.begin(), voters.end(), many.begin(), value_of);
  return reached_by_majority(many.data(), many.size());
}

std::uint64_t joint_value(const std::vector<NodeId>& voters, const std::vector<NodeId>& voters_old,
                          const ValueOf& value_of) {
  return std::min(majority_value(voters, value_of), majority_value(voters_old, value_of));
}

Tally majority_vote(const std::vector<NodeId>& voters, const VoteOf& vote_of) {
  if (voters.empty()) return Tally::won;
  std::size_t won = 0;
  std::size_t lost = 0;
  for (const NodeId voter : voters) {
    const Tally vote = vote_of(voter);
    won += vote == Tally::won ? 1 : 0;
    lost += vote == Tally::lost ? 1 : 0;
  }
  const std::size_t majority = voters.size() / 2 + 1;
  if (won >= majority) return Tally::won;
  return voters.size() - lost < majority ? Tally::lost : Tally::pending;
}

Tally joint_vote(const std::vector<NodeId>& voters, const std::vector<NodeId>& voters_old,
                 const VoteOf& vote_of) {
  const Tally incoming = majority_vote(voters, vote_of);
  const Tally outgoing = majority_vote(voters_old, vote_of);
  if (incoming == outgoing) return incoming;
  return incoming == Tally::lost || outgoing == Tally::lost ? Tally::lost : Tally::pending;
}

}  // namespace cairn::raft
