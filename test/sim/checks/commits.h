// The canonical log: what was committed first at an index is what everybody commits there, for ever.
// I5: a new leader has every entry committed in an earlier term.
// I6: all members commit the same entries.
// I7: an entry is committed only while a quorum has it on disk, which the simulator knows better than the
// leader.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "raft/types.h"
#include "sim/judge.h"
#include "sim/log_image.h"

namespace cairn::sim {

class Commits {
 public:
  // How many members have (index, term) on disk, and how many are a quorum, of the configuration that the
  // member who says that it is committed may have gone by.
  struct Holders {
    std::uint64_t have = 0, needed = 0;
  };
  using CountHolders = std::function<Holders(raft::NodeId, raft::Index, raft::Term)>;
  using NewEntry = std::function<void(const raft::Entry&)>;

  Commits(Judge& judge, CountHolders holders, NewEntry new_entry)
      : judge_(judge), holders_(std::move(holders)), new_entry_(std::move(new_entry)) {}

  // The member's commit index, in its term, moved from `from` to `to`.
  void commit(raft::NodeId member, raft::Term term, raft::Index from, raft::Index to, const LogImage& log);
  void snapshot(raft::NodeId member, raft::Index index, raft::Term term);
  void elected(raft::NodeId member, raft::Term term, const LogImage& log);
  raft::Index last() const { return raft::Index{entries_.size()}; }

 private:
  struct Committed {
    raft::Entry entry;
    raft::Term seen_in;  // the term of the first member that knew
  };
  void first(raft::NodeId member, raft::Term term, const raft::Entry& entry);

  Judge& judge_;
  CountHolders holders_;
  NewEntry new_entry_;
  std::vector<Committed> entries_;  // by index - 1
};

}  // namespace cairn::sim
