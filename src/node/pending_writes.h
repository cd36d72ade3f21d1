// PendingWrites: the clients of this member that wait for their write to be applied, found by request id.
// Request ids count up from a start that differs at every start of a member, so an id is its own position:
// lookup, insertion and removal are O(1) without a hash. Owner: Node. Bounded by
// Config::pending_writes_max and pending_write_bytes_max (asked through full()); the slots of answered writes
// go once all older ones are answered, at the latest when those expire.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "node/requests.h"

namespace cairn::node {

struct PendingWrite {
  std::unique_ptr<WriteResponder> responder;  // null: answered already
  Time deadline;
  raft::Term term;        // of this member when the write arrived
  std::size_t bytes = 0;  // of the request
};

class PendingWrites {
 public:
  PendingWrites(std::uint64_t first_id, std::size_t limit, std::size_t bytes_max)
      : first_id_(first_id), limit_(limit), bytes_max_(bytes_max) {}

  // No room for one more of that size. A single one always fits.
  bool full(std::size_t bytes) const {
    return live_ >= limit_ || (live_ > 0 && live_bytes_ + bytes > bytes_max_);
  }
  std::size_t size() const { return live_; }
  std::uint64_t add(PendingWrite write);
  bool contains(std::uint64_t id) const;
  // The write, which is pending no more; its responder is null when `id` is unknown here.
  PendingWrite take(std::uint64_t id);
  // Removes and returns the writes whose deadline has passed, oldest first, with their ids.
  std::vector<std::pair<std::uint64_t, PendingWrite>> take_expired(Time now);

 private:
  PendingWrite take_slot(PendingWrite* slot);
  void drop_answered();

  std::uint64_t first_id_;  // of slots_[0]
  std::size_t limit_;
  std::size_t bytes_max_;
  std::size_t live_ = 0;
  std::size_t live_bytes_ = 0;
  std::deque<PendingWrite> slots_;
};

}  // namespace cairn::node
