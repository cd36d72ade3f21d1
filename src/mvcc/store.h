// Store: keys with all their kept revisions. Knows nothing of requests: it puts, deletes, finds and compacts.
//
// KvState is the immutable side: what a view, a compare, a range and a walk over changes read. Store is the
// writer's side. Compaction is logical at once (compact_revision moves and everything below is refused) and
// physical in bounded steps: each apply drops at most StepLimits::compact_records superseded ones and four
// for each change that it makes, and a replica with nothing to apply goes on, so no write ever waits for a
// compaction and none outruns it. Whether a superseded record is still in memory shows nowhere: not in
// answers, not in the hash, not in saved bytes. Threading: one writer; KvState copies may be read anywhere
// while their epoch is pinned.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "mvcc/epochs.h"
#include "mvcc/history.h"
#include "mvcc/limits.h"
#include "mvcc/operation_counts.h"
#include "mvcc/record.h"
#include "mvcc/tree.h"

namespace cairn::mvcc {

using KeyTree = Tree<Record>;

struct KvState {
  KeyTree::Root keys;
  std::int64_t revision = 1;           // an empty store is at revision 1, as in etcd
  std::int64_t compact_revision = -1;  // -1: never compacted, so that Compact(0) succeeds once, as in etcd
  std::uint64_t record_bytes = 0;      // in memory now
  std::uint64_t live_bytes = 0;        // of these, of the newest records of keys that exist
  std::uint64_t record_count = 0;
  HistorySpan history;

  // The newest record of `key`, or nullptr when it does not exist.
  const Record* find(std::string_view key) const;
};

// The record of this key at `revision`, or nullptr. `revision` >= compact_revision.
const Record* at_revision(const Record* newest, std::int64_t revision);
// A half-open range of keys as etcd writes it: no end is one key, the end "\0" is everything from `key` on.
class KeyRange {
 public:
  KeyRange(std::string_view key, std::string_view range_end)
      : key_(key),
        end_(range_end),
        single_(range_end.empty()),
        open_(range_end == std::string_view("\0", 1)) {}
  std::string_view first() const { return key_; }
  bool single() const { return single_; }
  bool holds(std::string_view key) const { return single_ ? key == key_ : open_ || key < end_; }
  // Live keys inside, at the newest revision.
  std::uint64_t count(const KeyTree::Root& keys) const;

 private:
  std::string_view key_, end_;
  bool single_, open_;
};

class Store {
 public:
  Store(Epochs* epochs, const StepLimits& step)
      : epochs_(epochs), step_(step), keys_(epochs), history_(epochs) {}
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  KvState state() const;
  const StepLimits& step() const { return step_; }
  std::int64_t revision() const { return revision_; }
  std::int64_t compact_revision() const { return compact_revision_; }
  std::size_t changes() const { return changes_; }  // of the revision being written
  // What a reader inside the write sees: revision() counts the write once it has changed something.
  std::int64_t pending_revision() const { return revision_ + (changes_ > 0 ? 1 : 0); }
  const Record* find(std::string_view key) const;

  // One revision is begin_write, changes, end_write.
  void begin_write() { changes_ = 0; }
  // Returns the lease that the key had, or 0.
  std::int64_t put(std::string_view key, std::string_view value, std::int64_t lease);
  void erase(const Record& live);
  void end_write() {
    revision_ = pending_revision();
    changes_ = 0;
  }

  // The caller has checked that compact_revision() < revision <= revision().
  void compact(std::int64_t revision) {
    compact_revision_ = revision;
    history_.compact(revision);
  }
  // Drops some of what compaction made superfluous and no view needs, and four for each change since the last
  // call; call it once an apply.
  void collect(std::size_t records_max);
  // Whether there is more of that.
  bool has_superseded() const;
  // No compaction up to this revision has anything left to drop.
  std::int64_t removed_up_to() const;
  // Fetches what puts of these keys (at most tree::kWarmMax) will read, all at once.
  void warm(const std::string_view* keys, std::size_t count) const {
    KeyTree::warm(keys_.root(), keys, count);
  }

  // The sum over the newest records of all keys that exist; the same whatever is compacted.
  std::uint64_t hash() const { return hash_; }

  OperationCounts& operations() { return operations_; }
  const OperationCounts& operations() const { return operations_; }

  const KeyTree::Root& root() const { return keys_.root(); }

  // Loading into an empty store, keys ascending: takes the newest record of a key with its chain.
  void load_begin(std::int64_t revision, std::int64_t compact_revision);
  void load_key(Record* newest);
  void load_done();

 private:
  void add(Record* made);
  // A record becomes what its key has, or is that no longer.
  void comes(const Record& live);
  void goes(const Record& live);
  void count(const Record& record);
  void drop(Record* record);
  std::uint64_t cut_position() const;
  void drop_front();
  void cut(Record* record);

  struct Change {  // what a history is sorted by, without touching the record
    std::int64_t revision;
    std::uint32_t sub;
    Record* record;
  };

  Epochs* epochs_;
  const StepLimits step_;
  KeyTree keys_;
  History history_;
  std::int64_t revision_ = 1;
  std::int64_t compact_revision_ = -1;
  std::size_t changes_ = 0;
  std::uint64_t record_bytes_ = 0;
  std::uint64_t record_count_ = 0;
  std::uint64_t hash_ = 0;
  std::uint64_t live_bytes_ = 0;
  std::size_t uncollected_ = 0;  // changes since collect() was last called
  std::uint64_t cut_ = 0;  // in the history: of what is before it, nothing superseded hangs on it any more
  std::vector<Change> loading_;
  OperationCounts operations_;
};

}  // namespace cairn::mvcc
