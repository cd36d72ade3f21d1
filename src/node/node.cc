// Node: its parts, and how a turn goes through them.
#include "node/node.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/match.h"
#include "base/reached.h"
#include "etcd/reasons.h"
#include "mvcc/commands.h"
#include "node/applying.h"
#include "node/auto_compaction.h"
#include "node/leader_moves.h"
#include "node/lease_calls.h"
#include "node/leases.h"
#include "node/membership.h"
#include "node/membership_calls.h"
#include "node/own_proposals.h"
#include "node/proposals.h"
#include "node/questions.h"
#include "node/quota.h"
#include "node/reads.h"
#include "node/removals.h"
#include "node/snapshot_schedule.h"
#include "node/space.h"
#include "node/status_of.h"
#include "node/users_in_log.h"
#include "proto/rpc.pb.h"
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

class Node::Impl final : CorePort, mvcc::ApplySink, LeasePort, LeaseCalls::Port, MembershipCalls::Port {
 public:
  Impl(const Config& config, Recovered recovered, Ports ports, Time now);

  void handle(Time now, std::int64_t wall_ms, Event event);
  void flush();
  Time deadline() const;
  void answer_with(QuestionKind kind, QuestionHandler handler) {
    questions_.answer_with(kind, std::move(handler));
  }

  MemberNumbers numbers() const;
  MemberStatus status(const RefusedBy& refused_by) const;
  MemberBrief brief() const;
  raft::NodeId leader() const { return leader_of(core_.state()); }
  const raft::Core& core() const { return core_; }
  const mvcc::StateMachine& machine() const { return applying_.machine(); }
  bool knows_users() const { return applying_.applied().index >= users_from_; }
  std::string waits_for(const RefusedBy& refused_by) const {
    return node::waits_for(core_.state(), *machine().members(), refused_by);
  }
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
  void write(ClientWrite request);
  void watch_quota();
  void change_members(std::string_view question, const std::shared_ptr<Reply>& reply);
  void compact_by_itself();
  MemoryUse memory_use() const;
  void absorb(raft::Output output);
  void send(raft::Message message);
  bool apply_committed();  // whether there was anything
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

  void leases_changed(const std::vector<std::int64_t>& ids) override {
    leases_.changed(ids, standing(), machine());
  }
  // LeasePort, LeaseCalls::Port, MembershipCalls::Port
  void propose(OwnProposal proposal) override { own_.propose(std::move(proposal), standing()); }
  void read(ClientRead read) override { reads_.add(std::move(read)); }
  void ask(LeaderQuestion question) override { questions_.ask(std::move(question), standing()); }

  const Config config_;
  const Ports ports_;
  Time now_;
  std::int64_t wall_ms_ = 0;
  raft::Core core_;
  raft::Output out_;

  LeaderClock clock_;
  Quota quota_;
  Removals removals_;
  Proposals proposals_;
  OwnProposals own_;
  Reads reads_;
  Questions questions_;
  Membership membership_;
  MembershipCalls membership_calls_;
  Applying applying_;
  SnapshotSchedule snapshots_;
  AutoCompaction compaction_;
  LeaderMoves leader_moves_;
  Leases leases_;
  LeaseCalls lease_calls_;

  const raft::Index users_from_;  // where its log, as it was found, last changes them

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
MemberStatus Node::status(const RefusedBy& refused_by) const { return impl_->status(refused_by); }
MemberBrief Node::brief() const { return impl_->brief(); }
raft::NodeId Node::leader() const { return impl_->leader(); }
std::shared_ptr<const mvcc::View> Node::view() const { return impl_->machine().view(); }
std::shared_ptr<const mvcc::MemberMap> Node::members() const { return impl_->machine().members(); }
const mvcc::StateMachine& Node::machine() const { return impl_->machine(); }
const raft::Core& Node::core() const { return impl_->core(); }
bool Node::knows_users() const { return impl_->knows_users(); }
std::string Node::waits_for(const RefusedBy& refused_by) const { return impl_->waits_for(refused_by); }
bool Node::waits_for_long() const { return impl_->waits_for_long(); }

Node::Impl::Impl(const Config& config, Recovered recovered, Ports ports, Time now)
    : config_(config),
      ports_(ports),
      now_(now),
      core_(config.raft, recovered.raft, now),
      quota_({.bytes = config.quota_bytes,
              .retry_interval = 2 * config.raft.election_timeout,
              .patience = config.raft.election_timeout}),
      removals_({.count = config.removals_max}),
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
      membership_({.count = config.membership_changes_max,
                   .promotion_lag_max = config.promotion_lag_max,
                   .learners_max = config.learners_max},
                  *this),
      membership_calls_({.count = config.membership_calls_max}, *this),
      applying_(std::move(recovered.machine), recovered.raft.snapshot, config.apply_bytes_per_turn),
      snapshots_(
          {.log_bytes_min = config.snapshot_log_bytes_min, .retry_interval = config.snapshot_retry_interval},
          machine().view()->size_bytes(), bytes_behind(recovered.raft)),
      compaction_(config.compaction, now),
      leader_moves_({.count = config.leader_moves_max}, *this),
      leases_(config.leases, config.raft.election_timeout, *this),
      lease_calls_(config.leases, config.raft.election_timeout, *this),
      users_from_(last_change_of_users(recovered.raft.entries, recovered.raft.snapshot.index)),
      published_(applying_.applied().index) {
  CHECK(config_.log_memory_share > 0);
  for (const LeaseCallKind kind : {LeaseCallKind::keep_alive, LeaseCallKind::time_to_live})
    answer_with(static_cast<QuestionKind>(kind), [this, kind](std::string_view body, Reply reply) {
      leases_.asked(kind, body, std::move(reply));
    });
  answer_with(kMembershipQuestion, [this](std::string_view body, Reply reply) {
    change_members(body, std::make_shared<Reply>(std::move(reply)));
  });
  tell_loaded();
}

Standing Node::Impl::standing() const {
  const raft::State& state = core_.state();
  return {now_,       wall_ms_,    config_.raft.id,           leader_of(state),
          state.term, leadership_, !raft::no_room_from(state)};
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
                 [&](ClientWrite& e) { write(std::move(e)); },
                 [&](ClientRead& e) { reads_.add(std::move(e)); },
                 [&](MoveLeader& e) { leader_moves_.move(std::move(e), core_.state(), standing()); },
                 [&](OwnProposal& e) { own_.propose(std::move(e), standing()); },
                 [&](LeaderQuestion& e) { questions_.ask(std::move(e), standing()); },
                 [&](LeaseCall& e) { lease_calls_.add(std::move(e)); },
                 [&](ChangeMembership& e) { membership_.change(std::move(e), core_.state()); },
                 [&](MembershipCall& e) { membership_calls_.add(std::move(e.change)); },
                 [&](SnapshotSaved& e) { saved(e); },
                 [&](SnapshotFailed&) { snapshots_.failed(now_); },
                 [&](SnapshotLost&) { snapshots_.lost(); },
                 [&](SnapshotLoaded& e) { install(std::move(e)); },
                 [&](SnapshotSent& e) {
                   step(raft::SnapshotSent{e.to, e.ok, std::move(e.refused)});
                 },
                 [&](SnapshotNotTaken&) { step(raft::SnapshotNotTaken{}); },
                 [&](PeerUnreachable& e) { step(raft::Unreachable{e.peer}); },
                 [&](PeerConnectionLost& e) { step(raft::ConnectionLost{e.peer}); },
                 [&](TransferLeadership& e) { step(raft::TransferLeadership{e.to}); },
                 [&](Tune& e) {
                   quota_.change(e.quota_bytes);
                   compaction_.change(e.compaction, now_);
                 },
             },
             event);
}

void Node::Impl::write(ClientWrite request) {
  mvcc::CommandView command;
  command.kind = request.kind;
  command.request = request.request;
  // What it has still to apply may have made room long ago.
  const bool knows = !applying_.has_more();
  if (knows && quota_.is_exceeded_by(request.request.size()) && mvcc::may_grow(command)) {
    REACHED("node.quota.refused");
    quota_.refused();
    return request.responder->done(mvcc::refuse(etcd::error_of(Reason::no_space)));
  }
  if (request.kind == CommandKind::compaction) {
    etcdserverpb::CompactionRequest compaction;
    if (compaction.ParseFromString(request.request) && compaction.physical())
      request.responder =
          removals_.await(compaction.revision(), request.deadline, std::move(request.responder));
  }
  proposals_.write(std::move(request), standing());
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

// Of this member as leader. What is no question stays without an answer.
void Node::Impl::change_members(std::string_view question, const std::shared_ptr<Reply>& reply) {
  auto change = decode_membership_question(question);
  if (!change) return;
  change->deadline = now_ + 10 * config_.raft.election_timeout;  // who asks has one of its own
  change->done = [reply](const MembershipOutcome& outcome) {
    reply->answer(encode_membership_answer(outcome));
  };
  membership_.change(*std::move(change), core_.state());
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
  const bool alarmed = machine().alarms().stands(mvcc::AlarmKind::no_space);
  proposals_.send(standing(), alarmed || lacks_space(core_.state()));
  compact_by_itself();
  lease_calls_.send(standing());
  membership_calls_.send(standing());
  leases_.begin_turn(standing(), applying_.applied().term, machine());
  own_.send(standing());
  reads_.ask(standing());
  step(raft::Flush{});
  bool has_applied = apply_committed();  // what was committed while a snapshot was being loaded
  // Applying entries tells the core, which may decide more: once per round until nothing is left.
  for (raft::Output output; !is_empty(out_) && !stopped_;) {
    output = std::move(out_);
    out_ = {};
    absorb(std::move(output));
    has_applied = apply_committed() || has_applied;
  }
  // Applying drops some by itself.
  if (applying_.collect(has_applied ? 0 : config_.removed_records_per_turn)) turn_wanted_ = true;
  removals_.look(machine().removed_up_to(), now_);
  watch_quota();
  if (const auto from = raft::no_room_from(core_.state())) reads_.refuse_from(*from);
  reads_.serve(machine());
  leader_moves_.look(standing());
  leases_.answer(standing(), machine());
  maybe_snapshot();
  publish();
  own_.end_turn();
  questions_.end_turn(standing());
  membership_.end_turn();
  membership_calls_.end_turn();
  // A read may have failed in the very turn that brought the next leader.
  if (has_new_leadership() || reads_.any_failed() || own_.wants_turn() || questions_.wants_turn() ||
      leases_.wants_turn() || leases_.may_begin(standing(), applying_.applied().term) ||
      membership_.wants_turn() || membership_calls_.wants_turn())
    turn_wanted_ = true;
}

Time Node::Impl::deadline() const {
  if (stopped_) return Time::max();
  if (turn_wanted_) return now_;
  const bool anybody_waits = proposals_.pending() > 0 || !reads_.empty() || questions_.pending() > 0 ||
                             lease_calls_.pending() > 0 || membership_.pending() > 0 ||
                             membership_calls_.pending() > 0 || removals_.pending() > 0 ||
                             leader_moves_.pending() > 0;
  const Time due = std::min({core_.deadline(), compaction_.deadline(), leases_.deadline()});
  return anybody_waits ? std::min(due, swept_ + config_.sweep_interval) : due;
}

void Node::Impl::expire() {
  swept_ = now_;
  proposals_.expire(standing());
  reads_.expire(standing());
  questions_.expire(now_);
  lease_calls_.expire(standing());
  membership_.expire(now_, leader());
  membership_.promote_who_is_ready(core_.state());
  membership_calls_.expire(standing());
}

MemoryUse Node::Impl::memory_use() const {
  const mvcc::StateSizes sizes = machine().sizes();
  return {.live_bytes = sizes.live_bytes,
          .history_bytes = sizes.all_bytes - std::min(sizes.all_bytes, sizes.live_bytes),
          .log_bytes = core_.state().log.bytes()};
}

// The alarm is a write as a client's: the leader of this term or the next one takes it, whoever that is.
void Node::Impl::watch_quota() {
  struct Raised final : WriteResponder {
    explicit Raised(Quota& of) : quota(of) {}
    void done(mvcc::Outcome outcome) override { quota.answered(outcome.code == Code::ok); }
    Quota& quota;
  };
  const std::uint64_t self = config_.raft.id.v;
  if (applying_.has_more()) return;
  quota_.pass(now_, memory_use(), applying_.operations().puts,
              machine().alarms().stands({self, mvcc::AlarmKind::no_space}));
  if (!quota_.begin_alarm(now_)) return;
  etcdserverpb::AlarmRequest request;
  request.set_action(etcdserverpb::AlarmRequest::ACTIVATE);
  request.set_memberid(self);
  request.set_alarm(etcdserverpb::NOSPACE);
  proposals_.write({.kind = CommandKind::alarm,
                    .request = request.SerializeAsString(),
                    .idempotency_key = {},
                    .deadline = now_ + 2 * config_.raft.election_timeout,
                    .responder = std::make_unique<Raised>(quota_),
                    .caller = {.kind = mvcc::Caller::Kind::cluster}},
                   standing());
  turn_wanted_ = true;
}

void Node::Impl::compact_by_itself() {
  const bool leads = leader() == config_.raft.id;
  const auto revision = compaction_.pass(now_, machine().revision(), leads);
  if (!revision) return;
  etcdserverpb::CompactionRequest request;
  request.set_revision(*revision);
  own_.propose(
      {.kind = CommandKind::compaction,
       .request = request.SerializeAsString(),
       .term = core_.state().term,
       .frees = true,
       .done =
           [this](const OwnOutcome& outcome) {
             const bool applied = outcome.kind == OwnOutcome::Kind::applied;
             const mvcc::Outcome& said = outcome.applied;
             compaction_.answered(applied && (said.code == Code::ok || said.reason == Reason::compacted));
           }},
      standing());
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

bool Node::Impl::apply_committed() {
  const auto progress = applying_.apply(this);
  if (!progress) return false;
  snapshots_.applied(progress->log_bytes);
  membership_.applied(progress->configurations, applying_.applied().index);
  if (progress->latest_term) {
    if (proposals_.outlived(*progress->latest_term, now_)) turn_wanted_ = true;
    own_.outlived(*progress->latest_term);
  }
  if (applying_.has_more()) turn_wanted_ = true;
  tell_applied();
  return true;
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
  numbers.memory = memory_use();
  numbers.quota_bytes = quota_.bytes();
  numbers.pending_writes = proposals_.pending();
  numbers.failed_writes = proposals_.failed();
  numbers.retried_writes = proposals_.retried();
  numbers.operations = applying_.operations();
  return numbers;
}

MemberStatus Node::Impl::status(const RefusedBy& refused_by) const {
  return status_of(core_.state(), numbers(), *machine().view(), refused_by, now_, config_.behind_after);
}

}  // namespace cairn::node
