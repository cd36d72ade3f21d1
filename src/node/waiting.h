// What a member waits for, as a sentence for people: whom, why, and what to do. Pure.
#pragma once

#include <functional>
#include <string>

#include "node/status.h"
#include "raft/waits.h"

namespace cairn::node {

struct Waiting {
  raft::Waits waits;
  raft::NodeId leader;
  bool full = true;
  bool by_majority = false;  // a new cluster does not wait for all of its members
  bool disk_answers = true;  // its own
  RefusedBy refused_by;
  std::function<std::string(raft::NodeId)> name_of;
};

std::string in_words(const Waiting& waiting);  // empty: for nobody

}  // namespace cairn::node
