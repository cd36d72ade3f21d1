#include "mvcc/sessions.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/reached.h"
#include "etcd/reasons.h"
#include "mvcc/state_hash.h"

namespace cairn::mvcc {
namespace {

Outcome without_body(const Outcome& outcome) {
  const auto size = static_cast<std::int64_t>(outcome.body.size());
  return refuse(etcd::error_of(Reason::already_applied, {outcome.revision, size}), outcome.revision);
}

}  // namespace

std::uint64_t Session::hash() const {
  return StateHash()
      .add(name)
      .add(sequence)
      .add(time_ms)
      .add(request_hash)
      .add(std::uint64_t{stamped})
      .add(changed_revision)
      .add(static_cast<std::uint64_t>(outcome.code))
      .add(outcome.error)
      .add(outcome.revision)
      .add(outcome.body)
      .value();
}

Sessions::~Sessions() {
  for (const auto* all : {&stamped_by_age_, &others_by_age_})
    for (Session* session : *all) delete session;
}

void Sessions::pass(std::uint64_t elapsed_ms) {
  const auto step_max = static_cast<std::uint64_t>(limits_.session_step_ms_max);
  const auto step = static_cast<std::int64_t>(std::min(elapsed_ms, step_max));
  counters_.clock = SessionClock::leaders;
  // A clock that old logs have driven to the end of time stays there.
  counters_.clock_ms += std::min(step, std::numeric_limits<std::int64_t>::max() - counters_.clock_ms);
  forget_expired();
}

void Sessions::pass_to(std::int64_t time_unix_ms) {
  if (leaders_tell_time()) return;
  counters_.clock_ms = std::max(counters_.clock_ms, time_unix_ms);
  forget_expired();
}

void Sessions::forget_expired() {
  // Both times are >= 0, so the difference cannot overflow.
  for (const bool stamped : {true, false}) {
    const std::deque<Session*>& sessions = by_age(stamped);
    while (!sessions.empty() && counters_.clock_ms - sessions.front()->time_ms >= limits_.session_ttl_ms)
      forget_oldest(stamped);
  }
}

bool Sessions::full() const {
  return stamped_by_age_.size() + others_by_age_.size() >= limits_.sessions_max || full_of_bytes();
}

bool Sessions::make_room(bool from_answers) {
  if (!leaders_tell_time()) return true;  // it is made afterwards
  while (full() && !stamped_by_age_.empty()) forget_oldest(true);
  while (from_answers && full_of_bytes() && forget_oldest_body()) continue;
  return !full();
}

// False: none has a body that takes more room than what would be said instead.
bool Sessions::forget_oldest_body() {
  for (; bare_ < others_by_age_.size(); ++bare_) {
    Session* const old = others_by_age_[bare_];
    auto bare = std::make_unique<Session>(*old);
    bare->outcome = without_body(old->outcome);
    if (old->outcome.code != Code::ok || bare->size_bytes() >= old->size_bytes()) continue;
    REACHED("mvcc.session.body_forgotten");
    bare->made = epochs_->current();
    size_bytes_ -= old->size_bytes() - bare->size_bytes();
    hashes_ += bare->hash() - old->hash();
    Session* const put = others_by_age_[bare_++] = bare.release();
    tree_.put(put->key(), [put](Session*) { return put; });
    retire(old);
    return true;
  }
  return false;
}

// As older versions did, whatever it breaks.
void Sessions::trim() {
  while (others_by_age_.size() > limits_.sessions_max || size_bytes_ > limits_.session_bytes_max)
    forget_oldest(false);
}

void Sessions::remember(const Remembered& what, const Outcome& outcome) {
  auto session = std::make_unique<Session>();
  session->name = what.key;
  session->sequence = counters_.next_sequence++;
  session->time_ms = counters_.clock_ms;
  session->request_hash = what.request_hash;
  session->stamped = what.stamped;
  session->changed_revision = what.changed_revision;
  session->outcome = outcome.body.size() <= limits_.session_body_bytes_max ? outcome : without_body(outcome);
  insert(std::move(session));
  if (!leaders_tell_time()) trim();
}

void Sessions::insert(std::unique_ptr<Session> session) {
  session->made = epochs_->current();
  size_bytes_ += session->size_bytes();
  hashes_ += session->hash();
  Session* const added = session.release();
  tree_.put(added->key(), [added](Session* old) {
    CHECK(old == nullptr);
    return added;
  });
  by_age(added->stamped).push_back(added);
}

void Sessions::forget_oldest(bool stamped) {
  Session* const oldest = by_age(stamped).front();
  by_age(stamped).pop_front();
  if (!stamped && bare_ > 0) --bare_;
  CHECK(tree_.erase(oldest->key()) == oldest);
  size_bytes_ -= oldest->size_bytes();
  hashes_ -= oldest->hash();
  counters_.forgotten_revision = std::max(counters_.forgotten_revision, oldest->changed_revision);
  retire(oldest);
}

void Sessions::retire(Session* session) {
  epochs_->retire(
      session, [](void* gone) { delete static_cast<Session*>(gone); }, session->made);
}

std::uint64_t Sessions::hash() const {
  return StateHash()
      .add(hashes_)
      .add(static_cast<std::uint64_t>(counters_.clock))
      .add(counters_.clock_ms)
      .add(counters_.forgotten_revision)
      .add(counters_.next_sequence)
      .value();
}

void Sessions::load(std::unique_ptr<Session> session) { insert(std::move(session)); }

bool Sessions::load_done(const SessionCounters& counters) {
  counters_ = counters;
  std::vector<Session*> all(stamped_by_age_.begin(), stamped_by_age_.end());
  all.insert(all.end(), others_by_age_.begin(), others_by_age_.end());
  std::sort(all.begin(), all.end(),
            [](const Session* a, const Session* b) { return a->sequence < b->sequence; });
  stamped_by_age_.clear();
  others_by_age_.clear();
  bare_ = 0;
  bool consistent = true;
  std::uint64_t last = 0;
  std::int64_t last_time = 0;
  for (Session* session : all) {
    consistent = consistent && session->sequence > last && session->sequence < counters.next_sequence &&
                 session->time_ms >= last_time && session->time_ms <= counters.clock_ms;
    last = session->sequence;
    last_time = session->time_ms;
    by_age(session->stamped).push_back(session);
  }
  return consistent;
}

}  // namespace cairn::mvcc
