// I4: entries with equal index and term are equal on all members, and so is everything before them. Kept as
// one fact an entry: its bytes and the term of its predecessor; by induction that is the whole chain.
#pragma once

#include <map>
#include <utility>

#include "raft/types.h"
#include "sim/judge.h"
#include "sim/log_image.h"

namespace cairn::sim {

class LogMatching {
 public:
  explicit LogMatching(Judge& judge) : judge_(judge) {}
  // `log` as it is after the entries were appended.
  void append(raft::NodeId member, const std::vector<raft::Entry>& entries, const LogImage& log);

 private:
  struct Fact {
    raft::Term previous_term;
    raft::EntryType type;
    Bytes data;
  };
  Judge& judge_;
  std::map<std::pair<raft::Index, raft::Term>, Fact> facts_;
};

bool same_bytes(const Bytes& a, const Bytes& b);

}  // namespace cairn::sim
