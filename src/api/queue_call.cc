#include "api/queue_call.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "api/answer_bound.h"
#include "api/grpc_reply.h"
#include "api/rest.h"
#include "base/check.h"
#include "base/prefix.h"
#include "etcd/validate.h"
#include "node/status.h"

namespace cairn::api {
namespace {

using etcdserverpb::RangeRequest;
using etcdserverpb::TxnRequest;
using etcdserverpb::TxnResponse;

constexpr std::int64_t kSessionSeconds = 60;

class ThenWrite final : public node::WriteResponder {
 public:
  explicit ThenWrite(Continue then) : then_(std::move(then)) {}
  ~ThenWrite() override {
    if (then_) then_(mvcc::refuse(etcd::error_of(Reason::server_stopped)));
  }
  ThenWrite(const ThenWrite&) = delete;
  ThenWrite& operator=(const ThenWrite&) = delete;
  void done(mvcc::Outcome outcome) override { std::exchange(then_, nullptr)(std::move(outcome)); }

 private:
  Continue then_;
};

class ThenRead final : public node::ReadResponder {
 public:
  ThenRead(Query query, Continue then) : query_(std::move(query)), then_(std::move(then)) {}
  ~ThenRead() override {
    if (then_) then_(mvcc::refuse(etcd::error_of(Reason::server_stopped)));
  }
  ThenRead(const ThenRead&) = delete;
  ThenRead& operator=(const ThenRead&) = delete;
  void ready(const mvcc::View& view) override { std::exchange(then_, nullptr)(query_(view)); }
  void failed(Error error) override { std::exchange(then_, nullptr)(mvcc::refuse(std::move(error))); }

 private:
  Query query_;
  Continue then_;
};

// The keys of a queue by age.
RangeRequest by_age(const std::string& prefix, RangeRequest::SortOrder order, std::int64_t limit) {
  RangeRequest range;
  range.set_key(prefix);
  range.set_range_end(prefix_end(prefix));
  range.set_sort_target(RangeRequest::CREATE);
  range.set_sort_order(order);
  range.set_limit(limit);
  return range;
}

void write_txn(const Config& config, node::Member& member, Time deadline, const TxnRequest& txn,
               Continue then) {
  if (const Status valid = etcd::validate(txn, config.request); !valid)
    return then(mvcc::refuse(valid.error()));
  node::ClientWrite write{.kind = node::CommandKind::txn,
                          .request = txn.SerializeAsString(),
                          .idempotency_key = "",
                          .deadline = deadline,
                          .responder = nullptr,
                          .answer_bytes_max = answer_bytes_max(config, node::CommandKind::txn)};
  if (write.request.size() > config.request_bytes_max)
    return then(mvcc::refuse(etcd::error_of(Reason::request_too_large)));
  write.responder = continue_with(std::move(then));
  member.write(std::move(write));
}

TxnRequest put_if_created_at(const std::string& key, std::int64_t revision, const std::string& value,
                             std::int64_t lease) {
  TxnRequest txn = if_created_at(key, revision);
  etcdserverpb::PutRequest* const put = txn.add_success()->mutable_request_put();
  put->set_key(key);
  put->set_value(value);
  put->set_lease(lease);
  return txn;
}

}  // namespace

std::unique_ptr<node::WriteResponder> continue_with(Continue then) {
  return std::make_unique<ThenWrite>(std::move(then));
}

std::unique_ptr<node::ReadResponder> continue_with(Query query, Continue then) {
  return std::make_unique<ThenRead>(std::move(query), std::move(then));
}

void grant_session(const Config& config, node::Member& member, Time deadline, Continue then) {
  etcdserverpb::LeaseGrantRequest grant;
  grant.set_ttl(kSessionSeconds);
  member.write({.kind = node::CommandKind::lease_grant,
                .request = grant.SerializeAsString(),
                .idempotency_key = "",
                .deadline = deadline,
                .responder = continue_with(std::move(then)),
                .lease = {.id = random_lease_id(config), .ttl_s = config.lease_ttl_min_s}});
}

std::string queue_prefix(std::string_view name) { return std::string(name) + "/"; }

void read_queue(const Config& config, node::Member& member, Time deadline, const RangeRequest& range,
                Continue then) {
  auto txn = std::make_shared<TxnRequest>();
  *txn->add_success()->mutable_request_range() = range;
  member.read({.serializable = false,
               .deadline = deadline,
               .responder = continue_with(
                   [txn, &config](const mvcc::View& view) {
                     const auto checked = etcd::check(*txn, config.request);
                     return checked ? view.txn(*checked, config.answer_bytes_max)
                                    : mvcc::refuse(checked.error());
                   },
                   std::move(then))});
}

RangeRequest oldest_of(const std::string& prefix) { return by_age(prefix, RangeRequest::ASCEND, 1); }

TxnResponse txn_response_of(const mvcc::Outcome& outcome) {
  TxnResponse response;
  CHECK(response.ParseFromString(outcome.body));
  return response;
}

TxnRequest if_created_at(const std::string& key, std::int64_t revision) {
  TxnRequest txn;
  etcdserverpb::Compare* const compare = txn.add_compare();
  compare->set_key(key);
  compare->set_target(etcdserverpb::Compare::CREATE);
  compare->set_result(etcdserverpb::Compare::EQUAL);
  compare->set_create_revision(revision);
  return txn;
}

// ---- all of them ----

// The calls have ended before, and so have their streams.
QueueCalls::~QueueCalls() { CHECK(calls_.empty()); }

bool QueueCalls::admit(rpc::GrpcCall& call) {
  if (stopped_ || !watches_.opens()) {
    call.refuse(etcd::error_of(Reason::server_stopped));
    return false;
  }
  if (calls_.size() < config_.queue_calls_max) return true;
  call.refuse(etcd::error_of(Reason::queue_calls_full, {static_cast<std::int64_t>(config_.queue_calls_max)}));
  return false;
}

void QueueCalls::stop() {
  stopped_ = true;
  // A stream may go while it is ended.
  for (QueueCall* const call : std::set<QueueCall*>(calls_))
    if (calls_.count(call) > 0) call->fail(etcd::error_of(Reason::server_stopped));
}

// ---- one ----

// What outlives the call, for as long as something that it has begun is under way.
struct QueueCall::Shared {
  Shared(QueueCall* of, const QueueCalls& all) : call(of), config(all.config_), member(all.member_) {}

  // Takes the key out of the queue. A lease that was granted for this call alone goes with it.
  void leave() {
    const Time deadline = member.now() + config.request_timeout;
    if (is_own_lease) {
      etcdserverpb::LeaseRevokeRequest revoke;
      revoke.set_id(place.lease);
      return member.write({.kind = node::CommandKind::lease_revoke,
                           .request = revoke.SerializeAsString(),
                           .idempotency_key = "",
                           .deadline = deadline,
                           .responder = continue_with([](const mvcc::Outcome&) {})});
    }
    TxnRequest txn = if_created_at(place.key, place.revision);
    txn.add_success()->mutable_request_delete_range()->set_key(place.key);
    write_txn(config, member, deadline, txn, [](const mvcc::Outcome&) {});
  }
  bool has_something() const { return is_own_lease || is_in_queue; }

  QueueCall* call;  // null: it has ended
  const Config& config;
  node::Member& member;
  Wish wish;
  Place place;
  bool is_own_lease = false;  // granted here
  bool is_in_queue = false;
};

// Hears of the keys that matter to one call: its own, and the one before.
class QueueCall::Waiter final : public WatchClient {
 public:
  Waiter(QueueCall& call, Watches& watches, bool wants_leader)
      : WatchClient(watches, wants_leader), call_(call) {}

  void ready() override {
    if (is_watching_) watch();
  }
  void refuse(Reason why) override { call_.fail(etcd::error_of(why)); }
  // Not from within the hub: whoever hears of a change here looks soon after.
  void time_is_up() override { call_.woken(); }
  bool has_room() override { return true; }  // nothing of it goes to the client
  void send(const watch::Response& response) override {
    if (!is_watching_ || response.created || (response.events.empty() && !response.canceled)) return;
    wake_at(watches_.member().now());
  }

  void begin() {
    is_watching_ = true;
    wake_at(call_.call_->deadline());
    if (is_ready()) watch();
  }
  void end() {
    is_watching_ = false;
    wake_at({});
    if (!has_stream()) return;
    stream().cancel(kBefore);
    stream().cancel(kOwn);
  }

 private:
  static constexpr std::int64_t kBefore = 1, kOwn = 2;

  void watch() {
    for (const auto& [key, id] :
         {std::pair(&call_.awaited_, kBefore), std::pair(&call_.shared_->place.key, kOwn)}) {
      watch::Request request{.key = *key, .start_revision = call_.from_revision_, .watch_id = id};
      request.wants.puts = false;
      const Result<watch::Refused> refused = create(request);
      if (!refused) return call_.fail(refused.error());
      if (*refused != watch::Refused::no) return refuse(Reason::too_many_requests);
    }
    watches_.schedule();
  }

  QueueCall& call_;
  bool is_watching_ = false;
};

QueueCall::QueueCall(QueueCalls& all, std::shared_ptr<rpc::GrpcCall> call)
    : all_(all), call_(std::move(call)), shared_(std::make_shared<Shared>(this, all)) {
  all_.calls_.insert(this);
}

QueueCall::~QueueCall() {
  all_.calls_.erase(this);
  shared_->call = nullptr;
  if (!is_over_ && !all_.stopped_ && shared_->has_something()) shared_->leave();
}

void QueueCall::on_message(std::string_view message) {
  if (std::exchange(has_begun_, true))
    return call_->finish(Code::invalid_argument, "cairn: a second request on one call");
  std::optional<Wish> wish = wish_of(*call_, message);
  if (!wish) return;
  shared_->wish = *std::move(wish);
  shared_->place.lease = shared_->wish.lease;
  if (shared_->place.lease != 0) return enter();
  grant_session(all_.config_, all_.member_, deadline(), [shared = shared_](const mvcc::Outcome& outcome) {
    if (outcome.code != Code::ok) {
      if (shared->call != nullptr) shared->call->fail(outcome.refusal());
      return;
    }
    etcdserverpb::LeaseGrantResponse granted;
    CHECK(granted.ParseFromString(outcome.body));
    shared->place.lease = granted.id();
    shared->is_own_lease = true;
    if (shared->call == nullptr) return shared->leave();
    shared->call->enter();
  });
}

void QueueCall::on_half_close() {
  if (!has_begun_) call_->finish(Code::internal, "cairn: no request");
}

Time QueueCall::deadline() const { return deadline_of(*call_, all_.config_, all_.member_); }

// With its key at the end of the queue, or where it has been before, and who is first in it.
void QueueCall::enter() {
  Place& place = shared_->place;
  const std::string prefix = queue_prefix(shared_->wish.name);
  char digits[20];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), place.lease, 16).ptr;
  place.key = prefix + std::string(digits, end);
  TxnRequest txn = put_if_created_at(place.key, 0, shared_->wish.value, place.lease);
  txn.add_failure()->mutable_request_range()->set_key(place.key);
  RangeRequest oldest = oldest_of(prefix);
  oldest.set_keys_only(true);
  *txn.add_success()->mutable_request_range() = oldest;
  *txn.add_failure()->mutable_request_range() = oldest;
  write_txn(all_.config_, all_.member_, deadline(), txn, [shared = shared_](const mvcc::Outcome& outcome) {
    if (shared->call != nullptr) return shared->call->entered(outcome);
    // Its client has gone meanwhile: what there was before stays.
    if (outcome.code == Code::ok && txn_response_of(outcome).succeeded()) {
      shared->place.revision = outcome.revision;
      shared->is_in_queue = true;
    }
    if (shared->has_something()) shared->leave();
  });
}

void QueueCall::entered(const mvcc::Outcome& outcome) {
  if (outcome.code != Code::ok) return fail(outcome.refusal());
  const TxnResponse response = txn_response_of(outcome);
  Place& place = shared_->place;
  place.revision = outcome.revision;
  shared_->is_in_queue = response.succeeded();  // what was there before is this call's once it waits
  const auto& oldest = response.responses(1).response_range().kvs();
  const bool is_first = oldest.empty() || oldest[0].key() == place.key;
  const auto go_on = [is_first, revision = outcome.revision](QueueCall& call) {
    is_first ? call.won(revision) : call.look();
  };
  if (response.succeeded()) return go_on(*this);
  const mvccpb::KeyValue& own = response.responses(0).response_range().kvs(0);
  place.revision = own.create_revision();
  if (own.value() == shared_->wish.value) return go_on(*this);
  // It comes back with another value than it has proposed before.
  write_txn(all_.config_, all_.member_, deadline(),
            put_if_created_at(place.key, place.revision, shared_->wish.value, place.lease),
            [shared = shared_, go_on](const mvcc::Outcome& replaced) {
              if (shared->call == nullptr) return;
              if (replaced.code != Code::ok) return shared->call->fail(replaced.refusal());
              if (!txn_response_of(replaced).succeeded())
                return shared->call->fail(etcd::error_of(shared->call->lost()));
              go_on(*shared->call);
            });
}

// The own key and the youngest of those before it.
void QueueCall::look() {
  RangeRequest range = by_age(queue_prefix(shared_->wish.name), RangeRequest::DESCEND, 2);
  range.set_max_create_revision(shared_->place.revision);
  range.set_keys_only(true);
  read_queue(all_.config_, all_.member_, deadline(), range, [shared = shared_](const mvcc::Outcome& outcome) {
    if (shared->call != nullptr) shared->call->looked(outcome);
  });
}

void QueueCall::looked(const mvcc::Outcome& outcome) {
  if (is_over_) return;
  if (outcome.code != Code::ok) return fail(outcome.refusal());
  const TxnResponse response = txn_response_of(outcome);
  const auto& kvs = response.responses(0).response_range().kvs();
  if (kvs.empty() || kvs[0].key() != shared_->place.key) {
    shared_->is_in_queue = false;
    return fail(etcd::error_of(lost()));
  }
  if (kvs.size() == 1) return won(outcome.revision);
  wait_for(kvs[1].key(), outcome.revision);
}

void QueueCall::wait_for(const std::string& key, std::int64_t revision) {
  shared_->is_in_queue = true;
  if (all_.stopped_ || !all_.watches_.opens()) return fail(etcd::error_of(Reason::server_stopped));
  if (is_over_) return;  // there has been no leader for long
  awaited_ = key;
  from_revision_ = revision + 1;
  if (waiter_ != nullptr) return waiter_->begin();
  waiter_ = std::make_unique<Waiter>(*this, all_.watches_, call_->metadata("hasleader") == "true");
  waiter_->begin();
  all_.watches_.opened();
}

void QueueCall::woken() {
  if (is_over_) return;
  if (call_->deadline() && *call_->deadline() <= all_.member_.now())
    return fail({Code::deadline_exceeded, "context deadline exceeded"});
  waiter_->end();
  look();
}

void QueueCall::won(std::int64_t revision) {
  if (is_over_ || call_->cancelled()) return;  // its end takes the key away
  is_over_ = true;
  if (waiter_ != nullptr) waiter_->end();
  answer(*call_, all_.member_,
         mvcc::Outcome{.code = Code::ok,
                       .error = "",
                       .revision = revision,
                       .body = answer_of(shared_->wish, shared_->place)});
}

void QueueCall::fail(const Error& error) {
  if (std::exchange(is_over_, true)) return;
  if (waiter_ != nullptr) waiter_->end();
  if (!all_.stopped_ && shared_->has_something()) shared_->leave();
  call_->refuse(error);
}

}  // namespace cairn::api
