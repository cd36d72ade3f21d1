#include "api/watches.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "node/status.h"

namespace cairn::api {

WatchClient::WatchClient(Watches& watches, bool wants_leader)
    : watches_(watches), whose_(watches.member_.current()), wants_leader_(wants_leader) {
  watches_.clients_.insert(this);
  watches_.want_leader_ += wants_leader_ ? 1 : 0;
}

WatchClient::~WatchClient() {
  watches_.clients_.erase(this);
  watches_.want_leader_ -= wants_leader_ ? 1 : 0;
  wake_at({});
  stream_.reset();
  watches_.count();
  if (!watches_.clients_.empty()) return;
  watches_.follows_ = false;
  watches_.member_.follow({});
  watches_.hub_.rest();
}

bool WatchClient::is_ready() const { return watches_.hub_.ready(); }

watch::Stream& WatchClient::stream() {
  if (!stream_) stream_.emplace(&watches_.hub_, this, watches_.member_.now());
  return *stream_;
}

Result<watch::Refused> WatchClient::create(const watch::Request& request) {
  const mvcc::AuthState& auth = watches_.auth();
  if (auth.enabled) {
    const mvcc::OwnedCaller who = TRY(watches_.member_.caller(whose_.get(), auth));
    TRY(mvcc::permit(who.view(), {{etcd::Access::read, request.key, request.range_end}}, auth, nullptr));
    user_ = who.user;
  }
  return stream().create(request);
}

// The login may have ended since, by time: what counts is whether the user may.
void WatchClient::look_again(const mvcc::AuthState& auth) {
  if (!stream_ || !auth.enabled) return;
  mvcc::Caller who;
  if (!user_.empty()) who = {mvcc::Caller::Kind::user, user_, auth.revision};
  Error why;
  const std::vector<std::int64_t> ids = stream_->find([&](const watch::Range& range) {
    const Status may = mvcc::permit(who, {{etcd::Access::read, range.first, range.end}}, auth, nullptr);
    if (!may) why = may.error();
    return !may;
  });
  if (!ids.empty()) lost(ids, why);
}

void WatchClient::lost(const std::vector<std::int64_t>&, const Error& why) { refuse(why.reason); }

void WatchClient::wake_at(std::optional<Time> when) {
  if (wake_at_) watches_.by_time_.erase({*wake_at_, this});
  wake_at_ = when;
  if (wake_at_) watches_.by_time_.emplace(*wake_at_, this);
}

// The calls have ended before, and so have their streams.
Watches::~Watches() { CHECK(clients_.empty()); }

bool Watches::opens() {
  if (stopped_) return false;
  look_for_leader(member_.now());  // what was seen before it is long ago
  return true;
}

void Watches::opened() {
  if (clients_.empty()) return;  // it has gone again already
  if (!std::exchange(follows_, true))
    member_.follow([this](const std::shared_ptr<const mvcc::View>& view) { publish(view); });
  schedule();
}

void Watches::publish(std::shared_ptr<const mvcc::View> view) {
  const bool was_ready = hub_.ready();
  look_at_users(view->auth());  // before anybody hears of changes that were made under these
  hub_.publish(std::move(view));
  if (!was_ready) {
    const std::set<WatchClient*> waiting = clients_;
    for (WatchClient* const client : waiting) client->ready();
  }
  schedule();  // not here: the turn that has published has more to do
}

void Watches::look_at_users(const mvcc::AuthState& auth) {
  const bool same = auth.revision == seen_.revision;
  seen_ = auth;
  if (same) return;
  const std::set<WatchClient*> all = clients_;  // who has lost something may go
  for (WatchClient* const client : all)
    if (clients_.contains(client)) client->look_again(auth);
}

const mvcc::AuthState& Watches::auth() const {
  const mvcc::AuthState& members = *member_.auth();
  return seen_.revision > members.revision ? seen_ : members;
}

void Watches::woken() {
  woken_at_.reset();
  const Time now = member_.now();
  static_cast<void>(hub_.work());
  if (hub_.ready()) hub_.tell_progress(now);
  look_for_leader(now);
  look_at_time(now);
  schedule();
}

void Watches::look_at_time(Time now) {
  while (!by_time_.empty() && by_time_.begin()->first <= now) {
    WatchClient* const client = by_time_.begin()->second;
    client->wake_at({});
    const Guard::Scope scope(member_, client->whose_);
    client->time_is_up();
  }
}

// As in etcd, three election timeouts after the leader was lost.
void Watches::look_for_leader(Time now) {
  if (want_leader_ == 0 || member_.brief().leader.v != 0) {
    leaderless_since_.reset();
    return;
  }
  if (!leaderless_since_) leaderless_since_ = now;
  if (now < *leaderless_since_ + config_.leaderless_max) return;
  for (WatchClient* const client : clients_)
    if (client->wants_leader()) client->refuse(Reason::no_leader);
}

std::optional<Time> Watches::due() const {
  const Time now = member_.now();
  if (hub_.has_work()) return now;
  std::optional<Time> due = hub_.progress_at();
  const auto no_later_than = [&due](Time when) {
    if (!due || when < *due) due = when;
  };
  if (want_leader_ > 0) no_later_than(now + config_.leaderless_max / 4);
  if (!by_time_.empty()) no_later_than(by_time_.begin()->first);
  return due;
}

// Of several front-ends, who share the metrics.
void Watches::count() {
  const auto update = [](Gauge& gauge, std::size_t* counted, std::size_t now) {
    if (*counted == now) return;
    gauge.add(static_cast<double>(now) - static_cast<double>(*counted));
    *counted = now;
  };
  update(config_.metrics->watch_streams, &counted_streams_, clients_.size());
  update(config_.metrics->watches, &counted_watches_, hub_.watches());
  update(config_.metrics->watches_behind, &counted_behind_, hub_.behind());
}

void Watches::schedule() {
  count();
  const std::optional<Time> next = due();
  if (!next || !config_.wake_at || (woken_at_ && *woken_at_ <= *next)) return;
  woken_at_ = next;
  config_.wake_at(*next);
}

void Watches::stop() {
  stopped_ = true;
  for (WatchClient* const client : clients_) client->refuse(Reason::server_stopped);
}

}  // namespace cairn::api
