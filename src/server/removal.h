// Removal: whether this member was removed from its cluster. Its own log says so to a leader that removes
// itself; nobody else gets the entry, and learns it from the answers of those that it calls. One of them
// alone is not believed: more than half of the other voters have to say it, for a while, as a change that is
// only just being made may still be replaced. Of a cluster that has shrunk so many may not be left: then it
// is enough if for a longer while somebody says it and nobody hears this member. Owner: Runtime. Threading:
// the loop. Bounded: one time a member that this one dials.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "base/time.h"
#include "raft/types.h"

namespace cairn::server {

class Removal {
 public:
  struct Limits {
    Duration certain_after = std::chrono::seconds(5);
    Duration certain_when_unheard = std::chrono::seconds(30);
  };
  Removal(raft::NodeId self, const Limits& limits) : self_(self), limits_(limits) {}

  // raft::Output::configurations: the first is committed.
  void configured(const std::vector<raft::Configuration>& configurations, Time now);
  void told(raft::NodeId by, Time now);
  void heard(raft::NodeId by);              // it takes what this member says
  void unheard(raft::NodeId by, Time now);  // it does not, or not any more
  bool is_certain(const raft::Members& members, Time now) const;

 private:
  const raft::NodeId self_;
  const Limits limits_;
  bool was_named_ = false;             // by a committed configuration
  std::optional<Time> left_at_;        // the own log names this member no more
  std::map<raft::NodeId, Time> told_;  // since when they say so
  std::set<raft::NodeId> hearing_;
  std::optional<Time> unheard_since_;  // by anybody; none: somebody does
};

}  // namespace cairn::server
