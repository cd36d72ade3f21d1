// States compared: the leader asks for the hash of the state at an index, a majority decides what it is, and
// who differs stops (F3). Members that differ would otherwise do so for ever, without a word.
#include <algorithm>

#include "raft/members.h"
#include "raft/quorum.h"
#include "raft/turn.h"

namespace cairn::raft {
namespace {

void differs(Turn& turn, Index index, std::uint64_t mine, std::uint64_t theirs) {
  std::ostringstream why;
  why << std::hex << "the state at index " << std::dec << index.v << std::hex << " has hash " << mine
      << " here and " << theirs << " at a majority";
  turn.out.diverged = why.str();
  trace(turn, why.str());
}

// The hash that a majority of voters has told, if there is one.
std::optional<std::uint64_t> agreed(const State& s, const StatePoll& poll) {
  for (const auto& [id, hash] : poll.told) {
    const Tally tally = quorum_vote(s.log.members(), [&poll, hash = hash](NodeId voter) {
      const auto told = poll.told.find(voter);
      return told != poll.told.end() && told->second == hash ? Tally::won : Tally::lost;
    });
    if (tally == Tally::won) return hash;
  }
  return std::nullopt;
}

void begin_poll(State* s, Leader* leader) {
  if (s->hashes.empty()) return;
  const StateHash& newest = s->hashes.back();
  if (newest.index == leader->agreed.index) return;
  leader->poll = StatePoll{newest.index, {{s->config.id, newest.hash}}, s->now};
}

}  // namespace

std::uint64_t state_hash_at(const State& state, Index index) {
  if (state.hashes.empty() || index < state.hashes.front().index || index > state.hashes.back().index)
    return 0;
  return state.hashes[index.v - state.hashes.front().index.v].hash;
}

void add_hashes(Turn& turn, const std::vector<StateHash>& hashes) {
  State& s = turn.state;
  for (const StateHash& each : hashes) {
    if (!s.hashes.empty() && each.index != s.hashes.back().index.next()) s.hashes.clear();
    s.hashes.push_back(each);
    if (each.index == s.expected.index && each.hash != s.expected.hash)
      differs(turn, each.index, each.hash, s.expected.hash);
  }
  while (s.hashes.size() > s.config.state_hashes_max) s.hashes.pop_front();
}

void compare_state(Turn& turn, const AppendRequest& request) {
  State& s = turn.state;
  if (request.state_index.v == 0 || request.state_index == s.expected.index) return;
  // Where this member has not come to, the comparison waits for it; one at a time.
  const bool waits = !s.hashes.empty() && s.expected.index > s.hashes.back().index;
  if (waits) return;
  s.expected = StateHash{request.state_index, request.state_hash};
  const std::uint64_t mine = state_hash_at(s, request.state_index);
  if (mine != 0 && mine != request.state_hash) differs(turn, request.state_index, mine, request.state_hash);
}

void poll_states(State* state, Leader* leader) {
  const bool stale =
      leader->poll.index.v == 0 || state->now >= leader->poll.since + state->config.election_timeout;
  if (stale) begin_poll(state, leader);
}

void on_state_told(Turn& turn, NodeId from, Index index, std::uint64_t hash) {
  State& s = turn.state;
  auto* leader = std::get_if<Leader>(&s.role);
  if (leader == nullptr || index.v == 0 || index != leader->poll.index) return;
  leader->poll.told[from] = hash;
  const auto truth = agreed(s, leader->poll);
  if (!truth) return;
  leader->agreed = StateHash{index, *truth};
  leader->poll = StatePoll{};
  const std::uint64_t mine = state_hash_at(s, index);
  if (mine != 0 && mine != *truth) differs(turn, index, mine, *truth);
}

}  // namespace cairn::raft
