#include "node/pending_writes.h"

#include <utility>

#include "base/check.h"

namespace cairn::node {

std::uint64_t PendingWrites::add(PendingWrite write) {
  CHECK(write.responder != nullptr);
  ++live_;
  live_bytes_ += write.bytes;
  slots_.push_back(std::move(write));
  return first_id_ + slots_.size() - 1;
}

bool PendingWrites::contains(std::uint64_t id) const {
  const std::uint64_t offset = id - first_id_;  // wraps for smaller ids, and is then too large
  return offset < slots_.size() && slots_[offset].responder != nullptr;
}

PendingWrite PendingWrites::take(std::uint64_t id) {
  if (!contains(id)) return {};
  PendingWrite write = take_slot(&slots_[id - first_id_]);
  drop_answered();
  return write;
}

std::vector<std::pair<std::uint64_t, PendingWrite>> PendingWrites::take_expired(Time now) {
  std::vector<std::pair<std::uint64_t, PendingWrite>> expired;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].responder == nullptr || slots_[i].deadline > now) continue;
    expired.emplace_back(first_id_ + i, take_slot(&slots_[i]));
  }
  drop_answered();
  return expired;
}

PendingWrite PendingWrites::take_slot(PendingWrite* slot) {
  --live_;
  live_bytes_ -= slot->bytes;
  return std::move(*slot);
}

void PendingWrites::drop_answered() {
  while (!slots_.empty() && slots_.front().responder == nullptr) {
    slots_.pop_front();
    ++first_id_;
  }
}

}  // namespace cairn::node
