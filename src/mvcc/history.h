// History: every change in the order it was made, from the compact revision on: what changed in which
// revision. The writer appends at its end, compaction consumes it from the front, and a view captures a span
// of it that any thread reads meanwhile, without a lock, a counter or a copy.
//
// Chunks of pointers to the records that the tree has anyway, and a spine of pointers to the chunks. A slot
// of either is written once, before a view that spans it is taken, and a span reads its own slots only. So
// the one thing that is ever replaced is a spine that is full: by a longer one, while Epochs keeps the old
// one for the views that read it. Compaction first moves begin_, where spans taken from now on begin; a
// chunk, as a record, is freed once everything in it lies before the span of every view.
//
// Owner: Store. Threading: the writer's; a HistorySpan is read by any thread while its epoch is pinned.
// Bound: 8 bytes a change, at most 8.1 with chunks and spine, and 8 KiB for two chunks that are not full. A
// spine keeps the length that the most changes needed until it is full.
// Invariant: (revision, sub) strictly ascend; every pointer from begin_ on is to a record that the tree still
// reaches. Nothing before a view's span is in it, and what is before begin_ may be in an older one's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "mvcc/epochs.h"
#include "mvcc/record.h"

namespace cairn::mvcc {

struct HistoryChunk {
  static constexpr std::uint64_t kRecords = 512;  // 4 KiB: nothing is lost to any allocator's classes
  Record* records[kRecords];
};

// The changes at positions [begin, end), counted from the first that there ever was.
struct HistorySpan {
  HistoryChunk* const* chunks = nullptr;
  std::uint64_t first_chunk = 0;  // which one chunks[0] is
  std::uint64_t begin = 0, end = 0;

  Record* at(std::uint64_t position) const {
    return chunks[position / HistoryChunk::kRecords - first_chunk]
        ->records[position % HistoryChunk::kRecords];
  }
  // The position of the first change that is not before this one.
  std::uint64_t lower_bound(std::int64_t revision, std::uint32_t sub = 0) const;
};

class History {
 public:
  explicit History(Epochs* epochs) : epochs_(epochs) {}
  ~History();
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  void append(Record* record) {
    if (end_ % HistoryChunk::kRecords == 0) add_chunk();
    tail_->records[end_ % HistoryChunk::kRecords] = record;
    ++end_;
  }
  // For what a view captures.
  HistorySpan span() const { return {chunks_, first_chunk_, begin_, end_}; }
  // What is below that revision is in no span from now on.
  void compact(std::int64_t revision) { begin_ = span().lower_bound(revision); }

  // Positions of what there is, for the writer: [front, end).
  std::uint64_t front_position() const { return front_; }
  std::uint64_t end_position() const { return end_; }
  Record* at(std::uint64_t position) const {
    return HistorySpan{chunks_, first_chunk_, front_, end_}.at(position);
  }
  bool empty() const { return front_ == end_; }
  std::uint64_t size() const { return end_ - front_; }
  // The oldest change of all. REQUIRES: not empty().
  Record* front() const { return at(front_); }
  // Forgets it. REQUIRES: it is compacted, and lies before every view's span.
  void pop_front();
  std::size_t size_bytes() const;

 private:
  std::uint64_t chunk_of(std::uint64_t position) const {
    return position / HistoryChunk::kRecords - first_chunk_;
  }
  std::uint64_t chunk_count() const;
  void add_chunk();
  void grow();

  Epochs* const epochs_;
  HistoryChunk** chunks_ = nullptr;
  std::uint64_t chunks_room_ = 0;
  std::uint64_t chunks_made_ = 0;  // in which epoch
  std::uint64_t first_chunk_ = 0;
  HistoryChunk* tail_ = nullptr;
  // front_ <= begin_ <= end_; [front_, begin_) is compacted and not yet dropped.
  std::uint64_t front_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace cairn::mvcc
