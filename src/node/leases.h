// Leases: their time, which only the member that leads keeps (docs/adr/0028-leases.md). Who leads since now
// gives each lease what its last checkpoint left and an election timeout more, a slice of them in each turn,
// or when one is asked for. What has expired it proposes to revoke, many in an entry, for its own term and
// those generations alone. Keep-alives are answered once a barrier of the turn has confirmed that it leads,
// and never while it is open whether the lease expires, or before the state gives a next leader all of the
// lease again: so whoever is told of a renewal has it. Owner: Node. Bounds: Limits; one timer a lease, and
// questions as many as Questions take.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "mvcc/state_machine.h"
#include "node/lease_timers.h"
#include "node/own_proposal.h"
#include "node/question.h"
#include "node/requests.h"
#include "node/standing.h"

namespace cairn::node {

struct LeaseLimits {
  // What is due is looked for this often, at most.
  Duration look_interval = std::chrono::milliseconds(100);
  Duration checkpoint_interval = std::chrono::minutes(5);
  std::size_t expired_max = 1000;        // leases in one entry
  std::size_t expired_keys_max = 10000;  // attached to these; a single lease may have more
  std::size_t checkpoints_max = 1000;    // in one entry
  std::size_t slice = 1000;              // leases that one turn of a new leader takes on, or drops
  std::size_t calls_max = 50000;         // of this member's clients, not answered; beyond: too_many_requests
  std::size_t call_batch_max = 20000;    // of them in one question
};

// What the parts around it do for it. Implemented by Node.
struct LeasePort {
  virtual ~LeasePort() = default;
  virtual void propose(OwnProposal proposal) = 0;
  virtual void read(ClientRead read) = 0;
};

class Leases {
 public:
  // `extension`: an election timeout, which a new leader gives in addition.
  Leases(const LeaseLimits& limits, Duration extension, LeasePort& port)
      : limits_(limits), extension_(extension), port_(port) {}
  Leases(const Leases&) = delete;
  Leases& operator=(const Leases&) = delete;

  // A question of some member's clients, at the leader; the body: LeaseCalls.
  void asked(LeaseCallKind kind, std::string_view body, Reply reply);
  // An entry has granted, revoked or looked at these.
  void changed(const std::vector<std::int64_t>& ids, const Standing& standing,
               const mvcc::StateMachine& machine);

  // ---- once a turn, in this order ----
  // `applied`: of the newest entry that the state holds. Time is kept from the first of this member's own
  // term on: only then the state has all that leaders before it have said of leases.
  void begin_turn(const Standing& standing, raft::Term applied, const mvcc::StateMachine& machine);
  void answer(const Standing& standing, const mvcc::StateMachine& machine);

  // It leads, and could keep time since this turn.
  bool may_begin(const Standing& standing, raft::Term applied) const {
    return standing.leads() && applied == standing.term && term_ != standing.term;
  }
  bool wants_turn() const { return walking_ || !dropping_.empty() || news_; }
  Time deadline() const;
  std::size_t timers() const { return timers_.size(); }

 private:
  struct Round {
    LeaseCallKind kind;
    std::vector<std::int64_t> ids;
    Reply reply;
  };
  struct UnderWay {
    std::vector<std::int64_t> ids;
    std::uint64_t number = 0;  // of the proposal
    bool proposed = false, over = false;
    OwnOutcome::Kind outcome{};
  };
  struct Confirmation;

  void lead(const Standing& standing);
  void resign();
  void walk(const mvcc::StateMachine& machine);
  void take_outcomes(Time now, const mvcc::StateMachine& machine);
  void look(Time now, const mvcc::StateMachine& machine);
  void propose_expiry(const std::vector<std::int64_t>& ids);
  void propose_checkpoints(Time now, const std::vector<std::int64_t>& due);
  bool wants_resets() const { return !resets_.empty() && !checkpoint_.proposed; }
  void propose(CommandKind kind, std::string request, bool frees, UnderWay* under_way,
               std::vector<std::int64_t> ids);
  void confirmed(std::uint64_t barrier, bool leads);
  bool finish(Round& round, Time now, const mvcc::StateMachine& machine);
  bool may_renew(const Round& round);
  LeaseTimer* timer_of(std::int64_t id, Time now, const mvcc::StateMachine& machine);
  void start(const mvcc::LeaseInfo& lease, Time now, Time expiry);
  Time wake_of(const LeaseTimer& timer, Time now) const;

  const LeaseLimits limits_;
  const Duration extension_;
  LeasePort& port_;

  raft::Term term_;  // in which this member leads and keeps time; 0: it does not
  Time since_{};     // when that began
  LeaseTimers timers_;
  std::vector<LeaseTimers> dropping_;  // of earlier terms
  bool walking_ = false;               // not all leases of the state have timers yet
  std::optional<std::int64_t> walked_;
  Time looked_{};

  std::vector<Round> gathered_;                              // this turn's
  std::map<std::uint64_t, std::vector<Round>> unconfirmed_;  // by their barrier
  std::vector<Round> confirmed_;                             // to be answered
  std::uint64_t last_barrier_ = 0, last_proposal_ = 0;

  UnderWay expiry_, checkpoint_;   // at most one proposal of each kind is
  std::set<std::int64_t> resets_;  // wanted by renewals: all of the lease again
  Time resets_after_{};
  bool news_ = false;
};

}  // namespace cairn::node
