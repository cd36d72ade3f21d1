// What the core decided, carried out: messages, log writes, applies, snapshots.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/reached.h"
#include "node/impl.h"
#include "raft/state.h"

namespace cairn::node {

void Node::Impl::absorb(raft::Output output) {
  if (!output.forgot.empty()) ports.memory.forgot(output.forgot);
  if (!output.diverged.empty()) {
    stopped = true;
    return ports.memory.diverged(output.diverged);
  }
  for (raft::Message& message : output.send) {
    if (std::holds_alternative<raft::SnapshotOffer>(message.body)) {
      ports.snapshots.send(std::move(message));
    } else {
      ports.transport.send(std::move(message));
    }
  }
  for (raft::LogWrite& write : output.write) ports.log.write(std::move(write));
  for (const raft::Accepted& accepted : output.accepted) proposing.erase(accepted.tag);
  for (const raft::Refused& refused : output.refused) proposal_refused(refused);
  for (const raft::ReadReady& ready : output.reads) reads.barrier_ready(ready.tag, ready.index);
  for (const raft::ReadFailed& failed : output.reads_failed) reads.barrier_failed(failed.tag);
  snapshot_wanted = snapshot_wanted || output.snapshot_wanted;
  if (output.install.has_value()) {
    REACHED("node.snapshot.loading");
    // What was committed before the snapshot is inside it.
    committed.clear();
    loading = output.install;
    ports.snapshots.load(*output.install);
  }
  std::move(output.apply.begin(), output.apply.end(), std::back_inserter(committed));
}

void Node::Impl::apply_committed() {
  if (loading.has_value() || committed.empty()) return;
  while (!committed.empty() && apply_bytes_left > 0) {
    apply_bytes_left -= std::min(apply_bytes_left, raft::size_bytes(committed.front()));
    apply(committed.front());
    committed.pop_front();
  }
  if (!committed.empty()) REACHED("node.apply.sliced");
  if (!committed.empty()) turn_wanted = true;
  tell_applied();
}

void Node::Impl::tell_applied() {
  // Slow followers get more patience from a large state: a snapshot of it costs more than the log it
  // replaces.
  const std::uint64_t keep_bytes =
      std::max(config.log_memory_bytes, snapshot_size_bytes / config.log_memory_share);
  step(raft::Applied{applied.index, saving.has_value() ? saving->index : applied.index, keep_bytes,
                     std::exchange(hashes, {})});
}

// A state that was loaded and not made by applying is compared with the others' as well, without a write.
void Node::Impl::tell_loaded() {
  if (applied.index.v == 0) return;
  hashes = {{applied.index, machine->state_hash()}};
  tell_applied();
}

void Node::Impl::apply(const raft::Entry& entry) {
  CHECK(entry.index == applied.index.next());  // C1
  const bool new_term = entry.term > applied.term;
  applied.index = entry.index;
  applied.term = entry.term;
  if (entry.type == raft::EntryType::members)
    applied.members = raft::snapshot_meta_at(core.state(), entry.index).members;
  const bool command = entry.type == raft::EntryType::command && entry.data != nullptr;
  if (entry.data != nullptr) log_bytes_since_snapshot += entry.data->size();
  machine->apply(entry.index.v, command ? std::string_view(*entry.data) : std::string_view{}, this);
  hashes.push_back({entry.index, machine->state_hash()});
  if (new_term) retry_outlived(entry.term);
}

void Node::Impl::install(std::unique_ptr<mvcc::StateMachine> loaded, const raft::SnapshotMeta& meta) {
  if (!loading.has_value() || *loading != meta)
    return REACHED("node.snapshot.superseded");  // a newer one is on its way
  CHECK(loaded->applied_index() == meta.index.v);
  operations_before += machine->operations();
  machine = std::move(loaded);
  applied = meta;
  loading.reset();
  log_bytes_since_snapshot = 0;
  snapshot_size_bytes = machine->view()->size_bytes();
  writes.obscured(meta.term);
  tell_loaded();
  turn_wanted = true;
}

void Node::Impl::maybe_snapshot() {
  if (saving.has_value() || loading.has_value() || now < snapshot_retry_at) return;
  // Against the size of the last snapshot, so that the cost of snapshots stays proportional to the log they
  // replace. Not against the size of the state now: without compaction that grows as fast as the log does.
  const bool due = log_bytes_since_snapshot >= std::max(config.snapshot_log_bytes_min, snapshot_size_bytes);
  if (!due && !snapshot_wanted && !snapshot_lost) return;
  // After a restart the log behind the newest snapshot may be long and not applied yet.
  const raft::Index newest = core.state().log.snapshot().index;
  if (applied.index < newest || (applied.index == newest && !snapshot_lost)) return;
  const std::shared_ptr<const mvcc::View> view = machine->view();
  snapshot_wanted = false;
  saving = Saving{applied.index, log_bytes_since_snapshot, snapshot_size_bytes};
  snapshot_size_bytes = view->size_bytes();
  ports.snapshots.save(applied, view);
}

}  // namespace cairn::node
