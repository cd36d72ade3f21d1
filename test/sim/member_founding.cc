// A member whose directory is of an earlier cluster of the same members: what becomes of the disk, and what
// is never to become of either cluster (docs/adr/0035).
#include "base/check.h"
#include "base/reached.h"
#include "raft/state.h"
#include "sim/member.h"

namespace cairn::sim {

bool Member::go_back_to_earlier_founding() {
  CHECK(!is_up() && !is_of_earlier_founding());
  const auto found = world_.earlier_founding.directories.find(id_);
  if (found == world_.earlier_founding.directories.end()) return false;
  world_.note(id_, "directory of an earlier founding");
  ++world_.counters.damages;
  lose_memory();
  disk_.remove_tree(kDataDir);
  for (const auto& [file, content] : found->second) disk_.put(file, content);
  of_this_cluster_ = std::move(ledger_);
  ledger_ = Ledger{};
  return true;
}

void Member::empty_directory() {
  CHECK(!is_up() && is_of_earlier_founding());
  world_.note(id_, "emptied");
  disk_.remove_tree(kDataDir);
  ledger_ = std::move(*of_this_cluster_);
  of_this_cluster_.reset();
}

// What an earlier cluster remembers counts there alone; what this one does, here alone.
void Member::judge_founding() {
  const raft::State& state = process_->node->core().state();
  const std::uint64_t earlier = world_.earlier_founding.founded;
  if (earlier == 0) return;
  const bool is_of_earlier = state.life.founded == earlier;
  const bool holds_earlier = state.log.members().founded == earlier;
  if (is_of_earlier != is_of_earlier_founding() || holds_earlier != is_of_earlier)
    world_.judge.accuse("F5 foundings are not mixed",
                        "member " + std::to_string(id_) + " holds what the other one has founded");
  if (!is_of_earlier_founding()) return;
  if (is_leader())
    world_.judge.accuse("F5 foundings are not mixed",
                        "member " + std::to_string(id_) + " leads by a directory of an earlier founding");
  for (const auto& other : world_.members)
    if (other->is_leader() && state.term > other->node().core().state().term &&
        state.log.last() > other->node().core().state().log.last())
      REACHED("sim.earlier_founding_is_ahead");
}

}  // namespace cairn::sim
