#include "raft/met.h"

#include <algorithm>

#include "base/reached.h"

namespace cairn::raft {

const Met* find_met(const std::vector<Met>& all, NodeId id, Incarnation incarnation) {
  const auto found = std::find_if(all.begin(), all.end(), [id, incarnation](const Met& each) {
    return each.id == id && each.incarnation == incarnation;
  });
  return found == all.end() ? nullptr : &*found;
}

bool is_over(const std::vector<Met>& all, NodeId id, Incarnation incarnation) {
  const auto newest = std::find_if(all.rbegin(), all.rend(), [id](const Met& each) { return each.id == id; });
  return newest != all.rend() && newest->incarnation != incarnation &&
         find_met(all, id, incarnation) != nullptr;
}

bool note_met(std::vector<Met>* all, const Met& now, const MetLimits& limits) {
  for (Met& each : *all) {
    if (each.id != now.id || each.incarnation != now.incarnation) continue;
    if (each.start == now.start) return false;
    each.start = now.start;
    return true;
  }
  const auto is_of_the_same = [&now](const Met& each) { return each.id == now.id; };
  const auto count = static_cast<std::size_t>(std::count_if(all->begin(), all->end(), is_of_the_same));
  if (count >= limits.incarnations_max) {
    REACHED("raft.met.forgets_one");
    all->erase(std::find_if(all->begin(), all->end(), is_of_the_same));
  } else if (all->size() >= limits.total_max) {
    const auto over = std::find_if(all->begin(), all->end(), [all](const Met& each) {
      return is_over(*all, each.id, each.incarnation);
    });
    all->erase(over == all->end() ? all->begin() : over);
  }
  all->push_back(now);
  return true;
}

}  // namespace cairn::raft
