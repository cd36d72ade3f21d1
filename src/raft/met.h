// Whom a member has met: the latest start of each incarnation of the others, by which an older copy of a
// directory is told that it is one (docs/adr/0013). Part of the hard state: whoever met a later start knows
// it after its own restarts too. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "raft/types.h"

namespace cairn::raft {

struct MetLimits {
  std::size_t incarnations_max = 4;  // of one member; beyond, the one that was met first is dropped
  std::size_t total_max = 128;       // of all; fits the hard state's block
};

// Null when nothing is known of that incarnation.
const Met* find_met(const std::vector<Met>& all, NodeId id, Incarnation incarnation);

// Another incarnation of this member was met later: this one is over, and what it says is late. The order of
// first meeting stands for the order of lives, which no message tells: a wiped directory knows of no earlier
// life. Where they differ (a message of an earlier life that was never met here arrives after the later one
// was met) the later life is taken for over and forgets once more, if it is not full yet; a full one is
// judged by its record. The bound: one forgetting for each such life, of a member that counts for nothing and
// so has promised nothing; never a loss.
bool is_over(const std::vector<Met>& all, NodeId id, Incarnation incarnation);

// True when that is news.
bool note_met(std::vector<Met>* all, const Met& now, const MetLimits& limits);

// What another member says that it has met. Of an incarnation the later start counts. One that is not known
// stands behind those that it comes after in `told`, and else before those that are known of its member: who
// tells may be behind, and an incarnation that is taken for over is asked to forget. True when there was
// news.
bool learn_met(std::vector<Met>* all, const std::vector<Met>& told, const MetLimits& limits);

}  // namespace cairn::raft
