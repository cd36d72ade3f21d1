// PendingReads: linearizable reads on their way through ReadIndex (thesis 6.4). All reads of one turn share
// one barrier. A barrier that fails, or stays unanswered because a message was lost, is asked again under a
// fresh tag until the reads' deadlines. Owner: Node. Bounded by Config::pending_reads_max (asked through
// full()).
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "node/requests.h"

namespace cairn::node {

class PendingReads {
 public:
  using Batch = std::vector<ClientRead>;

  PendingReads(std::size_t limit, Duration retry_after) : limit_(limit), retry_after_(retry_after) {}

  bool full() const { return size_ >= limit_; }
  bool empty() const { return size_ == 0; }
  void add(ClientRead read);

  // The tag of a barrier to ask for now, covering everything gathered; 0 when there is nothing to ask.
  std::uint64_t begin_barrier(Time now);
  // Answers to barriers; tags that are not known any more are ignored.
  void barrier_ready(std::uint64_t tag, raft::Index index);
  void barrier_failed(std::uint64_t tag);
  // Gathers failed and overdue barriers again. Called when time has passed or the leader has changed.
  void retry(Time now, bool leader_changed);

  Batch take_ready(raft::Index applied);
  Batch take_expired(Time now);

 private:
  struct Barrier {
    Batch reads;
    Time asked;
    bool failed = false;
  };

  std::size_t limit_;
  Duration retry_after_;
  std::size_t size_ = 0;
  std::uint64_t last_tag_ = 0;
  Batch gathered_;
  std::map<std::uint64_t, Barrier> barriers_;  // asked, by tag
  std::map<raft::Index, Batch> ready_;         // may be served once this index is applied
};

}  // namespace cairn::node
