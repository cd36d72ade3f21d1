// The first election of a cluster's life. Its members know nobody and have promised nothing, so a majority
// alone would not do: a member of an earlier cluster whose directory was wiped looks the same. All of them
// have to be there, and vote on a ballot that names the incarnation of each: docs/adr/0013.
#include <algorithm>

#include "raft/members.h"
#include "raft/turn.h"

namespace cairn::raft {
namespace {

bool lists(const std::vector<Recorded>& ballot, NodeId id, Incarnation incarnation) {
  return std::any_of(ballot.begin(), ballot.end(),
                     [&](const Recorded& each) { return each.id == id && each.incarnation == incarnation; });
}

}  // namespace

bool was_founded_with(const State& s, const VoteRequest& request) {
  return is_unformed(s) && !request.form &&
         std::any_of(request.ballot.begin(), request.ballot.end(), [&s](const Recorded& each) {
           return each.founding && each.id == s.config.id && each.incarnation == s.life.incarnation;
         });
}

const char* why_not_form(const State& s, const Message& message, const VoteRequest& request) {
  if (!is_unformed(s)) return "refused: has been formed";
  if (request.pre) return nullptr;
  const bool listed = lists(request.ballot, s.config.id, s.life.incarnation) &&
                      lists(request.ballot, message.from, message.life.incarnation);
  return listed ? nullptr : "refused: not on the ballot";
}

std::vector<Recorded> ballot_for(const State& s, const Candidate& candidate) {
  std::vector<Recorded> ballot;
  if (candidate.form) {
    for (const auto& [id, incarnation] : candidate.founders) ballot.push_back({id, incarnation, true});
    return ballot;
  }
  for (const Recorded& each : s.log.members().incarnations) {
    if (each.founding) ballot.push_back(each);
  }
  return ballot;
}

Tally count_founders(const State& s, const Candidate& candidate, bool patient) {
  const std::vector<NodeId>& voters = s.log.members().voters;
  std::size_t granted = 0;
  for (const NodeId voter : voters) {
    const auto vote = candidate.votes.find(voter);
    if (vote == candidate.votes.end()) continue;
    if (!vote->second) return Tally::lost;
    ++granted;
  }
  // On the ballot are all who were asked for their votes.
  const std::size_t all = candidate.pre ? voters.size() : candidate.founders.size();
  if (granted == all) return Tally::won;
  const bool enough = s.config.form_with_majority && candidate.pre && granted > voters.size() / 2;
  return enough && !patient ? Tally::won : Tally::pending;
}

}  // namespace cairn::raft
