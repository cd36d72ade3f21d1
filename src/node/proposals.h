// Proposals: client writes on their way into the log: gathered for a turn, proposed where this member leads,
// forwarded to the leader where it does not, held while no leader takes them. A write of an own client is in
// at most one log at a time: it is sent again only when it surely can never commit where it was sent before
// (docs/adr/0011-writes-wait-for-the-next-leader.md). What other members forward is proposed in the term that
// it names, or refused. Owner: Node. Bounded by Limits: the own clients' writes, refused beyond. What others
// forward waits for no longer than the turn, and is bounded by the core
// (raft::Config::uncommitted_bytes_max).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "node/backlog.h"
#include "node/command_codec.h"
#include "node/core_port.h"
#include "node/leader_clock.h"
#include "node/pending_writes.h"
#include "node/ports.h"
#include "node/requests.h"
#include "node/standing.h"

namespace cairn::node {

class Proposals {
 public:
  struct Limits {
    PendingWrites::Limits pending;
    BacklogLimits backlog;
    std::size_t batch_bytes;  // of the proposals that become one entry; a single one always fits
    Duration retry_interval;  // of writes that no leader has taken
  };
  Proposals(std::uint64_t first_id, const Limits& limits, CorePort& core, Transport& transport,
            LeaderClock& clock)
      : limits_(limits),
        core_(core),
        transport_(transport),
        clock_(clock),
        pending_(first_id, limits.pending),
        backlog_(limits.backlog) {}

  // ---- what arrives; it leaves with the turn ----
  void write(ClientWrite request, const Standing& standing);
  void forwarded(raft::NodeId from, const ForwardedWrites& writes);
  void refused(const RefusedWrites& writes);  // by the leader that they were forwarded to

  // ---- once a turn, in this order ----
  void expire(const Standing& standing);  // may be left out
  // lacks_space: only what makes room is proposed (space.h).
  void send(const Standing& standing, bool lacks_space);

  // ---- what the core decides ----
  void accepted(const raft::Accepted& proposal) { proposed_.erase(proposal.tag); }
  void refused(const raft::Refused& proposal);

  // ---- what is applied ----
  bool wants(std::uint64_t request_id) const { return pending_.contains(request_id); }
  void done(std::uint64_t request_id, mvcc::Outcome outcome);
  // An entry of this term. What was proposed in an earlier one is among the entries applied by now, or will
  // never be committed: terms only grow along a log, and this entry, being committed, is in the log of every
  // leader to come. True: there is something to send again.
  bool outlived(raft::Term applied, Time now);
  // A snapshot up to this term: what was sent until then may be inside, unseen.
  void obscured(raft::Term installed) { pending_.obscured(installed); }

  std::size_t pending() const { return pending_.size(); }
  std::uint64_t failed() const { return failed_; }    // refused or timed out after they were taken
  std::uint64_t retried() const { return retried_; }  // sent once more

 private:
  // Commands of one member on their way.
  struct Commands {
    std::string own;  // a serialized Batch of own clients, while it grows...
    Bytes shared;     // ...or what is in the note that another member forwarded
    std::string_view shared_batch;
    std::vector<std::uint64_t> ids;  // whose writes it holds; only of own clients
    raft::NodeId origin;             // 0: own
    raft::Term term;                 // in which alone it may be proposed; own ones: known when sent
    std::string_view batch() const { return origin == raft::NodeId{} ? own : shared_batch; }
  };

  Commands& own_gathered();
  void gather_held(const Standing& standing);
  bool forward(Commands commands, const Standing& standing, bool room);
  void refuse(const Commands& commands, std::string_view batch, const Error& why);
  void keep_what_makes_room(std::vector<Commands>* commands);
  void propose(std::vector<Commands> commands, const Standing& standing, bool frees);
  void propose_entry(std::string data, std::vector<Commands> parts, bool frees);
  void fail(std::uint64_t id, const Error& why);

  const Limits limits_;
  CorePort& core_;
  Transport& transport_;
  LeaderClock& clock_;
  PendingWrites pending_;
  Backlog backlog_;
  Backlog::Done done_;                                       // since the last turn
  std::vector<Commands> gathered_;                           // this turn's
  std::map<std::uint64_t, std::vector<Commands>> proposed_;  // by tag, until the core accepts or refuses
  std::uint64_t last_tag_ = 0;
  std::uint64_t leadership_seen_ = 0;  // of the last turn
  Time held_retry_at_;
  std::uint64_t failed_ = 0, retried_ = 0;
};

}  // namespace cairn::node
