// Reads: the reads of this member's clients, from their arrival until they are answered. The one place where
// reads are bounded and expire; the others are told. All reads of one turn share one barrier (ReadIndex,
// thesis 6.4). A barrier that fails is asked again under a fresh tag once the leadership is another one than
// when it was asked, and one that stays unanswered, because a message was lost, after a while: until the
// reads' deadlines. Whenever nobody waits for a barrier any more the core is told, which keeps none for
// longer. Owner: Node. Who waits for a barrier is bounded by Limits::count, and so are the barriers: each has
// at least one read. Serializable reads are answered when the turn ends, and not counted.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "mvcc/state_machine.h"
#include "node/core_port.h"
#include "node/requests.h"
#include "node/standing.h"

namespace cairn::node {

class Reads {
 public:
  using Batch = std::vector<ClientRead>;
  struct Limits {
    std::size_t count;
    Duration retry_after;  // of a barrier without an answer
  };

  Reads(const Limits& limits, CorePort& core) : limits_(limits), core_(core) {}

  // Answered later, or refused at once where there is no room. A serializable one needs no barrier: it is
  // ready at whatever index is applied when the turn ends, where all reads share one view.
  void add(ClientRead read);
  bool empty() const { return size_ == 0; }

  // ---- once a turn, in this order ----
  void expire(const Standing& standing);  // may be left out
  // Asks for a barrier for all that was gathered, that failed under an earlier leadership, or is overdue.
  void ask(const Standing& standing);
  // The log has no room for what is at this index or behind it: who waits for that is told at once, and may
  // ask another member.
  void refuse_from(raft::Index index);
  void serve(const mvcc::StateMachine& machine);
  bool any_failed() const { return any_failed_; }  // since the last ask()

  // ---- what the core says; of barriers that are not known any more, nothing ----
  void ready(const raft::ReadReady& barrier);
  void failed(const raft::ReadFailed& barrier);

 private:
  struct Barrier {
    Batch reads;
    Time asked;
    std::uint64_t leadership = 0;
    bool failed = false;
  };

  void gather_again(const Standing& standing);
  Batch take_ready(raft::Index applied);
  Batch take_expired(Time now);
  void abandon(std::vector<std::uint64_t> tags);

  const Limits limits_;
  CorePort& core_;
  std::size_t size_ = 0;
  std::uint64_t last_tag_ = 0;
  bool any_failed_ = false;
  Batch gathered_;
  std::map<std::uint64_t, Barrier> barriers_;  // asked, by tag
  std::map<raft::Index, Batch> ready_;         // may be served once this index is applied
};

}  // namespace cairn::node
