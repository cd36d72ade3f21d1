#include "mvcc/sessions.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace cairn::mvcc {

Sessions::~Sessions() {
  for (Session* session : by_age_) delete session;
}

void Sessions::advance(std::int64_t time_unix_ms) {
  clock_unix_ms_ = std::max(clock_unix_ms_, time_unix_ms);
  // Both times are >= 0, so the difference cannot overflow.
  while (!by_age_.empty() && clock_unix_ms_ - by_age_.front()->time_unix_ms >= limits_.session_ttl_ms)
    forget_oldest();
}

void Sessions::remember(std::string_view key, std::uint64_t request_hash, const Outcome& outcome) {
  auto session = std::make_unique<Session>();
  session->name = key;
  session->sequence = next_sequence_++;
  session->time_unix_ms = clock_unix_ms_;
  session->request_hash = request_hash;
  if (outcome.body.size() <= kBodyMax) {
    session->outcome = outcome;
  } else {
    session->outcome.code = Code::failed_precondition;
    session->outcome.error = "the request with this idempotency key was applied at revision " +
                             std::to_string(outcome.revision) + ", but its response of " +
                             std::to_string(outcome.body.size()) +
                             " bytes was too large to be kept for a retry: " + "read the keys instead";
    session->outcome.revision = outcome.revision;
  }
  insert(std::move(session));
  trim();
}

void Sessions::insert(std::unique_ptr<Session> session) {
  session->made = epochs_->current();
  size_bytes_ += session->size_bytes();
  Session* const added = session.release();
  tree_.put(added->key(), [added](Session* old) {
    CHECK(old == nullptr);
    return added;
  });
  by_age_.push_back(added);
}

void Sessions::forget_oldest() {
  Session* const oldest = by_age_.front();
  by_age_.pop_front();
  CHECK(tree_.erase(oldest->key()) == oldest);
  size_bytes_ -= oldest->size_bytes();
  epochs_->retire(
      oldest, [](void* session) { delete static_cast<Session*>(session); }, oldest->made);
}

void Sessions::trim() {
  while (by_age_.size() > limits_.sessions_max || size_bytes_ > limits_.session_bytes_max) forget_oldest();
}

void Sessions::load(std::unique_ptr<Session> session) { insert(std::move(session)); }

bool Sessions::load_done(std::int64_t clock_unix_ms, std::uint64_t next_sequence) {
  clock_unix_ms_ = clock_unix_ms;
  next_sequence_ = next_sequence;
  std::sort(by_age_.begin(), by_age_.end(),
            [](const Session* a, const Session* b) { return a->sequence < b->sequence; });
  std::uint64_t last = 0;
  std::int64_t last_time = 0;
  for (const Session* session : by_age_) {
    if (session->sequence <= last || session->sequence >= next_sequence ||
        session->time_unix_ms < last_time || session->time_unix_ms > clock_unix_ms)
      return false;
    last = session->sequence;
    last_time = session->time_unix_ms;
  }
  return true;
}

}  // namespace cairn::mvcc
