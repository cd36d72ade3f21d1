// OwnProposals: what this member proposes for itself, and what became of it. Fenced by term, here and once
// more by the core: proposed at the end of the turn if this member still leads in the term it was decided in,
// else refused; then never again. It never shares an entry with what clients want. Owner: Node. Bounded by
// Limits; beyond, refused as overloaded.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "node/core_port.h"
#include "node/leader_clock.h"
#include "node/own_proposal.h"
#include "node/standing.h"

namespace cairn::node {

class OwnProposals {
 public:
  struct Limits {
    std::size_t count = 1024;                   // not applied yet
    std::size_t bytes = std::size_t{16} << 20;  // of their requests; a single one always fits
    std::size_t batch_bytes;                    // of those that become one entry; likewise
  };
  OwnProposals(std::uint64_t first_id, const Limits& limits, CorePort& core, LeaderClock& clock)
      : limits_(limits), core_(core), clock_(clock), first_id_(first_id), next_id_(first_id) {}

  void propose(OwnProposal proposal, const Standing& standing);

  // ---- once a turn ----
  void send(const Standing& standing);
  void end_turn();  // tells whoever proposed

  // ---- what the core decides ----
  void accepted(const raft::Accepted& proposal) { proposed_.erase(proposal.tag); }
  void refused(const raft::Refused& proposal);

  // ---- what is applied ----
  bool owns(std::uint64_t request_id) const { return request_id - first_id_ < next_id_ - first_id_; }
  bool wants(std::uint64_t request_id) const { return pending_.contains(request_id); }
  void done(std::uint64_t request_id, mvcc::Outcome outcome);
  void outlived(raft::Term applied);    // an entry of this term; an earlier one adds nothing any more
  void obscured(raft::Term installed);  // a snapshot up to this term may hold what was proposed until then

  std::size_t pending() const { return pending_.size(); }
  bool wants_turn() const { return !gathered_.empty() || !telling_.empty(); }

 private:
  struct Pending {
    raft::Term term;
    std::size_t size_bytes = 0;
    std::function<void(OwnOutcome)> done;
  };
  struct Entry {
    std::string batch;
    std::vector<std::uint64_t> ids;
    raft::Term term;
    bool frees = false;
  };
  struct Told {
    std::function<void(OwnOutcome)> done;
    OwnOutcome outcome;
  };

  Entry& entry_for(const OwnProposal& proposal);
  void finish(std::uint64_t id, OwnOutcome outcome);
  template <class Over>
  void finish_all(Over is_over, OwnOutcome::Kind kind);
  void refuse(const std::vector<std::uint64_t>& ids, raft::Refusal why);

  const Limits limits_;
  CorePort& core_;
  LeaderClock& clock_;
  const std::uint64_t first_id_;
  std::uint64_t next_id_;
  std::uint64_t last_tag_ = 0;
  std::vector<Entry> gathered_;  // this turn's
  std::map<std::uint64_t, std::vector<std::uint64_t>>
      proposed_;                              // ids by tag, until the core accepts or refuses
  std::map<std::uint64_t, Pending> pending_;  // by id
  std::size_t pending_bytes_ = 0;
  std::vector<Told> telling_;
};

}  // namespace cairn::node
