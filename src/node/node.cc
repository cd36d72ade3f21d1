#include "node/node.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/match.h"
#include "base/reached.h"
#include "etcd/reasons.h"
#include "node/impl.h"
#include "node/status.h"

namespace cairn::node {
namespace {

bool is_empty(const raft::Output& out) {
  return out.send.empty() && out.write.empty() && out.apply.empty() && out.accepted.empty() &&
         out.refused.empty() && out.reads.empty() && out.reads_failed.empty() && !out.snapshot_wanted &&
         !out.install.has_value() && out.forgot.empty() && out.diverged.empty();
}

}  // namespace

Node::Node(const Config& config, Recovered recovered, Ports ports, Time now)
    : impl_(std::make_unique<Impl>(config, std::move(recovered), ports, now)) {}
Node::~Node() = default;

void Node::handle(Time now, std::int64_t wall_ms, Event event) {
  CHECK(now >= impl_->now);
  impl_->now = now;
  impl_->wall_ms = wall_ms;
  if (!impl_->stopped) impl_->handle(std::move(event));
}

void Node::flush() {
  if (!impl_->stopped) impl_->flush();
}
Time Node::deadline() const { return impl_->stopped ? Time::max() : impl_->deadline(); }
MemberStatus Node::status() const { return impl_->status(); }
MemberBrief Node::brief() const { return impl_->brief(); }
raft::NodeId Node::leader() const { return impl_->leader(); }
std::shared_ptr<const mvcc::View> Node::view() const { return impl_->machine->view(); }
std::shared_ptr<const mvcc::MemberMap> Node::members() const { return impl_->machine->members(); }
const raft::Core& Node::core() const { return impl_->core; }
std::string Node::waits_for() const { return impl_->waits_for(); }
bool Node::waits_for_long() const { return impl_->waits_for_long(); }

Node::Impl::Impl(const Config& node_config, Recovered recovered, Ports node_ports, Time start)
    : config(node_config),
      ports(node_ports),
      now(start),
      core(config.raft, recovered.raft, start),
      machine(std::move(recovered.machine)),
      writes(config.request_id_seed, {config.pending_writes_max, config.pending_write_bytes_max}),
      reads(config.pending_reads_max, config.raft.election_timeout),
      applied(recovered.raft.snapshot) {
  CHECK(machine != nullptr);
  CHECK(config.log_memory_share > 0);
  CHECK(machine->applied_index() == applied.index.v);
  snapshot_size_bytes = machine->view()->size_bytes();
  for (const raft::Entry& entry : recovered.raft.entries)
    if (entry.index > applied.index && entry.data != nullptr) log_bytes_since_snapshot += entry.data->size();
  tell_loaded();
}

void Node::Impl::handle(Event event) {
  std::visit(
      Match{
          [&](TimePassed) { step(raft::Tick{}); },
          [&](LogPersisted& e) { persisted(e); },
          [&](MessageReceived& e) { step(raft::Received{std::move(e.message)}); },
          [&](NoteReceived& e) { receive_note(e.from, *e.note); },
          [&](ClientWrite& e) { write(std::move(e)); },
          [&](ClientRead& e) { read(std::move(e)); },
          [&](SnapshotSaved& e) {
            const std::uint64_t replaced = saving.has_value() ? saving->log_bytes : 0;
            log_bytes_since_snapshot -= std::min(log_bytes_since_snapshot, replaced);
            saving.reset();
            // What was wanted meanwhile is this one, unless the core asks again.
            snapshot_wanted = false;
            snapshot_lost = false;
            step(raft::SnapshotSaved{e.meta});
            tell_applied();  // what was kept in memory until it was saved may go without a further write
          },
          [&](SnapshotFailed&) {
            REACHED("node.snapshot.failed");
            // What was not saved is no measure of when the next one is due.
            if (saving.has_value()) snapshot_size_bytes = saving->size_before_bytes;
            saving.reset();
            snapshot_wanted = true;  // it was due; the log need not grow further for it
            snapshot_retry_at = now + config.snapshot_retry_interval;
          },
          [&](SnapshotLost&) { snapshot_lost = true; },
          [&](SnapshotLoaded& e) { install(std::move(e.machine), e.meta); },
          [&](SnapshotSent& e) {
            step(raft::SnapshotSent{e.to, e.ok, std::move(e.refused)});
          },
          [&](PeerUnreachable& e) { step(raft::Unreachable{e.peer}); },
          [&](PeerConnectionLost& e) { step(raft::ConnectionLost{e.peer}); },
          [&](TransferLeadership& e) { step(raft::TransferLeadership{e.to}); },
      },
      event);
}

void Node::Impl::flush() {
  turn_wanted = false;
  apply_bytes_left = config.apply_bytes_per_turn;
  if (now - swept >= config.sweep_interval) expire();
  if (leadership_changed()) ++leadership;
  reads.retry(now, leadership);
  send_gathered();
  leader_seen = leader();
  term_seen = term();
  if (const std::uint64_t tag = reads.begin_barrier(now, leadership); tag != 0) step(raft::ReadBarrier{tag});
  step(raft::Flush{});
  apply_committed();  // what was committed while a snapshot was being loaded
  // Applying entries tells the core, which may decide more: once per round until nothing is left.
  for (raft::Output output; !is_empty(out) && !stopped;) {
    output = std::move(out);
    out = {};
    absorb(std::move(output));
    apply_committed();
  }
  serve_reads();
  maybe_snapshot();
  // A read may have failed in the very turn that brought the next leader.
  if (leadership_changed() || reads.any_failed()) turn_wanted = true;
}

Time Node::Impl::deadline() const {
  if (turn_wanted) return now;
  Time next = core.deadline();
  if (writes.size() > 0 || !reads.empty()) next = std::min(next, swept + config.sweep_interval);
  return next;
}

void Node::Impl::read(ClientRead request) {
  if (request.serializable) return reads.add_local(std::move(request));
  if (reads.full()) {
    REACHED("node.read.full");
    return request.responder->failed(etcd::error_of(Reason::too_many_requests));
  }
  reads.add(std::move(request));
}

void Node::Impl::serve_reads() {
  PendingReads::Batch ready = reads.take_ready(applied.index);
  if (ready.empty()) return;
  const std::shared_ptr<const mvcc::View> view = machine->view();
  for (const ClientRead& request : ready) request.responder->ready(*view);
}

void Node::Impl::expire() {
  swept = now;
  for (auto& [id, write] : writes.take_expired(now)) {
    REACHED("node.write.expired");
    failed_writes += 1;
    const bool no_leader = leader() == raft::NodeId{};
    Reason reason = Reason::timed_out;
    if (no_leader || term() != write.arrived_term) reason = Reason::timed_out_leader_lost;
    // In no log, and not about to be: this surely did not happen, so the client may ask again.
    if (no_leader && write.sent_term == raft::Term{}) {
      REACHED("node.write.expired_unsent");
      reason = Reason::no_leader;
    }
    write.responder->done(mvcc::refuse(etcd::error_of(reason)));
  }
  for (ClientRead& request : reads.take_expired(now)) {
    REACHED("node.read.expired");
    const bool no_leader = leader() == raft::NodeId{};
    request.responder->failed(etcd::error_of(no_leader ? Reason::no_leader : Reason::timed_out));
  }
}

}  // namespace cairn::node
