// Node: everything one replica decides, without threads: the Raft core, the state machine, the clients that
// wait. Deterministic: same configuration, recovered state and sequence of (now, event) give the same port
// calls. The simulator runs this very class. Threading: one thread (the loop's). Use: handle() any number of
// events, then flush() once: what they caused goes out in one batch, so proposals of one loop turn become one
// entry, one log write and one message a follower.
#pragma once

#include <memory>
#include <variant>

#include "base/time.h"
#include "mvcc/state_machine.h"
#include "node/auto_compaction.h"
#include "node/backlog.h"
#include "node/change_membership.h"
#include "node/leases.h"
#include "node/own_proposal.h"
#include "node/ports.h"
#include "node/question.h"
#include "node/requests.h"
#include "node/status.h"
#include "raft/core.h"

namespace cairn::node {

struct LogPersisted {  // also without news of writes, when the room has changed
  raft::WriteSeq seq;
  raft::Room room{};  // left behind that write
};
struct MessageReceived {
  raft::Message message;
};
struct NoteReceived {
  raft::NodeId from;
  Bytes note;
};
struct SnapshotSaved {
  raft::SnapshotMeta meta;
};
struct SnapshotFailed {  // for a shortage, such as a full disk: tried again later
  raft::SnapshotMeta meta;
};
struct SnapshotLost {  // the newest turned out to be damaged and is put aside: another is cut at once
  raft::SnapshotMeta meta;
};
struct SnapshotLoaded {
  raft::SnapshotMeta meta;
  std::unique_ptr<mvcc::StateMachine> machine;
};
struct SnapshotSent {
  raft::NodeId to;
  bool ok = false;
  std::string refused{};  // what the receiver has against it, in its words; empty: it has said nothing
};
struct SnapshotNotTaken {};  // raft::SnapshotNotTaken
struct PeerUnreachable {
  raft::NodeId peer;
};
struct PeerConnectionLost {
  raft::NodeId peer;
};
struct TimePassed {};
struct TransferLeadership {  // shutting down
  raft::NodeId to;           // 0: the best voter
};
// A change that a client of this member asks for, whoever leads. ChangeMembership is of this member as
// leader.
struct Tune {  // what of the Config may be changed while the member runs
  std::uint64_t quota_bytes = 0;
  AutoCompactionConfig compaction{};
};
struct MembershipCall {
  ChangeMembership change;
};
using Event =
    std::variant<TimePassed, LogPersisted, MessageReceived, NoteReceived, ClientWrite, ClientRead, MoveLeader,
                 OwnProposal, LeaderQuestion, LeaseCall, ChangeMembership, MembershipCall, SnapshotSaved,
                 SnapshotFailed, SnapshotLost, SnapshotLoaded, SnapshotSent, SnapshotNotTaken,
                 PeerUnreachable, PeerConnectionLost, TransferLeadership, Tune>;

struct Config {
  raft::Config raft;
  std::uint64_t cluster_id = 0;
  std::uint64_t request_id_seed = 0;  // differs at every start of a member, so that request ids never repeat
  std::uint64_t snapshot_log_bytes_min = std::uint64_t{64} << 20;  // or the size of the state, if larger
  // Of applied log, kept for slow followers; or this share (at least 1) of the state, if that is larger.
  std::uint64_t log_memory_bytes = std::uint64_t{16} << 20;
  std::uint64_t log_memory_share = 16;
  std::size_t pending_writes_max = 5000;                         // beyond: too_many_requests
  std::size_t pending_write_bytes_max = std::size_t{128} << 20;  // of their requests; likewise
  BacklogLimits backlog{};                                       // what would wait for too long: likewise
  std::size_t pending_reads_max = 50000;
  std::size_t own_proposals_max = 1024;                        // not applied yet; beyond: overloaded
  std::size_t own_proposal_bytes_max = std::size_t{16} << 20;  // of their requests; likewise
  QuestionLimits questions{};
  LeaseLimits leases{};
  std::size_t membership_changes_max = 16;  // not answered yet; beyond: overloaded
  std::size_t membership_calls_max = 16;    // of this member's clients, likewise
  // A learner that lacks more entries than that is not promoted yet.
  std::uint64_t promotion_lag_max = 1000;
  std::size_t learners_max = 8;  // beyond, nobody is added
  // After a restart, or behind a snapshot, a long stretch of log is committed at once: it is applied in
  // slices, so that the member answers meanwhile.
  std::size_t apply_bytes_per_turn = std::size_t{4} << 20;
  std::size_t batch_bytes_max = std::size_t{1} << 20;  // of the proposals that become one entry
  // What keys, history and log may take of this member's memory before it raises the alarm NOSPACE; 0:
  // anything.
  std::uint64_t quota_bytes = 0;
  AutoCompactionConfig compaction{};
  std::size_t leader_moves_max = 16;  // not answered yet; beyond: too_many_requests
  std::size_t removals_max = 1024;    // compactions that are answered once their removal is done
  // Dropped in a turn that applies nothing, of what compaction has made superfluous.
  std::size_t removed_records_per_turn = 2048;
  // Waiting work is looked at this often: clients' deadlines (a late "unknown" harms nobody, a timer each
  // would cost), and writes that the leader refused to take, since it is handing over.
  Duration sweep_interval = std::chrono::milliseconds(50);
  // A snapshot that failed, for want of room on the disk, is tried again after this.
  Duration snapshot_retry_interval = std::chrono::seconds(10);
  // A follower that still lacks what there was so long ago is behind: it is not counted for what the cluster
  // tolerates.
  Duration behind_after = std::chrono::seconds(2);
};

struct Recovered {
  raft::Recovered raft;
  std::unique_ptr<mvcc::StateMachine> machine;  // at raft.snapshot.index
};

class Node {
 public:
  struct Ports {
    LogPort& log;
    Transport& transport;
    SnapshotPort& snapshots;
    MemoryPort& memory;
    Audience* audience = nullptr;  // nobody follows
  };
  Node(const Config& config, Recovered recovered, Ports ports, Time now);
  ~Node();

  // `wall_ms` is the wall clock, written beside the commands of this event for whoever reads the log: nothing
  // is decided by it.
  void handle(Time now, std::int64_t wall_ms, Event event);
  void flush();
  Time deadline() const;
  // Questions of this kind, asked of this member while it leads. One handler a kind.
  void answer_with(QuestionKind kind, QuestionHandler handler);

  MemberNumbers numbers() const;
  MemberStatus status(const RefusedBy& refused_by = {}) const;
  MemberBrief brief() const;
  raft::NodeId leader() const;  // 0: none known
  std::shared_ptr<const mvcc::View> view() const;
  std::shared_ptr<const mvcc::MemberMap> members() const;
  const mvcc::StateMachine& machine() const;
  const raft::Core& core() const;
  // As they were known here before it was started: all changes of users that its log held then are applied.
  bool knows_users() const;
  // For whom this member waits, and why: a sentence; empty when it counts, and has a leader or will soon.
  std::string waits_for(const RefusedBy& refused_by = {}) const;
  bool waits_for_long() const;  // there has been no leader for longer than an election takes

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cairn::node
