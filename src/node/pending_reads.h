// PendingReads: linearizable reads on their way through ReadIndex (thesis 6.4). All reads of one turn share
// one barrier. A barrier that fails is asked again under a fresh tag once the leadership is another one than
// when it was asked, and one that stays unanswered, because a message was lost, after a while: until the
// reads' deadlines. Owner: Node. Bounded by Config::pending_reads_max (asked through
// full()).
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "node/requests.h"
#include "raft/types.h"

namespace cairn::node {

class PendingReads {
 public:
  using Batch = std::vector<ClientRead>;

  PendingReads(std::size_t limit, Duration retry_after) : limit_(limit), retry_after_(retry_after) {}

  bool full() const { return size_ >= limit_; }
  bool empty() const { return size_ == 0; }
  void add(ClientRead read);
  // Needs no barrier: it is ready at whatever index is applied when the turn ends, where all reads share one
  // view.
  void add_local(ClientRead read);

  // The tag of a barrier to ask for now, covering everything gathered; 0 when there is nothing to ask.
  // `leadership` counts the changes of leader and term that this member has seen.
  std::uint64_t begin_barrier(Time now, std::uint64_t leadership);
  // Answers to barriers; tags that are not known any more are ignored.
  void barrier_ready(std::uint64_t tag, raft::Index index);
  void barrier_failed(std::uint64_t tag);
  // Gathers again what failed under an earlier leadership, and what is overdue. Called in every turn.
  void retry(Time now, std::uint64_t leadership);
  bool any_failed() const { return any_failed_; }  // since the last retry()

  Batch take_ready(raft::Index applied);
  Batch take_expired(Time now);

 private:
  struct Barrier {
    Batch reads;
    Time asked;
    std::uint64_t leadership = 0;
    bool failed = false;
  };

  std::size_t limit_;
  Duration retry_after_;
  std::size_t size_ = 0;
  std::uint64_t last_tag_ = 0;
  bool any_failed_ = false;
  Batch gathered_;
  std::map<std::uint64_t, Barrier> barriers_;  // asked, by tag
  std::map<raft::Index, Batch> ready_;         // may be served once this index is applied
};

}  // namespace cairn::node
