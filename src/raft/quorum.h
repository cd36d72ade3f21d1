// Quorums: what a majority, or both majorities of a joint configuration, agree on. Pure functions on sorted
// lists. An empty half decides nothing: it agrees to everything (so a configuration that is not joint needs
// no special case).
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "raft/types.h"

namespace cairn::raft {

enum class Tally : std::uint8_t { pending, won, lost };

inline constexpr std::uint64_t kEverything = std::numeric_limits<std::uint64_t>::max();

// A number per voter: its durable log index, its acknowledged read round, the time it was last heard of.
// 0 stands for "nothing known".
using ValueOf = std::function<std::uint64_t(NodeId)>;
// granted, refused, or not answered yet (pending).
using VoteOf = std::function<Tally(NodeId)>;

// The largest value that a majority has reached; kEverything for no voters.
std::uint64_t majority_value(const std::vector<NodeId>& voters, const ValueOf& value_of);
// The largest value that both halves have reached.
std::uint64_t joint_value(const std::vector<NodeId>& voters, const std::vector<NodeId>& voters_old,
                          const ValueOf& value_of);
inline std::uint64_t quorum_value(const Members& members, const ValueOf& value_of) {
  return joint_value(members.voters, members.voters_old, value_of);
}

// Won for no voters.
Tally majority_vote(const std::vector<NodeId>& voters, const VoteOf& vote_of);
// Lost as soon as one half is lost, won when both are.
Tally joint_vote(const std::vector<NodeId>& voters, const std::vector<NodeId>& voters_old,
                 const VoteOf& vote_of);
inline Tally quorum_vote(const Members& members, const VoteOf& vote_of) {
  return joint_vote(members.voters, members.voters_old, vote_of);
}

}  // namespace cairn::raft
