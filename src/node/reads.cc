#include "node/reads.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "base/reached.h"
#include "etcd/reasons.h"

namespace cairn::node {
namespace {

void move_all(Reads::Batch* from, Reads::Batch* to) {
  if (to->empty()) {
    to->swap(*from);
  } else {
    std::move(from->begin(), from->end(), std::back_inserter(*to));
  }
  from->clear();
}

void move_expired(Time now, Reads::Batch* from, Reads::Batch* to) {
  const auto expired = std::stable_partition(from->begin(), from->end(),
                                             [now](const ClientRead& read) { return read.deadline > now; });
  std::move(expired, from->end(), std::back_inserter(*to));
  from->erase(expired, from->end());
}

}  // namespace

void Reads::add(ClientRead read) {
  if (!read.serializable && size_ >= limits_.count) {
    REACHED("node.read.full");
    return read.responder->failed(etcd::error_of(Reason::too_many_requests));
  }
  Batch& batch = read.serializable ? ready_[raft::Index{}] : gathered_;
  batch.push_back(std::move(read));
  ++size_;
}

void Reads::expire(const Standing& standing) {
  for (ClientRead& request : take_expired(standing.now)) {
    REACHED("node.read.expired");
    request.responder->failed(etcd::error_of(standing.is_led() ? Reason::timed_out : Reason::no_leader));
  }
}

void Reads::ask(const Standing& standing) {
  gather_again(standing);
  if (gathered_.empty()) return;
  Barrier& barrier = barriers_[++last_tag_];
  barrier.reads.swap(gathered_);
  barrier.asked = standing.now;
  barrier.leadership = standing.leadership;
  core_.step(raft::ReadBarrier{last_tag_});
}

void Reads::gather_again(const Standing& standing) {
  any_failed_ = false;
  std::vector<std::uint64_t> overdue;
  for (auto it = barriers_.begin(); it != barriers_.end();) {
    Barrier& barrier = it->second;
    const bool is_overdue = standing.now - barrier.asked >= limits_.retry_after;
    if (is_overdue || (barrier.failed && barrier.leadership != standing.leadership)) {
      if (!barrier.failed) overdue.push_back(it->first);
      move_all(&barrier.reads, &gathered_);
      it = barriers_.erase(it);
    } else {
      ++it;
    }
  }
  if (!overdue.empty()) REACHED("node.read.unanswered");
  abandon(std::move(overdue));
}

void Reads::abandon(std::vector<std::uint64_t> tags) {
  if (!tags.empty()) core_.step(raft::AbandonReads{std::move(tags)});
}

void Reads::ready(const raft::ReadReady& barrier) {
  const auto found = barriers_.find(barrier.tag);
  if (found == barriers_.end()) return;
  move_all(&found->second.reads, &ready_[barrier.index]);
  barriers_.erase(found);
}

void Reads::failed(const raft::ReadFailed& barrier) {
  const auto found = barriers_.find(barrier.tag);
  if (found != barriers_.end()) any_failed_ = found->second.failed = true;
}

void Reads::refuse_from(raft::Index index) {
  Batch refused;
  for (auto it = ready_.lower_bound(index); it != ready_.end(); it = ready_.erase(it))
    move_all(&it->second, &refused);
  if (refused.empty()) return;
  REACHED("node.read.no_room");
  size_ -= refused.size();
  for (const ClientRead& request : refused) request.responder->failed(etcd::error_of(Reason::no_room_here));
}

void Reads::serve(const mvcc::StateMachine& machine) {
  Batch batch = take_ready(raft::Index{machine.applied_index()});
  if (batch.empty()) return;
  const std::shared_ptr<const mvcc::View> view = machine.view();
  for (const ClientRead& request : batch) request.responder->ready(*view);
}

Reads::Batch Reads::take_ready(raft::Index applied) {
  Batch reads;
  while (!ready_.empty() && ready_.begin()->first <= applied) {
    move_all(&ready_.begin()->second, &reads);
    ready_.erase(ready_.begin());
  }
  size_ -= reads.size();
  return reads;
}

Reads::Batch Reads::take_expired(Time now) {
  Batch expired;
  move_expired(now, &gathered_, &expired);
  std::vector<std::uint64_t> unwanted;
  for (auto it = barriers_.begin(); it != barriers_.end();) {
    move_expired(now, &it->second.reads, &expired);
    const bool is_wanted = !it->second.reads.empty();
    if (!is_wanted && !it->second.failed) unwanted.push_back(it->first);
    it = is_wanted ? std::next(it) : barriers_.erase(it);
  }
  for (auto& [index, reads] : ready_) move_expired(now, &reads, &expired);
  size_ -= expired.size();
  abandon(std::move(unwanted));
  return expired;
}

}  // namespace cairn::node
