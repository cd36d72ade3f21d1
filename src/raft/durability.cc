#include "raft/durability.h"

#include <algorithm>

#include "base/check.h"

namespace cairn::raft {

std::optional<Time> Durability::oldest_outstanding() const {
  if (outstanding_.empty()) return std::nullopt;
  return outstanding_.front().issued_at;
}

void Durability::issue(Index covers, std::uint64_t size_bytes, Time now) {
  issued_ = issued_.next();
  outstanding_.push_back(Outstanding{issued_, covers, size_bytes, now});
  outstanding_bytes_ += size_bytes;
}

void Durability::truncate_from(Index index) {
  stable_ = std::min(stable_, index.prev());
  for (Outstanding& write : outstanding_) write.covers = std::min(write.covers, index.prev());
}

void Durability::reset_to(Index index) {
  stable_ = index;  // the snapshot is durable, whatever becomes of the log
  for (Outstanding& write : outstanding_) write.covers = std::min(write.covers, index);
}

void Durability::persist(WriteSeq seq) {
  CHECK(seq <= issued_);
  while (!outstanding_.empty() && outstanding_.front().seq <= seq) {
    stable_ = std::max(stable_, outstanding_.front().covers);
    outstanding_bytes_ -= outstanding_.front().size_bytes;
    outstanding_.pop_front();
  }
  persisted_ = std::max(persisted_, seq);
}

}  // namespace cairn::raft
