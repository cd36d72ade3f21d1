// Changes: a walk over the changes that a view knows, in the order they were made, from any place on. It is
// what a watch reads: nothing is queued for a reader who is slow, or not there; who has read up to a place
// asks for what follows it, of this view or of any later one, of this member or of another.
//
// What it shows follows from the view's revisions alone, as all that a view shows: every change at or after
// the compact revision, and what the key was before, unless that is compacted. A place before the compact
// revision is refused, since nobody knows what is missing there.
//
// Owner: whoever reads. It keeps its view, and a view keeps compacted records in memory: so who waits for
// more keeps a ChangePlace. Threading: any one thread, and any number of walks of one view. Bound: no memory
// beyond itself; it opens in logarithmic time, and takes a step in constant time but for what a transaction
// at the compact revision did and undid.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>

#include "mvcc/store.h"

namespace cairn::mvcc {

struct ChangePlace {
  std::int64_t revision = 0;
  std::uint32_t sub = 0;  // orders the changes inside one revision
  auto operator<=>(const ChangePlace&) const = default;
};

class Changes {
 public:
  // `keep` is what the state belongs to; null when that outlives the walk anyway. From beyond the newest
  // change there is nothing yet.
  Changes(const KvState& state, ChangePlace from, std::shared_ptr<const void> keep);

  // Changes are missing between the place that was asked for and compact_revision(): there are none here.
  bool compacted() const { return compacted_; }
  std::int64_t compact_revision() const { return compact_revision_; }

  // The change at hand: the record that it made, a tombstone for a delete. nullptr: no more in this view.
  const Record* get() const { return at_ == history_.end ? nullptr : history_.at(at_); }
  // REQUIRES: get() is not null.
  void next();
  // The live record of the same key before the revision of the change at hand, if there was one and it is not
  // compacted; else nullptr. REQUIRES: get() is not null.
  const Record* previous() const;
  // Where to go on in this or a later view: at the change at hand, or after the last one.
  ChangePlace place() const;

 private:
  void skip_replaced();

  std::shared_ptr<const void> keep_;
  HistorySpan history_;
  std::int64_t compact_revision_;
  bool compacted_;
  ChangePlace end_;
  std::uint64_t at_;
};

}  // namespace cairn::mvcc
