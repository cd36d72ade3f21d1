// I25: who the members are is said in one place. What the state says of an index is what the newest
// configuration that is committed up to it says, whether a member applied it, loaded it or started with it.
#pragma once

#include <map>

#include "mvcc/view.h"
#include "raft/types.h"
#include "sim/judge.h"

namespace cairn::sim {

class KnownMembers {
 public:
  explicit KnownMembers(Judge& judge) : judge_(judge) {}
  void committed(raft::Index index, const raft::Members& members) { configured_[index] = members; }
  void applied(raft::NodeId member, const mvcc::View& view) const;

 private:
  Judge& judge_;
  std::map<raft::Index, raft::Members> configured_;
};

}  // namespace cairn::sim
