#include "node/pending_writes.h"

#include <utility>

#include "base/check.h"

namespace cairn::node {
namespace {

bool is_held(const PendingWrite& write) {
  return write.responder != nullptr && write.batch != nullptr && write.sent_term == raft::Term{};
}

}  // namespace

std::uint64_t PendingWrites::add(PendingWrite write) {
  CHECK(write.responder != nullptr);
  live_bytes_ += write.size_bytes;
  ++live_;
  ++queue_.count;
  queue_.bytes += write.size_bytes;
  slots_.push_back(std::move(write));
  return first_id_ + slots_.size() - 1;
}

bool PendingWrites::contains(std::uint64_t id) const {
  const std::uint64_t offset = id - first_id_;  // wraps for smaller ids, and is then too large
  return offset < slots_.size() && slots_[offset].responder != nullptr;
}

PendingWrite PendingWrites::remove(std::size_t offset) {
  PendingWrite write = std::exchange(slots_[offset], {});
  --live_;
  live_bytes_ -= write.size_bytes;
  if (in_queue(first_id_ + offset)) leave_queue(write);
  return write;
}

void PendingWrites::leave_queue(const PendingWrite& write) {
  --queue_.count;
  queue_.bytes -= write.size_bytes;
}

PendingWrite PendingWrites::take(std::uint64_t id) {
  if (!contains(id)) return {};
  PendingWrite write = remove(id - first_id_);
  drop_answered();
  return write;
}

PendingWrite PendingWrites::take_done(std::uint64_t id) {
  if (!contains(id)) return {};
  PendingWrite write = remove(id - first_id_);
  for (; in_queue(id); ++queue_from_)
    if (const PendingWrite* const passed = find(queue_from_)) leave_queue(*passed);
  drop_answered();
  return write;
}

std::vector<std::pair<std::uint64_t, PendingWrite>> PendingWrites::take_expired(Time now) {
  std::vector<std::pair<std::uint64_t, PendingWrite>> expired;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    PendingWrite& write = slots_[i];
    const bool is_over =
        write.deadline <= now || (write.sent_term == raft::Term{} && write.leader_deadline <= now);
    if (write.responder != nullptr && is_over) expired.emplace_back(first_id_ + i, remove(i));
  }
  drop_answered();
  return expired;
}

void PendingWrites::hold(std::uint64_t id, Bytes batch) {
  sent(id, raft::Term{}, std::move(batch));
  any_held_ = true;
}

void PendingWrites::sent(std::uint64_t id, raft::Term term, Bytes batch) {
  PendingWrite* const write = find(id);
  if (write == nullptr) return;
  write->sent_term = term;
  write->batch = std::move(batch);
}

bool PendingWrites::refused(std::uint64_t id, raft::Term term) {
  PendingWrite* const write = find(id);
  if (write == nullptr || write->sent_term != term || write->batch == nullptr) return false;
  write->sent_term = raft::Term{};
  return any_held_ = true;
}

std::size_t PendingWrites::outlived(raft::Term applied) {
  std::size_t count = 0;
  for (PendingWrite& write : slots_) {
    if (write.batch == nullptr || write.sent_term == raft::Term{} || write.sent_term >= applied) continue;
    write.sent_term = raft::Term{};
    ++count;
  }
  if (count > 0) any_held_ = true;
  return count;
}

void PendingWrites::obscured(raft::Term term) {
  for (PendingWrite& write : slots_)
    if (write.sent_term != raft::Term{} && write.sent_term <= term) write.batch = nullptr;
}

std::vector<PendingWrites::Held> PendingWrites::take_held() {
  std::vector<Held> all;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!is_held(slots_[i])) continue;
    if (all.empty() || all.back().batch != slots_[i].batch) all.push_back({slots_[i].batch, {}});
    all.back().ids.push_back(first_id_ + i);
  }
  any_held_ = false;
  return all;
}

void PendingWrites::drop_answered() {
  while (!slots_.empty() && slots_.front().responder == nullptr) {
    if (queue_from_ == first_id_) ++queue_from_;
    slots_.pop_front();
    ++first_id_;
  }
}

}  // namespace cairn::node
