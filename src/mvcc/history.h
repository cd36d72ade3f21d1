// History: every record in the order it was written, from the compact revision on: what changed in which
// revision. Compaction consumes it from the front, a watch reads it from any revision.
//
// Append-only chunks of pointers, eight bytes a change; nothing of a record is repeated here.
// Owner: Store. Threading: the writer's.
// Invariant: (revision, sub) strictly ascend; every pointer is to a record that the tree still reaches.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "mvcc/record.h"

namespace cairn::mvcc {

class History {
 public:
  void append(Record* record) { records_.push_back(record); }
  bool empty() const { return records_.empty(); }
  std::size_t size() const { return records_.size(); }
  Record* front() const { return records_.front(); }
  void pop_front() { records_.pop_front(); }
  Record* at(std::size_t position) const { return records_[position]; }
  // The position of the first change whose revision is >= `revision`.
  std::size_t lower_bound(std::int64_t revision) const {
    const auto first =
        std::partition_point(records_.begin(), records_.end(),
                             [revision](const Record* record) { return record->mod_revision() < revision; });
    return static_cast<std::size_t>(first - records_.begin());
  }
  std::size_t size_bytes() const { return records_.size() * sizeof(Record*); }

 private:
  std::deque<Record*> records_;
};

}  // namespace cairn::mvcc
