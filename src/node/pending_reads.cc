#include "node/pending_reads.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace cairn::node {
namespace {

void move_all(PendingReads::Batch* from, PendingReads::Batch* to) {
  if (to->empty()) {
    to->swap(*from);
  } else {
    std::move(from->begin(), from->end(), std::back_inserter(*to));
  }
  from->clear();
}

void move_expired(Time now, PendingReads::Batch* from, PendingReads::Batch* to) {
  const auto expired = std::stable_partition(from->begin(), from->end(),
                                             [now](const ClientRead& read) { return read.deadline > now; });
  std::move(expired, from->end(), std::back_inserter(*to));
  from->erase(expired, from->end());
}

}  // namespace

void PendingReads::add(ClientRead read) {
  gathered_.push_back(std::move(read));
  ++size_;
}

void PendingReads::add_local(ClientRead read) {
  ready_[raft::Index{}].push_back(std::move(read));
  ++size_;
}

std::uint64_t PendingReads::begin_barrier(Time now, std::uint64_t leadership) {
  if (gathered_.empty()) return 0;
  Barrier& barrier = barriers_[++last_tag_];
  barrier.reads.swap(gathered_);
  barrier.asked = now;
  barrier.leadership = leadership;
  return last_tag_;
}

void PendingReads::barrier_ready(std::uint64_t tag, raft::Index index) {
  const auto found = barriers_.find(tag);
  if (found == barriers_.end()) return;
  move_all(&found->second.reads, &ready_[index]);
  barriers_.erase(found);
}

void PendingReads::barrier_failed(std::uint64_t tag) {
  const auto found = barriers_.find(tag);
  if (found != barriers_.end()) any_failed_ = found->second.failed = true;
}

void PendingReads::retry(Time now, std::uint64_t leadership) {
  any_failed_ = false;
  for (auto it = barriers_.begin(); it != barriers_.end();) {
    Barrier& barrier = it->second;
    const bool overdue = now - barrier.asked >= retry_after_;
    if (overdue || (barrier.failed && barrier.leadership != leadership)) {
      move_all(&barrier.reads, &gathered_);
      it = barriers_.erase(it);
    } else {
      ++it;
    }
  }
}

PendingReads::Batch PendingReads::take_ready(raft::Index applied) {
  Batch reads;
  while (!ready_.empty() && ready_.begin()->first <= applied) {
    move_all(&ready_.begin()->second, &reads);
    ready_.erase(ready_.begin());
  }
  size_ -= reads.size();
  return reads;
}

PendingReads::Batch PendingReads::take_expired(Time now) {
  Batch expired;
  move_expired(now, &gathered_, &expired);
  for (auto& [tag, barrier] : barriers_) move_expired(now, &barrier.reads, &expired);
  for (auto& [index, reads] : ready_) move_expired(now, &reads, &expired);
  size_ -= expired.size();
  return expired;
}

}  // namespace cairn::node
