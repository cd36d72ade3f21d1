#include "mvcc/history.h"

#include <algorithm>
#include <cstdlib>
#include <tuple>

namespace cairn::mvcc {
namespace {

constexpr std::uint64_t kRoomMin = 16;

}  // namespace

std::uint64_t HistorySpan::lower_bound(std::int64_t revision, std::uint32_t sub) const {
  std::uint64_t low = begin;
  std::uint64_t high = end;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const Record& record = *at(middle);
    const std::int64_t made = record.mod_revision();
    if (made < revision || (made == revision && record.sub() < sub))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

History::~History() {
  for (std::uint64_t i = 0; i < chunk_count(); ++i) std::free(chunks_[chunk_of(front_) + i]);
  std::free(chunks_);
}

std::uint64_t History::chunk_count() const {
  constexpr std::uint64_t kRecords = HistoryChunk::kRecords;
  return (end_ + kRecords - 1) / kRecords - front_ / kRecords;
}

void History::pop_front() {
  CHECK(front_ < begin_);
  if (++front_ % HistoryChunk::kRecords == 0) std::free(chunks_[chunk_of(front_ - 1)]);
}

std::size_t History::size_bytes() const {
  return chunk_count() * sizeof(HistoryChunk) + chunks_room_ * sizeof(HistoryChunk*);
}

void History::add_chunk() {
  if (chunk_of(end_) == chunks_room_) grow();
  tail_ = static_cast<HistoryChunk*>(std::malloc(sizeof(HistoryChunk)));
  CHECK(tail_ != nullptr);
  chunks_[chunk_of(end_)] = tail_;
}

// The slots of the old spine stay as they are: views read it.
void History::grow() {
  const std::uint64_t count = chunk_count();
  const std::uint64_t room = std::max(kRoomMin, 2 * count);
  auto** const longer = static_cast<HistoryChunk**>(std::malloc(room * sizeof(HistoryChunk*)));
  CHECK(longer != nullptr);
  if (chunks_ != nullptr) {
    std::copy_n(chunks_ + chunk_of(front_), count, longer);
    epochs_->retire(chunks_, std::free, chunks_made_);
  }
  chunks_ = longer;
  chunks_room_ = room;
  chunks_made_ = epochs_->current();
  first_chunk_ = front_ / HistoryChunk::kRecords;
}

}  // namespace cairn::mvcc
