// Removal: whether this member was removed from its cluster. Its own log says so to a leader that removes
// itself; nobody else gets the entry, and learns it from the answers of those that it calls. One of them
// alone is not believed: more than half of the other voters have to say it, for a while, as a change that is
// only just being made may still be replaced. Owner: Runtime. Threading: the loop. Bounded: one time a member
// that this one dials.
#pragma once

#include <map>
#include <optional>

#include "base/time.h"
#include "raft/types.h"

namespace cairn::server {

class Removal {
 public:
  struct Limits {
    Duration certain_after = std::chrono::seconds(5);
  };
  Removal(raft::NodeId self, const Limits& limits) : self_(self), limits_(limits) {}

  // raft::Output::configurations: the first is committed.
  void configured(const std::vector<raft::Configuration>& configurations, Time now);
  void told(raft::NodeId by, Time now);
  void taken(raft::NodeId by) { told_.erase(by); }  // it hears this member
  bool is_certain(const raft::Members& members, Time now) const;

 private:
  bool is_old(Time since, Time now) const { return now - since >= limits_.certain_after; }

  const raft::NodeId self_;
  const Limits limits_;
  bool was_named_ = false;             // by a committed configuration
  std::optional<Time> left_at_;        // the own log names this member no more
  std::map<raft::NodeId, Time> told_;  // since when they say so
};

}  // namespace cairn::server
