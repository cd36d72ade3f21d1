// I6: at an equal applied index all members have the same state, to the last byte. Sampled, since hashing
// walks the whole state: every index that somebody was sampled at is compared with everybody who stops there.
#pragma once

#include <cstdint>
#include <map>

#include "mvcc/state_machine.h"
#include "raft/types.h"
#include "sim/judge.h"

namespace cairn::sim {

class StateHashes {
 public:
  explicit StateHashes(Judge& judge) : judge_(judge) {}
  void applied(raft::NodeId member, const mvcc::View& view);
  void compare(raft::NodeId member, const mvcc::View& view);  // not sampled

 private:
  static constexpr std::uint64_t kEvery = 8;
  Judge& judge_;
  std::map<std::uint64_t, std::uint64_t> hashes_;
};

}  // namespace cairn::sim
