// PendingWrites: the clients of this member that wait for their write to be applied, found by request id, and
// where each write's command is. Request ids count up from a start that differs at every start of a member,
// so an id is its own position: lookup, insertion and removal are O(1) without a hash. Owner: Node. Bounded
// by Config::pending_writes_max and pending_write_bytes_max (asked through full()); the slots of answered
// writes go once all older ones are answered, at the latest when those expire.
//
// A command is held here (no leader has it, so it surely is in no log), or it was sent: then it is in the log
// of the leader of exactly one term, or on its way there, or lost. It may be sent again only once it surely
// is nowhere: docs/adr/0011-writes-wait-for-the-next-leader.md has the argument.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "node/backlog.h"
#include "node/requests.h"
#include "raft/types.h"

namespace cairn::node {

struct PendingWrite {
  std::unique_ptr<WriteResponder> responder;  // null: answered already
  Time arrived, deadline;
  Time leader_deadline;  // given up earlier, at this time, when no leader has it then
  std::size_t size_bytes = 0;
  raft::Term arrived_term;  // this member's when the write came
  raft::Term sent_term;     // the one in which it may be in a log; 0: in none
  Bytes batch;              // with its command; null: never to be sent (again)
};

class PendingWrites {
 public:
  struct Limits {
    std::size_t count, bytes;
  };
  // Commands that one batch holds, besides others.
  struct Held {
    Bytes batch;
    std::vector<std::uint64_t> ids;  // ascending
  };

  PendingWrites(std::uint64_t first_id, Limits limits)
      : first_id_(first_id), limits_(limits), queue_from_(first_id) {}

  // No room for one more of that size. A single one always fits.
  bool full(std::size_t bytes) const {
    return live_ >= limits_.count || (live_ > 0 && live_bytes_ + bytes > limits_.bytes);
  }
  std::size_t size() const { return live_; }
  // Those that came after every one that is done: what waits in front of the next. Others that were left
  // behind, because nobody knows what has become of them, are in nobody's way.
  const Amount& queue() const { return queue_; }
  std::uint64_t add(PendingWrite write);
  bool contains(std::uint64_t id) const;
  // The write, which is pending no more; its responder is null when `id` is unknown here.
  PendingWrite take(std::uint64_t id);
  // The same of one that was applied.
  PendingWrite take_done(std::uint64_t id);
  // Removes and returns the writes whose time is over, oldest first, with their ids.
  std::vector<std::pair<std::uint64_t, PendingWrite>> take_expired(Time now);

  // All of these ignore writes that are not pending any more.
  void hold(std::uint64_t id, Bytes batch);
  void sent(std::uint64_t id, raft::Term term, Bytes batch);
  // The leader of that term has it no more, surely. False: it was sent elsewhere since.
  bool refused(std::uint64_t id, raft::Term term);
  // An entry of term `applied` was applied here: what was sent in an earlier one and is still pending can
  // never commit. How many those are; they are held again.
  std::size_t outlived(raft::Term applied);
  // A snapshot up to an entry of this term was installed: what was sent until then may be inside, unseen.
  void obscured(raft::Term term);
  bool any_held() const { return any_held_; }
  // Whoever takes them sends them or holds them again.
  std::vector<Held> take_held();

 private:
  PendingWrite* find(std::uint64_t id) { return contains(id) ? &slots_[id - first_id_] : nullptr; }
  PendingWrite remove(std::size_t offset);
  // queue_from_ is never before first_id_; ids wrap.
  bool in_queue(std::uint64_t id) const { return id - queue_from_ < first_id_ + slots_.size() - queue_from_; }
  void leave_queue(const PendingWrite& write);
  void drop_answered();

  std::uint64_t first_id_;  // of slots_[0]
  Limits limits_;
  std::size_t live_ = 0, live_bytes_ = 0;
  Amount queue_;
  std::uint64_t queue_from_;  // the id behind the last one that is done
  bool any_held_ = false;     // perhaps
  std::deque<PendingWrite> slots_;
};

}  // namespace cairn::node
