// RevisionWalk: every record that a state keeps, in the order of revisions, as etcd's database has them: of
// what is compacted the newest record of each key that lives on, then every change since. A key's deletion
// at the compact revision itself is among them, since watches that begin there are told of it; but not where
// no key exists any more, since etcd then counts it to its hash.
//
// Owner: who reads, while what the state belongs to is kept. Threading: any one thread. Bound: a pointer for
// each key that has not changed since the compaction, twice while they are sorted; a step looks at
// StepLimits::range_records at most.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mvcc/sliced_sort.h"
#include "mvcc/store.h"

namespace cairn::mvcc {

class RevisionWalk {
 public:
  // What is compacted is left out where a change up to that revision has replaced it: with the compact
  // revision, nowhere. As in etcd's hash, which this is for, all of it counts where no key existed then.
  RevisionWalk(const KvState& state, const StepLimits& step, std::int64_t replaced_up_to);

  // Has to be true once before anything else: does a part of the work each time.
  bool prepare();
  const Record* get() const;  // nullptr: there are no more
  void next();
  void rewind();
  // Whether the record at hand is of what is compacted.
  bool is_old() const { return old_at_ < old_.size(); }

 private:
  bool gather();
  void gathered();

  const KvState state_;
  const std::size_t step_records_;
  std::int64_t replaced_up_to_;
  enum class Phase { gather, sort, ready } phase_ = Phase::gather;
  KeyTree::Cursor cursor_;
  const Record* chain_ = nullptr;   // where the look at the cursor's key stands
  std::vector<const Record*> old_;  // at or below the compact revision, and kept
  std::uint64_t found_ = 0;         // keys that existed at replaced_up_to_
  SlicedSort<const Record*> sort_;
  std::size_t old_at_ = 0;
  const std::uint64_t first_change_;
  std::uint64_t change_at_;
};

}  // namespace cairn::mvcc
