#include "sim/checks/hung_leader.h"

#include <chrono>
#include <string>

namespace cairn::sim {

void HungLeaders::turn(raft::NodeId member, const raft::State& state) {
  const auto oldest = state.durability.oldest_outstanding();
  const bool hangs = oldest && state.now >= *oldest + 2 * state.config.election_timeout;
  if (!hangs || !raft::is_leader(state)) {
    hung_.erase(member);
    return;
  }
  Hung& hung = hung_[member];
  if (hung.term != state.term) hung = Hung{state.term};
  // Turns of one moment are one: a member that wakes up has several before it looks at its timers.
  if (state.now < hung.last + state.config.heartbeat_interval / 2) return;
  hung.last = state.now;
  if (++hung.turns < kTurns) return;
  judge_.accuse(
      "I22 no leader with a hung disk",
      "member " + std::to_string(member.v) + " still leads term " + std::to_string(state.term.v) + ", " +
          std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(state.now - *oldest).count()) +
          " ms after it asked for a write that is not durable yet");
}

}  // namespace cairn::sim
