#include "mvcc/state_machine.h"

#include <xxhash.h>

#include <optional>
#include <utility>

#include "base/check.h"
#include "base/reached.h"
#include "etcd/reasons.h"
#include "mvcc/changes.h"
#include "mvcc/command_view.h"
#include "mvcc/commands.h"
#include "mvcc/etcd_file.h"
#include "mvcc/execute.h"
#include "mvcc/hash_kv.h"
#include "mvcc/storage.h"

namespace cairn::mvcc {
namespace {

constexpr std::size_t kBatchBytesMax =
    std::size_t{Record::kSizeMax} + 1;  // as much as an entry of the log can carry

class HashSink final : public ByteSink {
 public:
  HashSink() : state_(XXH3_createState()) { XXH3_64bits_reset(state_); }
  ~HashSink() override { XXH3_freeState(state_); }
  HashSink(const HashSink&) = delete;
  HashSink& operator=(const HashSink&) = delete;
  Status write(std::string_view bytes) override {
    XXH3_64bits_update(state_, bytes.data(), bytes.size());
    return {};
  }
  std::uint64_t digest() const { return XXH3_64bits_digest(state_); }

 private:
  XXH3_state_t* state_;
};

StateSizes sizes_of(const KvState& kv) {
  constexpr std::uint64_t kPerRecord = 16;  // allocator and history
  return {.live_bytes = kv.live_bytes + kv.keys.live * kPerRecord + kv.keys.node_bytes,
          .all_bytes = kv.record_bytes + kv.record_count * kPerRecord + kv.keys.node_bytes};
}

class StateView final : public View {
 public:
  explicit StateView(const std::shared_ptr<Storage>& storage)
      : storage_(storage),
        contents_(storage->contents()),
        pin_(storage->epochs.pin(contents_.kv.compact_revision)) {}
  ~StateView() override { pin_->release(); }
  StateView(const StateView&) = delete;
  StateView& operator=(const StateView&) = delete;

  Outcome range(etcd::Checked<etcdserverpb::RangeRequest> request) const override {
    return query(reading(), request);
  }
  Outcome page(etcd::Checked<etcdserverpb::RangeRequest> request) const override {
    return query(reading(), request, Counting::up_to_limit);
  }
  Outcome txn(etcd::Checked<etcdserverpb::TxnRequest> request,
              std::uint64_t answer_bytes_max) const override {
    return query(reading(), request, answer_bytes_max);
  }
  RangeAnswer open_range(etcd::Checked<etcdserverpb::RangeRequest> request) const override {
    return query(reading(), request, shared_from_this());
  }
  RangeAnswer hash_kv(std::int64_t revision) const override {
    RangeAnswer answer;
    const std::int64_t asked = revision == 0 ? contents_.kv.revision : revision;
    if (asked > 0 && asked < contents_.kv.compact_revision)
      answer.outcome = refuse(etcd::error_of(Reason::compacted), contents_.kv.revision);
    else if (asked > contents_.kv.revision)
      answer.outcome = refuse(etcd::error_of(Reason::future_revision), contents_.kv.revision);
    else
      answer.large = std::make_unique<HashKv>(contents_.kv, asked, storage_->limits.step, shared_from_this());
    if (answer.large != nullptr) answer.outcome.revision = contents_.kv.revision;
    return answer;
  }
  std::unique_ptr<LongMessage> etcd_file() const override {
    return std::make_unique<EtcdFile>(contents_, storage_->limits.step, shared_from_this());
  }
  std::uint64_t state_hash() const override { return contents_.state_hash; }
  Changes changes(ChangePlace from) const override { return {contents_.kv, from, shared_from_this()}; }

  std::uint64_t applied_index() const override { return contents_.applied_index; }
  std::int64_t revision() const override { return contents_.kv.revision; }
  std::int64_t compact_revision() const override { return contents_.kv.compact_revision; }
  std::uint64_t key_count() const override { return contents_.kv.keys.live; }
  std::uint64_t size_bytes() const override {
    return sizes_of(contents_.kv).all_bytes + contents_.session_bytes + contents_.leases.size_bytes;
  }
  std::uint64_t size_in_use_bytes() const override {
    return sizes_of(contents_.kv).live_bytes + contents_.session_bytes + contents_.leases.size_bytes;
  }
  const MemberMap& members() const override { return *contents_.members; }
  const AlarmList& alarms() const override { return *contents_.alarms; }
  const AuthState& auth() const override { return *contents_.auth; }
  Status permits(const Caller& caller, const etcd::Effects& effects) const override {
    return permit(caller, effects, *contents_.auth, &contents_.leases);
  }
  std::uint64_t lease_count() const override { return contents_.leases.leases.live; }
  std::optional<LeaseInfo> lease(std::int64_t id) const override { return contents_.leases.find(id); }
  std::vector<LeaseInfo> leases_after(std::optional<std::int64_t> after,
                                      std::size_t count_max) const override {
    return contents_.leases.after(after, count_max);
  }
  void lease_keys(std::int64_t id, const std::function<bool(std::string_view)>& each) const override {
    contents_.leases.keys(id, each);
  }
  std::uint64_t hash() const override {
    HashSink sink;
    const Status saved = save(&sink);
    CHECK(saved.has_value());
    return sink.digest();
  }
  Status save(ByteSink* sink) const override { return save_contents(contents_, storage_->limits.step, sink); }

 private:
  Reading reading() const {
    return {contents_.kv.keys, contents_.kv.revision, contents_.kv.compact_revision, &storage_->limits.step};
  }

  const std::shared_ptr<Storage> storage_;  // what contents_ points into
  const Contents contents_;
  Epochs::Pin* const pin_;
};

Error decided_in_another_term(std::uint64_t decided, std::uint64_t applied) {
  return {Code::failed_precondition, "decided for term " + std::to_string(decided) +
                                         " alone, and logged in term " + std::to_string(applied) +
                                         ": nothing was done; decide again"};
}

std::uint64_t hash_of(const CommandView& command) {
  // What identifies a request is the request alone: a retry has another id and time.
  const auto seed = static_cast<std::uint64_t>(command.kind);
  return XXH3_64bits_withSeed(command.request.data(), command.request.size(), seed);
}

// The key of a put as every client encodes it: first. Only a hint: what else stands there is no harm.
std::string_view leading_key(std::string_view put) {
  constexpr char kKeyTag = 1 << 3 | 2;
  if (put.size() < 2 || put[0] != kKeyTag) return {};
  const auto size = static_cast<unsigned char>(put[1]);
  return size < 128 ? put.substr(2, size) : std::string_view();
}

void warm(const Store& store, const CommandView* commands, std::size_t count) {
  std::string_view keys[tree::kWarmMax];
  std::size_t found = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (commands[i].kind != CommandKind::put) continue;
    if (const std::string_view key = leading_key(commands[i].request); !key.empty()) keys[found++] = key;
  }
  if (found > 1) store.warm(keys, found);
}

}  // namespace

struct StateMachine::State {
  explicit State(Limits limits) : storage(std::make_shared<Storage>(limits)), commands(storage.get()) {}

  void apply_command(const CommandView& command, std::uint64_t term, ApplySink* sink);
  Outcome outcome_of(const CommandView& command, std::uint64_t term, bool with_body);
  Outcome apply_once(const CommandView& command);
  std::optional<Outcome> refused_by_alarms(const CommandView& command) const;
  Status check_stamp(std::int64_t revision) const;
  Status check_caller(const CommandView& command);

  std::shared_ptr<Storage> storage;
  Commands commands;
  std::weak_ptr<const StateView> last_view;
};

StateMachine::StateMachine(std::vector<MemberInfo> members, Limits limits)
    : state_(std::make_unique<State>(limits)) {
  MemberMap map;
  for (MemberInfo& member : members) {
    const std::uint64_t id = member.id;
    map.insert_or_assign(id, std::move(member));
  }
  state_->storage->members.set(std::move(map));
}

StateMachine::~StateMachine() = default;

Result<std::unique_ptr<StateMachine>> StateMachine::load(ByteSource* source, Limits limits) {
  auto machine = std::make_unique<StateMachine>(std::vector<MemberInfo>(), limits);
  TRY(load_contents(source, machine->state_->storage.get()));
  return machine;
}

void StateMachine::apply(EntryAt at, std::string_view batch, ApplySink* sink) {
  Storage& storage = *state_->storage;
  CHECK(at.index == storage.applied_index + 1);
  storage.epochs.begin(at.index + 1);
  storage.store.collect(storage.limits.step.compact_records);
  storage.epochs.free_some(storage.limits.step.free_objects);
  storage.leases.clear_changed();
  // A window at a time: in a large state a put waits for memory most of its time, better once for many.
  CommandReader commands(batch.size() <= kBatchBytesMax ? batch : std::string_view());
  if (const auto elapsed = commands.leader_elapsed_ms()) storage.sessions.pass(*elapsed);
  CommandView window[tree::kWarmMax];
  for (std::size_t count = tree::kWarmMax; count == tree::kWarmMax;) {
    count = 0;
    while (count < tree::kWarmMax) {
      const auto command = commands.next();
      if (!command) break;
      window[count++] = *command;
    }
    warm(storage.store, window, count);
    for (std::size_t i = 0; i < count; ++i) state_->apply_command(window[i], at.term, sink);
  }
  if (!storage.sessions.leaders_tell_time()) storage.sessions.forgotten_up_to(storage.store.revision());
  storage.applied_index = at.index;
  if (sink != nullptr && !storage.leases.changed().empty()) sink->leases_changed(storage.leases.changed());
}

std::uint64_t StateMachine::applied_index() const { return state_->storage->applied_index; }

std::int64_t StateMachine::revision() const { return state_->storage->store.revision(); }

std::uint64_t StateMachine::state_hash() const { return state_->storage->state_hash(); }

void StateMachine::follow(const MemberMap& configured) { state_->storage->members.follow(configured); }
std::shared_ptr<const MemberMap> StateMachine::members() const { return state_->storage->members.all(); }

const Alarms& StateMachine::alarms() const { return state_->storage->alarms; }
const std::shared_ptr<const AuthState>& StateMachine::auth() const { return state_->storage->auth.all(); }
std::int64_t StateMachine::clock_ms() const { return state_->storage->sessions.counters().clock_ms; }
StateSizes StateMachine::sizes() const { return sizes_of(state_->storage->store.state()); }

bool StateMachine::collect(std::size_t records_max) {
  Storage& storage = *state_->storage;
  if (records_max > 0) {
    storage.epochs.begin(storage.epochs.current());  // takes in what views have let go of
    storage.store.collect(records_max);
    storage.epochs.free_some(storage.limits.step.free_objects);
  }
  return storage.store.has_superseded() || storage.epochs.has_doomed();
}

std::int64_t StateMachine::removed_up_to() const { return state_->storage->store.removed_up_to(); }

const OperationCounts& StateMachine::operations() const { return state_->storage->store.operations(); }

std::optional<LeaseInfo> StateMachine::lease(std::int64_t id) const {
  const LeaseInfo* const lease = state_->storage->leases.find(id);
  return lease == nullptr ? std::nullopt : std::optional(*lease);
}
std::vector<LeaseInfo> StateMachine::leases_after(std::optional<std::int64_t> after,
                                                  std::size_t count_max) const {
  return state_->storage->leases.state().after(after, count_max);
}
std::uint64_t StateMachine::lease_key_count(std::int64_t id) const {
  return state_->storage->leases.state().key_count(id);
}

std::shared_ptr<const View> StateMachine::view() const {
  std::shared_ptr<const StateView> view = state_->last_view.lock();
  if (view == nullptr || view->applied_index() != applied_index()) {
    view = std::make_shared<const StateView>(state_->storage);
    state_->last_view = view;
  }
  return view;
}

void StateMachine::State::apply_command(const CommandView& command, std::uint64_t term, ApplySink* sink) {
  const bool wanted = sink != nullptr && sink->wants(command.request_id);
  Outcome outcome = outcome_of(command, term, wanted);
  if (wanted) sink->done(command.request_id, std::move(outcome));
}

Outcome StateMachine::State::outcome_of(const CommandView& command, std::uint64_t term, bool with_body) {
  if (command.only_in_term != 0 && command.only_in_term != term) {
    REACHED("mvcc.command.fenced");
    return refuse(decided_in_another_term(command.only_in_term, term), storage->store.revision());
  }
  storage->sessions.pass_to(command.time_unix_ms);
  if (command.caller.kind != Caller::Kind::anybody || storage->auth.enabled()) [[unlikely]] {
    if (Status permitted = check_caller(command); !permitted)
      return refuse(std::move(permitted).error(), storage->store.revision());
  }
  if (!command.idempotency_key.empty()) return apply_once(command);
  if (const auto refusal = refused_by_alarms(command)) return *refusal;
  return commands.apply(command, with_body);
}

std::optional<Outcome> StateMachine::State::refused_by_alarms(const CommandView& command) const {
  if (!storage->alarms.any()) return std::nullopt;
  const std::optional<Reason> reason = refused_by(storage->alarms, command);
  if (!reason) return std::nullopt;
  REACHED("mvcc.command.alarmed");
  return refuse(etcd::error_of(*reason), storage->store.revision());
}

// Before it is looked up whether the command has been applied already: what that came to is not for
// everybody.
Status StateMachine::State::check_caller(const CommandView& command) {
  const LeaseState leases = storage->leases.state();
  return permit(command.caller, TRY(commands.effects(command)), *storage->auth.all(), &leases);
}

// The second command with a key changes nothing and comes to what the first came to.
Outcome StateMachine::State::apply_once(const CommandView& command) {
  const std::string_view key = command.idempotency_key;
  const std::size_t key_bytes_max = storage->limits.request.idempotency_key_bytes_max;
  if (key.size() > key_bytes_max) {
    return refuse(
        etcd::error_of(Reason::idempotency_key_too_long,
                       {static_cast<std::int64_t>(key.size()), static_cast<std::int64_t>(key_bytes_max)}),
        storage->store.revision());
  }
  const std::uint64_t hash = hash_of(command);
  if (const Session* const session = storage->sessions.find(key)) {
    REACHED("mvcc.session.repeated");
    if (session->request_hash == hash) return session->outcome;
    return refuse(etcd::error_of(Reason::idempotency_key_reused), storage->store.revision());
  }
  // Not remembered: sent again once the alarm is gone, it applies.
  if (const auto refusal = refused_by_alarms(command)) return *refusal;
  const std::int64_t before = storage->store.revision();
  Sessions& sessions = storage->sessions;
  Sessions::Remembered remembered{.key = key, .request_hash = hash};
  if (sessions.leaders_tell_time()) {
    remembered.stamped = command.idempotency_revision != 0;
    if (remembered.stamped) {
      if (Status fresh = check_stamp(command.idempotency_revision); !fresh)
        return refuse(std::move(fresh).error(), before);
    }
    if (!sessions.make_room(command.answers_make_room))
      return refuse(etcd::error_of(Reason::idempotency_table_full), before);
  }
  Outcome outcome = commands.apply(command, true);
  if (const std::int64_t after = storage->store.revision(); sessions.leaders_tell_time() && after != before)
    remembered.changed_revision = after;
  sessions.remember(remembered, outcome);
  return outcome;
}

// A key that is not remembered, and what its client says the store had before it was used.
Status StateMachine::State::check_stamp(std::int64_t revision) const {
  const std::int64_t newest = storage->store.revision();
  if (revision < 1 || revision > newest) return fail(Reason::idempotency_revision_ahead, {revision, newest});
  const std::int64_t forgotten = storage->sessions.forgotten_revision();
  if (revision < forgotten) return fail(Reason::idempotency_key_too_old, {revision, forgotten});
  return {};
}

}  // namespace cairn::mvcc
