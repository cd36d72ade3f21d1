#include "node/leases.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <memory>
#include <set>
#include <utility>

#include "base/reached.h"
#include "node/lease_calls.h"
#include "proto/command.pb.h"

namespace cairn::node {
namespace {

using std::chrono::seconds;

std::int64_t whole_seconds(Duration left) { return std::chrono::floor<seconds>(left).count(); }

// Never less than there is: who follows must not end it early.
std::int64_t seconds_up(Duration left) { return std::chrono::ceil<seconds>(left).count(); }

}  // namespace

// Says when the barrier of a turn's questions has been passed.
struct Leases::Confirmation final : ReadResponder {
  Confirmation(Leases& of, std::uint64_t of_barrier) : leases(of), barrier(of_barrier) {}
  void ready(const mvcc::View&) override { leases.confirmed(barrier, true); }
  void failed(Error) override { leases.confirmed(barrier, false); }
  Leases& leases;
  const std::uint64_t barrier;
};

void Leases::asked(LeaseCallKind kind, std::string_view body, Reply reply) {
  auto ids = decode_lease_ids(body);
  if (!ids || ids->size() > limits_.call_batch_max) return;  // of no member that we know: no answer
  gathered_.push_back({kind, std::move(*ids), std::move(reply)});
}

// ---- leading, and not ----

void Leases::lead(const Standing& standing) {
  resign();
  term_ = standing.term;
  since_ = standing.now;
  walking_ = true;
}

// Nobody is answered: those who ask find out who leads now.
void Leases::resign() {
  if (term_ != raft::Term{} && timers_.size() > 0) dropping_.push_back(std::exchange(timers_, {}));
  term_ = {};
  walking_ = false;
  walked_.reset();
  unconfirmed_.clear();
  confirmed_.clear();
  resets_.clear();
  expiry_ = {};
  checkpoint_ = {};
  news_ = false;
}

void Leases::walk(const mvcc::StateMachine& machine) {
  if (!walking_) return;
  const std::vector<mvcc::LeaseInfo> some = machine.leases_after(walked_, limits_.slice);
  for (const mvcc::LeaseInfo& lease : some) {
    const LeaseTimer* const known = timers_.find(lease.id);
    if (known == nullptr) start(lease, since_, since_ + seconds(lease.left_s()) + extension_);
  }
  walking_ = some.size() == limits_.slice;
  if (!some.empty()) walked_ = some.back().id;
  if (walking_) REACHED("node.lease.taken_on_in_slices");
}

void Leases::start(const mvcc::LeaseInfo& lease, Time now, Time expiry) {
  const LeaseTimer timer{.generation = lease.generation,
                         .ttl_s = lease.ttl_s,
                         .expiry = expiry,
                         .checkpointed = lease.remaining_s != 0};
  timers_.put(lease.id, timer, wake_of(timer, now));
}

// What lasts long is looked at now and then, for the state to know.
Time Leases::wake_of(const LeaseTimer& timer, Time now) const {
  return std::min(timer.expiry, now + limits_.checkpoint_interval);
}

// Of one that the walk has not come to, it begins here.
LeaseTimer* Leases::timer_of(std::int64_t id, Time now, const mvcc::StateMachine& machine) {
  if (LeaseTimer* const timer = timers_.find(id)) return timer;
  const auto lease = walking_ ? machine.lease(id) : std::nullopt;
  if (!lease) return nullptr;
  start(*lease, now, since_ + seconds(lease->left_s()) + extension_);
  return timers_.find(id);
}

void Leases::changed(const std::vector<std::int64_t>& ids, const Standing& standing,
                     const mvcc::StateMachine& machine) {
  if (term_ == raft::Term{} || !standing.leads() || standing.term != term_) return;  // it will walk
  for (const std::int64_t id : ids) {
    const auto lease = machine.lease(id);
    if (!lease) {
      timers_.erase(id);
      continue;
    }
    LeaseTimer* const known = timers_.find(id);
    if (known == nullptr || known->generation != lease->generation)
      start(*lease, standing.now, standing.now + seconds(lease->left_s()));
    else if (lease->remaining_s != 0)
      known->checkpointed = true;  // by a leader before this one, perhaps
  }
}

// ---- a turn ----

void Leases::begin_turn(const Standing& standing, raft::Term applied, const mvcc::StateMachine& machine) {
  if (!dropping_.empty() && !dropping_.back().drop_some(limits_.slice)) dropping_.pop_back();
  if (!standing.leads()) {
    if (term_ != raft::Term{}) REACHED("node.lease.deposed");
    resign();
    gathered_.clear();
    return;
  }
  if (applied != standing.term) return;
  if (standing.term != term_) lead(standing);
  walk(machine);
  take_outcomes(standing.now, machine);
  const auto next = timers_.next();
  if (next && next->wake <= standing.now && standing.now >= looked_ + limits_.look_interval)
    look(standing.now, machine);
  if (wants_resets() && standing.now >= resets_after_) propose_checkpoints(standing.now, {});
  if (gathered_.empty()) return;
  const std::uint64_t barrier = ++last_barrier_;
  unconfirmed_.emplace(barrier, std::exchange(gathered_, {}));
  port_.read({.serializable = false,
              .deadline = standing.now + 2 * extension_,
              .responder = std::make_unique<Confirmation>(*this, barrier)});
}

// A barrier that was asked again after leadership was lost says nothing: but then the term is another.
void Leases::confirmed(std::uint64_t barrier, bool leads) {
  const auto found = unconfirmed_.find(barrier);
  if (found == unconfirmed_.end()) return;
  if (leads) std::move(found->second.begin(), found->second.end(), std::back_inserter(confirmed_));
  unconfirmed_.erase(found);
}

void Leases::answer(const Standing& standing, const mvcc::StateMachine& machine) {
  if (confirmed_.empty()) return;
  if (!standing.leads() || standing.term != term_) return confirmed_.clear();
  std::vector<Round> waiting;
  for (Round& round : std::exchange(confirmed_, {}))
    if (!finish(round, standing.now, machine)) waiting.push_back(std::move(round));
  confirmed_ = std::move(waiting);
}

// False: what becomes of one of its leases is open.
bool Leases::finish(Round& round, Time now, const mvcc::StateMachine& machine) {
  const bool renews = round.kind == LeaseCallKind::keep_alive;
  for (const std::int64_t id : round.ids) timer_of(id, now, machine);
  if (renews && !may_renew(round)) return false;
  std::vector<LeaseTime> times;
  times.reserve(round.ids.size());
  for (const std::int64_t id : round.ids) {
    LeaseTimer* const timer = timers_.find(id);
    if (timer == nullptr) {
      times.push_back({.left_s = renews ? 0 : -1, .granted_s = 0, .revision = 0});
      continue;
    }
    if (renews) {
      timer->expiry = now + seconds(timer->ttl_s);
      timers_.wake_at(id, wake_of(*timer, now));
    }
    const std::int64_t left = whole_seconds(std::max(timer->expiry - now, Duration{}));
    times.push_back({left, timer->ttl_s, 0});
  }
  round.reply.answer(encode_lease_times(times, machine.revision()));
  return true;
}

bool Leases::may_renew(const Round& round) {
  bool may = true;
  for (const std::int64_t id : round.ids) {
    const LeaseTimer* const timer = timers_.find(id);
    if (timer == nullptr) continue;
    if (timer->expiring) REACHED("node.lease.renewal_waits_for_expiry");
    if (timer->checkpointed) {
      REACHED("node.lease.renewal_waits_for_checkpoint");
      resets_.insert(id);
    }
    may = may && !timer->expiring && !timer->checkpointed;
  }
  return may;
}

// ---- what it proposes ----

void Leases::propose(CommandKind kind, std::string request, bool frees, UnderWay* under_way,
                     std::vector<std::int64_t> ids) {
  const std::uint64_t number = ++last_proposal_;
  *under_way = {.ids = std::move(ids), .number = number, .proposed = true};
  port_.propose({.kind = kind,
                 .request = std::move(request),
                 .term = term_,
                 .frees = frees,
                 .done = [this, under_way, number](OwnOutcome outcome) {
                   if (under_way->number != number) return;  // of an earlier term
                   under_way->over = news_ = true;
                   under_way->outcome = outcome.kind;
                 }});
}

void Leases::take_outcomes(Time now, const mvcc::StateMachine& machine) {
  news_ = false;
  if (expiry_.over) {
    if (expiry_.outcome != OwnOutcome::Kind::applied) REACHED("node.lease.expiry_not_applied");
    for (const std::int64_t id : std::exchange(expiry_, {}).ids) {
      LeaseTimer* const timer = timers_.find(id);
      if (timer == nullptr || !timer->expiring) continue;
      timer->expiring = false;
      timers_.wake_at(id, now + limits_.look_interval);
    }
  }
  if (checkpoint_.over) {
    if (checkpoint_.outcome != OwnOutcome::Kind::applied) resets_after_ = now + limits_.look_interval;
    for (const std::int64_t id : std::exchange(checkpoint_, {}).ids) {
      const auto lease = machine.lease(id);
      LeaseTimer* const timer = timers_.find(id);
      if (timer != nullptr && lease) timer->checkpointed = lease->remaining_s != 0;
    }
  }
}

void Leases::look(Time now, const mvcc::StateMachine& machine) {
  std::vector<std::int64_t> expired, due;
  std::uint64_t keys = 0;
  looked_ = now;
  for (auto next = timers_.next(); next && next->wake <= now; next = timers_.next()) {
    LeaseTimer& timer = *timers_.find(next->id);
    if (timer.expiry > now) {
      if (checkpoint_.proposed || due.size() >= limits_.checkpoints_max) break;
      due.push_back(next->id);
      timers_.wake_at(next->id, wake_of(timer, now));
      continue;
    }
    if (expiry_.proposed || expired.size() >= limits_.expired_max) break;
    keys += machine.lease_key_count(next->id);
    if (!expired.empty() && keys > limits_.expired_keys_max) break;
    expired.push_back(next->id);
    timer.expiring = true;
    timers_.wake_at(next->id, Time::max());
  }
  if (!expired.empty()) propose_expiry(expired);
  if (!due.empty()) propose_checkpoints(now, due);
}

void Leases::propose_expiry(const std::vector<std::int64_t>& ids) {
  REACHED("node.lease.expired");
  command::RevokeLeases message;
  for (const std::int64_t id : ids) {
    auto* const lease = message.add_expired();
    lease->set_id(id);
    lease->set_generation(timers_.find(id)->generation);
  }
  propose(CommandKind::lease_revoke, message.SerializeAsString(), true, &expiry_, ids);
}

// One that is renewed meanwhile is all there again, whatever else would be said of it.
void Leases::propose_checkpoints(Time now, const std::vector<std::int64_t>& due) {
  command::CheckpointLeases message;
  std::vector<std::int64_t> ids;
  const auto add = [&](std::int64_t id, const LeaseTimer& timer, std::int64_t remaining_s) {
    auto* const lease = message.add_leases();
    lease->set_id(id);
    lease->set_generation(timer.generation);
    lease->set_remaining(remaining_s);
    ids.push_back(id);
  };
  while (!resets_.empty() && ids.size() < limits_.checkpoints_max) {
    const std::int64_t id = *resets_.begin();
    resets_.erase(resets_.begin());
    if (const LeaseTimer* const timer = timers_.find(id)) add(id, *timer, 0);
  }
  const std::set<std::int64_t> reset(ids.begin(), ids.end());
  for (const std::int64_t id : due) {
    if (reset.contains(id)) continue;
    LeaseTimer& timer = *timers_.find(id);
    if (ids.size() >= limits_.checkpoints_max) {
      timers_.wake_at(id, now);
      continue;
    }
    timer.checkpointed = true;
    add(id, timer, seconds_up(timer.expiry - now));
  }
  if (ids.empty()) return;
  propose(CommandKind::lease_checkpoint, message.SerializeAsString(), false, &checkpoint_, ids);
}

Time Leases::deadline() const {
  if (term_ == raft::Term{}) return Time::max();
  const Time resets = wants_resets() ? resets_after_ : Time::max();
  const auto next = timers_.next();
  if (!next || (expiry_.proposed && checkpoint_.proposed)) return resets;
  return std::min(resets, std::max(next->wake, looked_ + limits_.look_interval));
}

}  // namespace cairn::node
