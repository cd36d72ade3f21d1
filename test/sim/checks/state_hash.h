// I6: at an equal applied index all members have the same state, to the last byte. Sampled, since hashing
// walks the whole state: once in kEvery entries of a member, wherever it stops; and at every index that
// somebody was sampled at, everybody who stops there is compared.
#pragma once

#include <cstdint>
#include <map>

#include "mvcc/view.h"
#include "raft/types.h"
#include "sim/judge.h"

namespace cairn::sim {

class StateHashes {
 public:
  explicit StateHashes(Judge& judge) : judge_(judge) {}
  void applied(raft::NodeId member, const mvcc::View& view);
  void compare(raft::NodeId member, const mvcc::View& view);  // not sampled

 private:
  static constexpr std::uint64_t kEvery = 64;
  Judge& judge_;
  std::map<std::uint64_t, std::uint64_t> hashes_;     // by index
  std::map<raft::NodeId, std::uint64_t> sampled_at_;  // the newest index
};

}  // namespace cairn::sim
