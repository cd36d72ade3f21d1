// What clients ask of a member. api/ speaks to this and to nothing deeper.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "mvcc/outcome.h"
#include "mvcc/state_machine.h"
#include "raft/types.h"

namespace cairn::node {

// The field of command.Command that the request's bytes belong to.
enum class CommandKind : std::uint32_t {
  put = 10,
  delete_range = 11,
  txn = 12,
  compaction = 13,
  publish = 14
};

// Answered exactly once, on the thread that asked. Destroyed unanswered (shutdown) means: outcome unknown.
struct WriteResponder {
  virtual ~WriteResponder() = default;
  virtual void done(mvcc::Outcome outcome) = 0;
};

struct ClientWrite {
  CommandKind kind = CommandKind::put;
  std::string request;          // the client's serialized protobuf message, already validated
  std::string idempotency_key;  // empty: none
  Time deadline;                // afterwards the outcome is reported as unknown
  std::unique_ptr<WriteResponder> responder;
  Time leader_deadline = Time::max();  // refused then ("no leader") if no leader has taken it
  // The store had reached it before the key was used for the first time: tells a forgotten key from a new
  // one.
  std::int64_t idempotency_revision = 0;  // 0: the client does not say
};

// Answered exactly once, on the thread that asked.
struct ReadResponder {
  virtual ~ReadResponder() = default;
  virtual void ready(const mvcc::View& view) = 0;  // read here and now, or share it
  virtual void failed(Error error) = 0;
};

struct ClientRead {
  bool serializable = false;  // local, when the turn ends, possibly behind
  Time deadline;
  std::unique_ptr<ReadResponder> responder;
};

struct FollowerStatus {  // known to the leader only
  raft::NodeId id;
  raft::Index match, next;
  std::string state;  // probe, replicate, snapshot
  bool active = false;
  bool full = false;  // counts: remembers all that it has promised
  raft::Space space = raft::Space::plenty;
};

struct MemberStatus {
  std::uint64_t cluster_id = 0;
  raft::NodeId id, leader;  // leader 0: none known
  std::string role;         // leader, follower, candidate, pre-candidate, learner, non-member
  raft::Term term;
  raft::Index first, last, commit, applied, snapshot;
  std::uint64_t log_memory_bytes = 0;  // of the entries in memory
  std::int64_t revision = 0;
  raft::Members members;
  bool full = true;  // remembers all that it has promised
  raft::Incarnation incarnation;
  std::string waits_for;  // in words, while it does not count; else empty
  std::vector<FollowerStatus> followers;
  std::uint64_t pending_writes = 0;  // of this member's clients, waiting to be applied
  std::uint64_t failed_writes = 0;   // refused or timed out after they were accepted for proposing
  std::uint64_t retried_writes =
      0;  // proposed once more, as the leader they were sent to could not commit them
  mvcc::OperationCounts operations;                    // applied by this process
  raft::Space space = raft::Space::plenty;             // on this member's disk, for its log
  raft::Space space_for_writes = raft::Space::plenty;  // on a quorum of disks, as far as this member knows
};

// What every answer's header needs: asked for once an answer, so it must cost nothing.
struct MemberBrief {
  std::uint64_t cluster_id = 0;
  raft::NodeId id, leader;  // leader 0: none known
  raft::Term term;
  bool operator==(const MemberBrief&) const = default;
};

// What only the thread that owns the replica may ask it.
struct Replica {
  virtual ~Replica() = default;
  virtual MemberStatus status() const = 0;
  virtual std::shared_ptr<const mvcc::View> view() const = 0;  // the local state, possibly behind
};

// Runs on the replica's thread and returns what runs on the asker's.
using Question = std::function<std::function<void()>(const Replica&)>;

// One member as those see it who serve its clients, implemented by server/ around a Node: on the thread that
// owns the replica, where everything is answered at once that needs no waiting, and on others. Whatever is
// given here runs, and is destroyed, on the thread that gave it, except a Question while it is asked.
struct Member {
  virtual ~Member() = default;
  virtual Time now() const = 0;
  virtual void write(ClientWrite request) = 0;
  virtual void read(ClientRead request) = 0;
  virtual void ask(Question question) = 0;  // destroyed unasked when stopping
  // On another thread than the replica's these two are as the latest of its turns that has been heard of.
  virtual MemberBrief brief() const = 0;
  virtual std::shared_ptr<const mvcc::MemberMap> members() const = 0;
};

}  // namespace cairn::node
