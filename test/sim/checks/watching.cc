#include "sim/checks/watching.h"

#include <algorithm>
#include <utility>

namespace cairn::sim {

Watching::Watching(Judge& judge, const Reference& reference, std::string label, watch::Request what)
    : judge_(judge), reference_(reference), label_(std::move(label)), what_(std::move(what)) {}

void Watching::accuse(const char* rule, const WatchAnswer& answer, const std::string& what) const {
  judge_.accuse("I16 watch", label_ + ", " + rule + ": " + what + "; next is revision " +
                                 std::to_string(next_) + ", the answer's " + std::to_string(answer.revision) +
                                 " with " + std::to_string(answer.events.size()) + " events");
}

bool Watching::is_wanted(const Reference::Change& change) const {
  if (change.now ? !what_.wants.puts : !what_.wants.deletes) return false;
  if (what_.range_end.empty()) return change.key == what_.key;
  return what_.key <= change.key && change.key < what_.range_end;
}

// From that revision on, behind so many that it wants.
const Reference::Change* Watching::next_wanted(std::int64_t from, std::size_t passed) const {
  const auto& changes = reference_.changes();
  auto at = std::lower_bound(changes.begin(), changes.end(), from,
                             [](const auto& change, std::int64_t rev) { return change.revision < rev; });
  for (; at != changes.end(); ++at) {
    if (!is_wanted(*at)) continue;
    if (passed == 0) return &*at;
    --passed;
  }
  return nullptr;
}

void Watching::asks_from(std::int64_t start) {
  next_ = start;
  had_of_next_ = 0;
  is_created_ = false;
}

void Watching::received(const WatchAnswer& answer) {
  if (answer.created) return created(answer);
  if (!is_created_) accuse("created first", answer, "it was not created");
  if (answer.canceled) return canceled(answer);
  answer.events.empty() ? progressed(answer) : told(answer);
}

void Watching::created(const WatchAnswer& answer) {
  if (is_created_) accuse("created first", answer, "twice");
  is_created_ = true;
  if (next_ == 0) next_ = answer.revision + 1;
}

void Watching::canceled(const WatchAnswer& answer) {
  if (answer.compact_revision <= next_ || !reference_.was_compacted_at(answer.compact_revision))
    accuse("reliable", answer, "it ends by a compaction at " + std::to_string(answer.compact_revision));
  asks_from(answer.compact_revision);
}

// No event up to there is still to come.
void Watching::progressed(const WatchAnswer& answer) {
  const Reference::Change* missing = next_wanted(next_, had_of_next_);
  if (had_of_next_ != 0) accuse("atomic", answer, "progress between two fragments");
  if (missing != nullptr && missing->revision <= answer.revision)
    accuse("bookmarkable", answer,
           "the change of revision " + std::to_string(missing->revision) + " is missing");
  next_ = std::max(next_, answer.revision + 1);
}

void Watching::told(const WatchAnswer& answer) {
  if (answer.fragment && !what_.wants.fragments) accuse("atomic", answer, "fragments that it does not take");
  for (const WatchEvent& event : answer.events) {
    const Reference::Change* change = next_wanted(next_, had_of_next_);
    if (change == nullptr || change->revision != event.revision || change->key != event.key) {
      return accuse(
          "reliable, ordered, unique, filter", answer,
          "told of " + event.key + " at revision " + std::to_string(event.revision) + " instead of " +
              (change == nullptr ? std::string("nothing")
                                 : change->key + " at revision " + std::to_string(change->revision)));
    }
    if (!is_told_well(event, *change)) accuse("prevKV, isCreate", answer, event.key + " is not what it was");
    had_of_next_ = change->revision == next_ ? had_of_next_ + 1 : 1;
    next_ = change->revision;
  }
  if (answer.revision < next_) accuse("ordered", answer, "of a state that is older than its events");
  if (answer.fragment) return;
  const Reference::Change* rest = next_wanted(next_, had_of_next_);
  if (rest != nullptr && rest->revision == next_) accuse("atomic", answer, "a part of a revision");
  next_ += 1;
  had_of_next_ = 0;
}

bool Watching::is_told_well(const WatchEvent& event, const Reference::Change& change) const {
  if (event.now != change.now) return false;
  if (!what_.wants.previous) return !event.before;
  // What was before the compact revision is gone with it.
  return event.before == change.before || (!event.before && reference_.was_compacted_at(change.revision));
}

bool Watching::has_all() const { return is_created_ && next_wanted(next_, had_of_next_) == nullptr; }

}  // namespace cairn::sim
