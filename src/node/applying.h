// Applying: the state machine of this member, and what is committed and not applied yet: it waits for its
// slice of a turn, or for a snapshot that is being loaded in place of the state. Owner: Node. Bounded: by
// bytes a turn (and at least one entry); what is committed is in the core's log all the same, which bounds
// it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "mvcc/state_machine.h"
#include "raft/types.h"

namespace cairn::node {

class Applying {
 public:
  struct Progress {
    std::uint64_t log_bytes = 0;                        // of what was applied
    std::vector<raft::Configuration> configurations{};  // that came into force, in order
    std::optional<raft::Term> latest_term{};  // of an entry that was applied, if it is later than all before
  };

  // machine: at applied.index.
  Applying(std::unique_ptr<mvcc::StateMachine> machine, raft::SnapshotMeta applied,
           std::size_t bytes_per_turn);

  void committed(std::vector<raft::Entry> entries);
  // ---- a snapshot in place of the state: what was committed before is inside it ----
  void await(raft::SnapshotMeta meta);
  bool is_loading() const { return loading_.has_value(); }
  bool install(std::unique_ptr<mvcc::StateMachine> loaded,
               const raft::SnapshotMeta& meta);  // false: too late

  // ---- once a turn ----
  void begin_turn() { bytes_left_ = bytes_per_turn_; }
  // As much as the turn has left, and a snapshot under way lets; nothing when there was nothing to do.
  std::optional<Progress> apply(mvcc::ApplySink* sink);
  // Of what compaction has made superfluous; true: there is more to drop.
  bool collect(std::size_t records_max) { return !is_loading() && machine_->collect(records_max); }
  bool has_more() const { return !committed_.empty() && !is_loading(); }

  // Where the state stands: a snapshot cut now has this meta.
  const raft::SnapshotMeta& applied() const { return applied_; }
  const mvcc::StateMachine& machine() const { return *machine_; }
  mvcc::OperationCounts operations() const;    // by this process
  std::vector<raft::StateHash> take_hashes();  // of what was applied or loaded since then

 private:
  void apply(const raft::Entry& entry, mvcc::ApplySink* sink, Progress* progress);

  const std::size_t bytes_per_turn_;
  std::unique_ptr<mvcc::StateMachine> machine_;
  raft::SnapshotMeta applied_;
  std::deque<raft::Entry> committed_;
  std::size_t bytes_left_ = 0;
  std::vector<raft::StateHash> hashes_;
  std::optional<raft::SnapshotMeta> loading_;
  mvcc::OperationCounts operations_before_;  // of machines that a snapshot has replaced
};

}  // namespace cairn::node
