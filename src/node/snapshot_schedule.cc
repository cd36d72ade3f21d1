#include "node/snapshot_schedule.h"

#include "base/check.h"
#include "base/reached.h"

namespace cairn::node {

void SnapshotSchedule::installed(std::uint64_t size_bytes) {
  log_bytes_ = 0;
  size_bytes_ = size_bytes;
}

void SnapshotSchedule::saved() {
  const std::uint64_t replaced = saving_.has_value() ? saving_->log_bytes : 0;
  log_bytes_ -= std::min(log_bytes_, replaced);
  saving_.reset();
  // What was wanted meanwhile is this one, unless the core asks again.
  wanted_ = false;
  lost_ = false;
}

void SnapshotSchedule::failed(Time now) {
  REACHED("node.snapshot.failed");
  // What was not saved is no measure of when the next one is due.
  if (saving_.has_value()) size_bytes_ = saving_->size_before_bytes;
  saving_.reset();
  wanted_ = true;  // it was due; the log need not grow further for it
  retry_at_ = now + limits_.retry_interval;
}

bool SnapshotSchedule::is_due(Time now, raft::Index applied, raft::Index newest) const {
  if (saving_.has_value() || now < retry_at_) return false;
  // Against the size of the last snapshot, so that the cost of snapshots stays proportional to the log they
  // replace. Not against the size of the state now: without compaction that grows as fast as the log does.
  const bool has_grown = log_bytes_ >= std::max(limits_.log_bytes_min, size_bytes_);
  if (!has_grown && !wanted_ && !lost_) return false;
  // After a restart the log behind the newest snapshot may be long and not applied yet.
  return applied > newest || (applied == newest && lost_);
}

void SnapshotSchedule::begin(raft::Index applied, std::uint64_t size_bytes) {
  CHECK(!saving_.has_value());
  wanted_ = false;
  saving_ = Saving{applied, log_bytes_, size_bytes_};
  size_bytes_ = size_bytes;
}

std::optional<raft::Index> SnapshotSchedule::saving() const {
  if (!saving_.has_value()) return std::nullopt;
  return saving_->index;
}

}  // namespace cairn::node
