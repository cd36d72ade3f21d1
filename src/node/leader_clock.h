// LeaderClock: how much time the log has been told of. Each entry that a leader proposes begins with the time
// since its entry before, by its own monotonic clock: wall clocks step, and are of no account
// (docs/adr/0014-once-means-once.md). Owner: Node, shared by all parts that propose.
#pragma once

#include <string>

#include "node/command_codec.h"
#include "node/standing.h"

namespace cairn::node {

class LeaderClock {
 public:
  // How the next entry begins. This member leads.
  std::string entry_head(const Standing& standing) {
    using std::chrono::milliseconds;
    if (term_ != standing.term) {
      term_ = standing.term;
      told_ = standing.now;
    }
    const auto elapsed = std::chrono::duration_cast<milliseconds>(standing.now - told_);
    told_ += elapsed;  // what is less than a millisecond is told next time
    return node::entry_head(static_cast<std::uint64_t>(elapsed.count()));
  }

 private:
  raft::Term term_;  // in which this member has told the time last
  Time told_;        // up to where
};

}  // namespace cairn::node
