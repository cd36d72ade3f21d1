// The inside of Node. One idea a file: events and turns in node.cc, client writes in writes.cc, full disks in
// space.cc, what the core decided in outputs.cc, status in status.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/command_codec.h"
#include "node/node.h"
#include "node/pending_reads.h"
#include "node/pending_writes.h"
#include "node/status.h"

namespace cairn::node {

struct Node::Impl final : mvcc::ApplySink {
  Impl(const Config& config, Recovered recovered, Ports ports, Time now);

  // ---- node.cc: events and turns ----
  void handle(Event event);
  void flush();
  Time deadline() const;
  void step(raft::Input input) { core.step(now, std::move(input), &out); }
  void read(ClientRead request);
  void serve_reads();
  void expire();
  bool leadership_changed() const { return leader() != leader_seen || term() != term_seen; }

  // ---- writes.cc: from a client into the log ----
  struct Commands {  // a serialized Batch from one member
    std::string batch;
    std::vector<std::uint64_t> ids;  // whose writes it holds; only for own ones
    raft::NodeId origin;             // 0: own
    raft::Term term;                 // in which alone it may be proposed; own ones: known when sent
  };
  void write(ClientWrite request);
  void receive_note(raft::NodeId from, std::string_view bytes);
  void receive_refusal(const Note& note);
  Commands& own_gathered();
  void gather_held();
  void send_gathered();
  void refuse(const Commands& commands, const Error& why);  // its member is told
  void propose(std::vector<Commands> commands);
  std::uint64_t leader_elapsed_ms();
  void propose_entry(std::string data, std::vector<Commands> parts, bool frees);
  void proposal_refused(const raft::Refused& refused);
  void retry_outlived(raft::Term applied);
  void answer(std::uint64_t id, mvcc::Outcome outcome);
  void fail_write(std::uint64_t id, Error why);

  // ---- space.cc ----
  void persisted(const LogPersisted& event);
  bool has_space_for_all() const;  // if this member leads
  void refuse_what_fills(Commands* commands);
  void refuse_what_fills(std::vector<Commands>* commands);

  // ---- outputs.cc: what the core decided ----
  void absorb(raft::Output output);
  void apply_committed();
  void apply(const raft::Entry& entry);
  void install(std::unique_ptr<mvcc::StateMachine> loaded, const raft::SnapshotMeta& meta);
  void tell_applied();
  void tell_loaded();
  void maybe_snapshot();
  bool wants(std::uint64_t request_id) const override { return writes.contains(request_id); }
  void done(std::uint64_t request_id, mvcc::Outcome outcome) override {
    answer(request_id, std::move(outcome));
  }

  // ---- status.cc ----
  MemberStatus status() const;
  MemberBrief brief() const;
  std::string waits_for() const;
  bool waits_for_long() const;
  raft::NodeId leader() const;
  raft::Term term() const;

  Config config;
  Ports ports;
  Time now;
  std::int64_t wall_ms = 0;
  raft::Core core;
  raft::Output out;
  std::unique_ptr<mvcc::StateMachine> machine;

  PendingWrites writes;
  PendingReads reads;
  std::vector<Commands> gathered;                            // this turn's
  Time held_retry_at;                                        // writes that no leader has taken
  std::map<std::uint64_t, std::vector<Commands>> proposing;  // by tag, until the core accepts or refuses
  std::uint64_t last_proposal_tag = 0;
  raft::Term clock_term;  // in which this member has last told the log how time passes
  Time clock_told;        // up to where
  std::uint64_t retried_writes = 0;
  raft::NodeId leader_seen;  // in the last turn
  raft::Term term_seen;
  std::uint64_t leadership = 0;  // counts changes of these two

  std::deque<raft::Entry> committed;  // not applied yet: waits for its slice, or for a snapshot to be loaded
  std::size_t apply_bytes_left = 0;   // in this turn
  std::vector<raft::StateHash> hashes;  // of what was applied since the core was told
  std::optional<raft::SnapshotMeta> loading;
  std::uint64_t failed_writes = 0;
  mvcc::OperationCounts operations_before;  // of machines that a snapshot has replaced
  raft::SnapshotMeta applied;               // where the machine stands: a snapshot cut now has this meta
  std::uint64_t log_bytes_since_snapshot = 0;
  std::uint64_t snapshot_size_bytes = 0;  // of the state, in the newest snapshot
  struct Saving {
    raft::Index index;
    std::uint64_t log_bytes = 0;          // of the log that it replaces
    std::uint64_t size_before_bytes = 0;  // of the snapshot before
  };
  std::optional<Saving> saving;  // the snapshot on its way to the disk
  bool snapshot_wanted = false;  // by a follower that needs more log than memory holds
  bool snapshot_lost = false;    // what is durable no longer covers what the log has dropped
  Time snapshot_retry_at;        // after a failed one
  Time swept;                    // when deadlines were last looked at
  bool turn_wanted = false;      // flush() made work for a further turn
  bool stopped = false;          // has diverged: nothing of it leaves any more
};

}  // namespace cairn::node
