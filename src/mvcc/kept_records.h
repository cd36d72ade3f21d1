// KeptRecords: walks all records that a state compacted at some revision keeps, by ascending key and newest
// first within a key: the order of the saved state.
//
// The older records of a key are a linked list scattered over memory, and following it alone waits for memory
// at every step. So the lists of kLanes neighbouring keys are followed side by side, and what lies in them is
// asked for ahead of time. Bound: kWindow records ahead in each list, however long it is. Threading: any,
// while the root's epoch is pinned.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "mvcc/store.h"

namespace cairn::mvcc {

class KeptRecords {
 public:
  KeptRecords(const KeyTree::Root& keys, std::int64_t compact_revision)
      : cursor_(keys, {}), compact_revision_(compact_revision) {}

  // Calls begin_key(key), then visit(record, more) for each of its records, for every key, until `stop` is
  // true after one.
  template <class BeginKey, class Visit, class Stop>
  void each(BeginKey begin_key, Visit visit, Stop stop) {
    while (const std::size_t count = fill_lanes()) {
      for (std::size_t i = 0; i < count && !stop(); ++i) {
        Lane& lane = lanes_[i];
        if (lane.size == 0) continue;  // nothing but an old tombstone
        begin_key(lane.records[0]->key());
        for (bool more = true; more;) more = visit_window(&lane, visit) && !stop();
      }
      if (stop()) return;
    }
  }

 private:
  static constexpr std::size_t kLanes = 16, kWindow = 256;
  static constexpr std::size_t kAhead = 8;  // records asked for whole before they are visited
  static constexpr std::size_t kAheadBytes = 512, kLineBytes = 64;

  struct Lane {
    const Record* records[kWindow];  // kept, newest first
    std::size_t size;
    const Record* next;  // behind the last of them; kept, or nullptr at the end
  };

  static void ask_for(const Record* record, std::size_t bytes) {
    for (std::size_t at = 0; at < bytes; at += kLineBytes)
      __builtin_prefetch(reinterpret_cast<const char*>(record) + at);
  }

  // What is older than the newest record at or below the compact revision is not kept, nor is that one when
  // it is an older tombstone. What is behind it may be freed at any time and is never looked at.
  bool keeps(const Record& record) const {
    return record.mod_revision() >= compact_revision_ || record.live();
  }
  const Record* behind(const Record& record) const {
    return record.mod_revision() <= compact_revision_ ? nullptr : record.previous;
  }

  // One record further, if there is one and room for it.
  bool advance(Lane* lane) const {
    if (lane->next != nullptr && !keeps(*lane->next)) lane->next = nullptr;
    if (lane->next == nullptr || lane->size == kWindow) return false;
    const Record& record = *lane->next;
    lane->records[lane->size++] = &record;
    lane->next = behind(record);
    if (lane->next != nullptr) ask_for(lane->next, lane->size < kAhead ? kAheadBytes : 1);
    return true;
  }

  // The next keys' windows; how many there are.
  std::size_t fill_lanes() {
    std::size_t count = 0;
    for (; count < kLanes && cursor_.get() != nullptr; cursor_.next()) {
      lanes_[count].size = 0;
      lanes_[count++].next = cursor_.get();
    }
    for (bool more = true; more;) {
      more = false;
      for (std::size_t i = 0; i < count; ++i) more |= advance(&lanes_[i]);
    }
    return count;
  }

  // Visits what a lane has, and fills it again from a list that is longer: true if it is.
  template <class Visit>
  bool visit_window(Lane* lane, Visit& visit) const {
    for (std::size_t i = 0; i < lane->size; ++i) {
      if (i + kAhead < lane->size) {
        const Record* const ahead = lane->records[i + kAhead];
        ask_for(ahead, std::min(kAheadBytes, ahead->size_bytes()));
      }
      visit(*lane->records[i], i + 1 < lane->size || lane->next != nullptr);
    }
    if (lane->next == nullptr) return false;
    lane->size = 0;
    while (advance(lane)) {
    }
    return true;
  }

  KeyTree::Cursor cursor_;
  const std::int64_t compact_revision_;
  Lane lanes_[kLanes];
};

}  // namespace cairn::mvcc
