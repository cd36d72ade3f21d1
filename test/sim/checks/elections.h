// I1: at most one leader in a term, over the whole life of the cluster.
#pragma once

#include <map>

#include "raft/types.h"
#include "sim/judge.h"

namespace cairn::sim {

class Elections {
 public:
  explicit Elections(Judge& judge) : judge_(judge) {}
  // True when this is news.
  bool lead(raft::NodeId member, raft::Term term);
  std::size_t count() const { return leaders_.size(); }

 private:
  Judge& judge_;
  std::map<raft::Term, raft::NodeId> leaders_;
};

}  // namespace cairn::sim
