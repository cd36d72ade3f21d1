// Node: its parts, and how a turn goes through them.
#include "node/node.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/match.h"
#include "node/applying.h"
#include "node/membership.h"
#include "node/own_proposals.h"
#include "node/proposals.h"
#include "node/questions.h"
#include "node/reads.h"
#include "node/snapshot_schedule.h"
#include "node/space.h"
#include "node/status_of.h"
#include "raft/state.h"
#include "raft/waits.h"

namespace cairn::node {
namespace {

bool is_empty(const raft::Output& out) {
  return out.send.empty() && out.write.empty() && out.apply.empty() && out.proposals.empty() &&
         out.own.empty() && out.changes.empty() && out.reads.empty() && out.reads_failed.empty() &&
         !out.snapshot_wanted && out.configurations.empty() && !out.install.has_value() &&
         out.forgot.empty() && out.diverged.empty() && out.disbelieved.empty();
}

std::uint64_t bytes_behind(const raft::Recovered& recovered) {
  std::uint64_t bytes = 0;
  for (const raft::Entry& entry : recovered.entries)
    if (entry.index > recovered.snapshot.index && entry.data != nullptr) bytes += entry.data->size();
  return bytes;
}

// Ids of one kind are drawn from a start of their own: those of clients' writes from request_id_seed, these
// from as far away from it as can be.
std::uint64_t own_id_seed(const Config& config) { return config.request_id_seed + (std::uint64_t{1} << 63); }

}  // namespace

class Node::Impl final : CorePort, mvcc::ApplySink {
 public:
  Impl(const Config& config, Recovered recovered, Ports ports, Time now);

  void handle(Time now, std::int64_t wall_ms, Event event);
  void flush();
  Time deadline() const;
  void answer_with(QuestionKind kind, QuestionHandler handler) {
    questions_.answer_with(kind, std::move(handler));
  }

  MemberNumbers numbers() const;
  MemberStatus status() const;
  MemberBrief brief() const;
  raft::NodeId leader() const { return leader_of(core_.state()); }
  const raft::Core& core() const { return core_; }
  const mvcc::StateMachine& machine() const { return applying_.machine(); }
  std::string waits_for() const { return node::waits_for(core_.state(), *machine().members()); }
  bool waits_for_long() const { return raft::waits_of(core_.state()).for_long; }

 private:
  Standing standing() const;
  // Whether who leads, or in which term, is news to this turn.
  bool has_new_leadership() const;
  void received(raft::NodeId from, const Bytes& note);
  void persisted(const LogPersisted& event);
  void saved(const SnapshotSaved& event);
  void install(SnapshotLoaded event);
  void expire();
  void absorb(raft::Output output);
  void send(raft::Message message);
  void apply_committed();
  void tell_applied();
  void tell_loaded();
  void maybe_snapshot();
  void publish();

  // CorePort: what is decided waits in out_ for absorb().
  void step(raft::Input input) override { core_.step(now_, std::move(input), &out_); }
  // mvcc::ApplySink
  bool wants(std::uint64_t request_id) const override {
    return own_.owns(request_id) ? own_.wants(request_id) : proposals_.wants(request_id);
  }
  void done(std::uint64_t request_id, mvcc::Outcome outcome) override {
    own_.owns(request_id) ? own_.done(request_id, std::move(outcome))
                          : proposals_.done(request_id, std::move(outcome));
  }

  const Config config_;
  const Ports ports_;
  Time now_;
  std::int64_t wall_ms_ = 0;
  raft::Core core_;
  raft::Output out_;

  LeaderClock clock_;
  Proposals proposals_;
  OwnProposals own_;
  Reads reads_;
  Questions questions_;
  Membership membership_;
  Applying applying_;
  SnapshotSchedule snapshots_;

  raft::NodeId leader_seen_;  // in the last turn
  raft::Term term_seen_;
  std::uint64_t leadership_ = 0;  // counts changes of these two
  Time swept_;                    // when deadlines were last looked at
  raft::Index published_;         // up to where views were
  bool turn_wanted_ = false;      // flush() made work for a further turn
  bool stopped_ = false;          // has diverged: nothing of it leaves any more
};

Node::Node(const Config& config, Recovered recovered, Ports ports, Time now)
    : impl_(std::make_unique<Impl>(config, std::move(recovered), ports, now)) {}
Node::~Node() = default;

void Node::handle(Time now, std::int64_t wall_ms, Event event) {
  impl_->handle(now, wall_ms, std::move(event));
}
void Node::flush() { impl_->flush(); }
Time Node::deadline() const { return impl_->deadline(); }
void Node::answer_with(QuestionKind kind, QuestionHandler handler) {
  impl_->answer_with(kind, std::move(handler));
}
MemberNumbers Node::numbers() const { return impl_->numbers(); }
MemberStatus Node::status() const { return impl_->status(); }
MemberBrief Node::brief() const { return impl_->brief(); }
raft::NodeId Node::leader() const { return impl_->leader(); }
std::shared_ptr<const mvcc::View> Node::view() const { return impl_->machine().view(); }
std::shared_ptr<const mvcc::MemberMap> Node::members() const { return impl_->machine().members(); }
const raft::Core& Node::core() const { return impl_->core(); }
std::string Node::waits_for() const { return impl_->waits_for(); }
bool Node::waits_for_long() const { return impl_->waits_for_long(); }

Node::Impl::Impl(const Config& config, Recovered recovered, Ports ports, Time now)
    : config_(config),
      ports_(ports),
      now_(now),
      core_(config.raft, recovered.raft, now),
      proposals_(config.request_id_seed,
                 {.pending = {config.pending_writes_max, config.pending_write_bytes_max},
                  .backlog = config.backlog,
                  .batch_bytes = config.batch_bytes_max,
                  .retry_interval = config.sweep_interval},
                 *this, ports.transport, clock_),
      own_(own_id_seed(config),
           {.count = config.own_proposals_max,
            .bytes = config.own_proposal_bytes_max,
            .batch_bytes = config.batch_bytes_max},
           *this, clock_),
      reads_({.count = config.pending_reads_max, .retry_after = config.raft.election_timeout}, *this),
      questions_(own_id_seed(config), config.questions, ports.transport),
      membership_({.count = config.membership_changes_max, .promotion_lag_max = config.promotion_lag_max},
                  *this),
      applying_(std::move(recovered.machine), recovered.raft.snapshot, config.apply_bytes_per_turn),
      snapshots_(
          {.log_bytes_min = config.snapshot_log_bytes_min, .retry_interval = config.snapshot_retry_interval},
          machine().view()->size_bytes(), bytes_behind(recovered.raft)),
      published_(applying_.applied().index) {
  CHECK(config_.log_memory_share > 0);
  tell_loaded();
}

Standing Node::Impl::standing() const {
  const raft::State& state = core_.state();
  return {now_, wall_ms_, config_.raft.id, leader_of(state), state.term, leadership_};
}

bool Node::Impl::has_new_leadership() const {
  return leader() != leader_seen_ || core_.state().term != term_seen_;
}

// ---- events ----

void Node::Impl::handle(Time now, std::int64_t wall_ms, Event event) {
  CHECK(now >= now_);
  const Duration pause = config_.raft.heartbeat_interval;
  const bool was_away = now - pause >= now_ && now - pause >= core_.deadline();
  now_ = now;
  wall_ms_ = wall_ms;
  if (stopped_) return;
  if (was_away) step(raft::Returned{});
  std::visit(Match{
                 [&](TimePassed) { step(raft::Tick{}); },
                 [&](LogPersisted& e) { persisted(e); },
                 [&](MessageReceived& e) { step(raft::Received{std::move(e.message)}); },
                 [&](NoteReceived& e) { received(e.from, e.note); },
                 [&](ClientWrite& e) { proposals_.write(std::move(e), standing()); },
                 [&](ClientRead& e) { reads_.add(std::move(e)); },
                 [&](OwnProposal& e) { own_.propose(std::move(e), standing()); },
                 [&](LeaderQuestion& e) { questions_.ask(std::move(e), standing()); },
                 [&](ChangeMembership& e) { membership_.change(std::move(e), core_.state()); },
                 [&](SnapshotSaved& e) { saved(e); },
                 [&](SnapshotFailed&) { snapshots_.failed(now_); },
                 [&](SnapshotLost&) { snapshots_.lost(); },
                 [&](SnapshotLoaded& e) { install(std::move(e)); },
                 [&](SnapshotSent& e) {
                   step(raft::SnapshotSent{e.to, e.ok, std::move(e.refused)});
                 },
                 [&](PeerUnreachable& e) { step(raft::Unreachable{e.peer}); },
                 [&](PeerConnectionLost& e) { step(raft::ConnectionLost{e.peer}); },
                 [&](TransferLeadership& e) { step(raft::TransferLeadership{e.to}); },
             },
             event);
}

void Node::Impl::received(raft::NodeId from, const Bytes& bytes) {
  Note note = parse_note(bytes);
  std::visit(Match{
                 [](std::monostate) {},
                 [&](const ForwardedWrites& writes) { proposals_.forwarded(from, writes); },
                 [&](const RefusedWrites& writes) { proposals_.refused(writes); },
                 [&](const Question& question) { questions_.received(from, question, standing()); },
                 [&](Answer& answer) { questions_.received(from, std::move(answer)); },
             },
             note);
}

void Node::Impl::persisted(const LogPersisted& event) {
  const bool was_full = raft::own_space(core_.state()) != raft::Space::plenty;
  step(raft::Persisted{event.seq, event.room});
  if (was_full && raft::own_space(core_.state()) == raft::Space::plenty) snapshots_.has_room(now_);
}

void Node::Impl::saved(const SnapshotSaved& event) {
  snapshots_.saved();
  step(raft::SnapshotSaved{event.meta});
  tell_applied();  // what was kept in memory until it was saved may go without a further write
}

void Node::Impl::install(SnapshotLoaded event) {
  if (!applying_.install(std::move(event.machine), event.meta)) return;
  snapshots_.installed(machine().view()->size_bytes());
  proposals_.obscured(event.meta.term);
  own_.obscured(event.meta.term);
  membership_.obscured(event.meta.index);
  tell_loaded();
  turn_wanted_ = true;
}

// ---- turns ----

void Node::Impl::flush() {
  if (stopped_) return;
  turn_wanted_ = false;
  applying_.begin_turn();
  if (now_ - swept_ >= config_.sweep_interval) expire();
  if (has_new_leadership()) ++leadership_;
  leader_seen_ = leader();
  term_seen_ = core_.state().term;
  proposals_.send(standing(), lacks_space(core_.state()));
  own_.send(standing());
  reads_.ask(standing());
  step(raft::Flush{});
  apply_committed();  // what was committed while a snapshot was being loaded
  // Applying entries tells the core, which may decide more: once per round until nothing is left.
  for (raft::Output output; !is_empty(out_) && !stopped_;) {
    output = std::move(out_);
    out_ = {};
    absorb(std::move(output));
    apply_committed();
  }
  reads_.serve(machine());
  maybe_snapshot();
  publish();
  own_.end_turn();
  questions_.end_turn(standing());
  membership_.end_turn();
  // A read may have failed in the very turn that brought the next leader.
  if (has_new_leadership() || reads_.any_failed() || own_.wants_turn() || questions_.wants_turn() ||
      membership_.wants_turn())
    turn_wanted_ = true;
}

Time Node::Impl::deadline() const {
  if (stopped_) return Time::max();
  if (turn_wanted_) return now_;
  const bool anybody_waits =
      proposals_.pending() > 0 || !reads_.empty() || questions_.pending() > 0 || membership_.pending() > 0;
  return anybody_waits ? std::min(core_.deadline(), swept_ + config_.sweep_interval) : core_.deadline();
}

void Node::Impl::expire() {
  swept_ = now_;
  proposals_.expire(standing());
  reads_.expire(standing());
  questions_.expire(now_);
  membership_.expire(now_, leader());
}

void Node::Impl::absorb(raft::Output output) {
  if (!output.forgot.empty()) ports_.memory.forgot(output.forgot);
  if (!output.diverged.empty()) {
    stopped_ = true;
    return ports_.memory.diverged(output.diverged);
  }
  for (const raft::Disbelieved& each : output.disbelieved) ports_.transport.disbelieved(each.who, each.why);
  // First, as there may be something to send to who is new.
  if (!output.configurations.empty()) ports_.transport.configured(output.configurations);
  for (raft::Message& message : output.send) send(std::move(message));
  for (raft::LogWrite& write : output.write) ports_.log.write(std::move(write));
  for (const raft::Accepted& accepted : output.proposals.accepted) proposals_.accepted(accepted);
  for (const raft::Refused& refused : output.proposals.refused) proposals_.refused(refused);
  for (const raft::Accepted& accepted : output.own.accepted) own_.accepted(accepted);
  for (const raft::Refused& refused : output.own.refused) own_.refused(refused);
  for (const raft::Accepted& accepted : output.changes.accepted) membership_.accepted(accepted);
  for (const raft::Refused& refused : output.changes.refused) membership_.refused(refused);
  for (const raft::ReadReady& ready : output.reads) reads_.ready(ready);
  for (const raft::ReadFailed& failed : output.reads_failed) reads_.failed(failed);
  if (output.snapshot_wanted) snapshots_.want();
  if (output.install.has_value()) {
    applying_.await(*output.install);
    ports_.snapshots.load(*output.install);
  }
  applying_.committed(std::move(output.apply));
}

void Node::Impl::send(raft::Message message) {
  if (std::holds_alternative<raft::SnapshotOffer>(message.body)) {
    ports_.snapshots.stream(std::move(message));
  } else {
    ports_.transport.send(std::move(message));
  }
}

void Node::Impl::apply_committed() {
  const auto progress = applying_.apply(this);
  if (!progress) return;
  snapshots_.applied(progress->log_bytes);
  membership_.applied(progress->configurations, applying_.applied().index);
  if (progress->latest_term) {
    if (proposals_.outlived(*progress->latest_term, now_)) turn_wanted_ = true;
    own_.outlived(*progress->latest_term);
  }
  if (applying_.has_more()) turn_wanted_ = true;
  tell_applied();
}

void Node::Impl::tell_applied() {
  const raft::Index applied = applying_.applied().index;
  // Slow followers get more patience from a large state: a snapshot of it costs more than the log it
  // replaces.
  const std::uint64_t keep_bytes =
      std::max(config_.log_memory_bytes, snapshots_.size_bytes() / config_.log_memory_share);
  step(raft::Applied{applied, snapshots_.saving().value_or(applied), keep_bytes, applying_.take_hashes()});
}

// A state that was loaded and not made by applying is compared with the others' as well, without a write.
void Node::Impl::tell_loaded() {
  if (applying_.applied().index.v > 0) tell_applied();
}

void Node::Impl::maybe_snapshot() {
  const raft::SnapshotMeta& applied = applying_.applied();
  if (applying_.is_loading()) return;
  if (!snapshots_.is_due(now_, applied.index, core_.state().log.snapshot().index)) return;
  const std::shared_ptr<const mvcc::View> view = machine().view();
  snapshots_.begin(applied.index, view->size_bytes());
  ports_.snapshots.save(applied, view);
}

void Node::Impl::publish() {
  const raft::Index applied = applying_.applied().index;
  if (ports_.audience == nullptr || applied == published_ || !ports_.audience->listens()) return;
  published_ = applied;
  ports_.audience->published(machine().view());
}

// ---- what it says of itself ----

MemberBrief Node::Impl::brief() const {
  return {.cluster_id = config_.cluster_id,
          .id = config_.raft.id,
          .leader = leader(),
          .term = core_.state().term};
}

MemberNumbers Node::Impl::numbers() const {
  MemberNumbers numbers = numbers_of(core_.state());
  numbers.cluster_id = config_.cluster_id;
  numbers.applied = applying_.applied().index;
  numbers.pending_writes = proposals_.pending();
  numbers.failed_writes = proposals_.failed();
  numbers.retried_writes = proposals_.retried();
  numbers.operations = applying_.operations();
  return numbers;
}

MemberStatus Node::Impl::status() const {
  return status_of(core_.state(), numbers(), *machine().view(), now_, config_.behind_after);
}

}  // namespace cairn::node
