#include "raft/met.h"

#include <algorithm>

#include "base/reached.h"
#include "raft/life.h"

namespace cairn::raft {
namespace {

bool has_its_share(const std::vector<Met>& all, NodeId id, const MetLimits& limits) {
  const auto is_of_it = [id](const Met& each) { return each.id == id; };
  return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), is_of_it)) >= limits.incarnations_max;
}

void make_room(std::vector<Met>* all, NodeId id, const MetLimits& limits) {
  if (has_its_share(*all, id, limits)) {
    REACHED("raft.met.forgets_one");
    all->erase(std::find_if(all->begin(), all->end(), [id](const Met& each) { return each.id == id; }));
  } else if (all->size() >= limits.total_max) {
    const auto over = std::find_if(all->begin(), all->end(), [all](const Met& each) {
      return is_over(*all, each.id, each.incarnation);
    });
    all->erase(over == all->end() ? all->begin() : over);
  }
}

// Behind the last that comes before `each` in `told`; null: before all that is known of its member.
const Met* last_before(const std::vector<Met>& all, const Met& each, const std::vector<Met>& told) {
  const Met* last = nullptr;
  for (const Met& earlier : told) {
    if (earlier.id != each.id) continue;
    if (earlier.incarnation == each.incarnation) break;
    if (const Met* mine = find_met(all, each.id, earlier.incarnation); mine != nullptr) last = mine;
  }
  return last;
}

void put_in_order(std::vector<Met>* all, const Met& each, const std::vector<Met>& told) {
  auto place =
      std::find_if(all->begin(), all->end(), [&each](const Met& mine) { return mine.id == each.id; });
  if (const Met* before = last_before(*all, each, told); before != nullptr)
    place = all->begin() + (before - all->data()) + 1;
  all->insert(place, each);
}

}  // namespace

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
  make_room(all, now.id, limits);
  all->push_back(now);
  return true;
}

bool learn_met(std::vector<Met>* all, const std::vector<Met>& told, const MetLimits& limits) {
  bool news = false;
  for (const Met& each : told) {
    const auto mine = std::find_if(all->begin(), all->end(), [&each](const Met& known) {
      return known.id == each.id && known.incarnation == each.incarnation;
    });
    if (mine != all->end()) {
      if (start_count(each.start) <= start_count(mine->start)) continue;
      mine->start = each.start;
    } else if (has_its_share(*all, each.id, limits) && last_before(*all, each, told) == nullptr) {
      continue;  // it would be the next to go
    } else {
      make_room(all, each.id, limits);
      put_in_order(all, each, told);
    }
    news = true;
  }
  return news;
}

}  // namespace cairn::raft
