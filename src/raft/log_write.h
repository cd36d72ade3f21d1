// What the core and the log say to each other: what is to be written, and how much room there is for it.
// Plain values; a header of its own, so that who writes logs need not see the core.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "raft/types.h"

namespace cairn::raft {

struct LogWrite {  // executed strictly in order of seq, all parts in the order listed here
  WriteSeq seq;
  std::optional<HardState> hard_state;
  std::optional<SnapshotMeta> reset_to;  // the log is emptied and goes on at reset_to.index + 1
  std::vector<Entry>
      entries;  // may begin at or before the last index: then the suffix from there is replaced
  std::optional<Index> drop_before;  // entries before this index are covered by a durable snapshot
};
struct Room {  // for the log, on the own disk
  // Can surely be written: when the disk gives no more (low); else, if nobody else fills it.
  std::uint64_t bytes = std::numeric_limits<std::uint64_t>::max();
  bool low = false;  // and the disk gives no more: what remains is for what makes room
  bool operator==(const Room&) const = default;
};

}  // namespace cairn::raft
