// Space: a log whose disk is full. Its last room is kept for what makes room again and for the first entries
// of new leaders: commands that would only fill it are refused, by a leader to its clients, by a follower by
// not taking the entries. Votes need none. And whose disk is full, or hangs, does not have to lead.
#include <algorithm>

#include "base/reached.h"
#include "raft/members.h"
#include "raft/turn.h"

namespace cairn::raft {
namespace {

// Of the room reported, what nothing under way has a claim on.
std::uint64_t room_left(const State& s) {
  const std::uint64_t asked = s.durability.outstanding_bytes() + s.log.bytes_after(s.unwritten.prev()) +
                              s.config.write_overhead_bytes;
  return s.room.bytes > asked ? s.room.bytes - asked : 0;
}

// Beyond: how much must still be there afterwards.
std::uint64_t reserve_behind(const State& s, EntryType type) {
  return type == EntryType::command ? s.config.election_reserve_bytes : 0;
}

bool has_space(const State& s, Space space) { return space_for_commands(s) <= space; }

// Long enough for the successor to be elected, or for the reason to pass.
Duration relief_interval(const State& s) { return 4 * s.config.election_timeout; }

}  // namespace

void room_reported(Turn& turn, const Room& room) {
  State& s = turn.state;
  const bool was_low = s.room.low;
  if (was_low && !room.low) REACHED("raft.space.back");
  s.room = room;
  if (was_low != room.low)
    trace(turn, room.low ? "the disk gives the log no more room" : "the disk has room again");
}

// The disk gives more as long as it is not said to be full.
Space own_space(const State& s) {
  if (!s.room.low) return Space::plenty;
  return room_left(s) > s.config.election_reserve_bytes ? Space::low : Space::none;
}

Space space_for_commands(const State& s) {
  const Leader* leader = as_leader(s);
  const auto worth = [](Space space) {
    return static_cast<std::uint64_t>(Space::none) - static_cast<std::uint64_t>(space);
  };
  std::uint64_t value = worth(own_space(s));
  if (leader != nullptr) {
    const std::uint64_t others = quorum_value(s.log.members(), [&](NodeId id) {
      const Progress* peer = leader->find(id);
      return worth(peer == nullptr ? own_space(s) : peer->space);
    });
    value = std::min(value, others);
  }
  return static_cast<Space>(worth(static_cast<Space>(value)));
}

std::size_t entries_that_fit(const State& s, const std::vector<Entry>& entries, std::size_t from) {
  if (!s.room.low) return entries.size() - from;
  std::uint64_t left = room_left(s);
  std::size_t count = 0;
  for (; from + count < entries.size(); ++count) {
    const Entry& entry = entries[from + count];
    if (entry.index <= s.log.last() && s.log.matches(entry.index, entry.term)) continue;
    if (left < size_bytes(entry) + reserve_behind(s, entry.type)) {
      REACHED("raft.space.entries_left_out");
      break;
    }
    left -= size_bytes(entry);
  }
  return count;
}

std::optional<Index> no_room_from(const State& s) {
  if (is_leader(s)) return std::nullopt;
  if (s.snapshot_left_out) return s.log.last().next();
  if (!s.room.low) return std::nullopt;
  if (s.left_out > s.log.last()) return s.left_out;
  if (own_space(s) == Space::none) return s.log.last().next();
  return std::nullopt;
}

bool takes(const State& s, const Propose& proposal) {
  if (has_space(s, Space::plenty)) return true;
  if (!proposal.frees || !has_space(s, Space::low)) return false;
  const std::uint64_t size = proposal.data == nullptr ? 0 : proposal.data->size();
  return !s.room.low || room_left(s) >= size + reserve_behind(s, EntryType::command);
}

bool outgrows_room(const State& s, const Propose& proposal) {
  if (s.room.low || s.durability.outstanding_bytes() == 0) return false;
  return room_left(s) < (proposal.data == nullptr ? 0 : proposal.data->size());
}

bool takes_first_entry(const State& s) { return !s.room.low || room_left(s) > 0; }

void on_space_told(Turn& turn, Progress* peer, Space space) {
  if (peer->space == space) return;
  peer->space = space;
  constexpr const char* kNames[] = {"has space", "has little space", "has no space"};
  trace(turn, peer->id, " ", kNames[static_cast<std::size_t>(space)]);
}

void relieve_leader(Turn& turn, Leader* leader) {
  State& s = turn.state;
  if (leader->transfer) return;
  if (!disk_answers(s)) {
    if (const NodeId to = best_successor(s, *leader, Space::none); to.v != 0) {
      REACHED("raft.leader.hands_over_hung");
      trace(turn, "own disk hangs");
      on_transfer(turn, TransferLeadership{to});
    }
    return;
  }
  if (own_space(s) == Space::plenty || s.now < leader->relief_at) return;
  const NodeId to = best_successor(s, *leader, Space::plenty);
  if (to.v == 0) return;
  leader->relief_at = s.now + relief_interval(s);
  REACHED("raft.space.hands_over");
  trace(turn, "own disk is full");
  on_transfer(turn, TransferLeadership{to});
}

}  // namespace cairn::raft
