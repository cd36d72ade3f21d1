#include "api/api.h"

#include <algorithm>
#include <utility>

#include "api/backups.h"
#include "api/gateway.h"
#include "api/grpc_methods.h"
#include "api/grpc_metrics.h"
#include "api/grpc_reply.h"
#include "api/guard.h"
#include "api/health.h"
#include "api/keep_alives.h"
#include "api/queue_call.h"
#include "api/rest.h"
#include "api/rest_auth.h"
#include "api/slow_requests.h"
#include "api/watches.h"
#include "base/prng.h"
#include "etcd/reasons.h"
#include "node/status.h"

namespace cairn::api {
namespace {

// The server hands back what find_method() gave it.
const Method& row_of(const rpc::Method& method) { return static_cast<const Method&>(method); }

SharedCredential whose(const Method& method, const rpc::GrpcCall& call) {
  if (method.permission != Permission::anyone) return credential_of(call);
  return std::make_shared<Credential>(Credential{.for_anyone = true});
}

// What a method does with a stream, it does in the name of who has opened it.
class StreamInScope final : public rpc::GrpcStream {
 public:
  StreamInScope(Guard& guard, std::unique_ptr<rpc::GrpcStream> of)
      : guard_(guard), whose_(guard.current()), of_(std::move(of)) {}
  ~StreamInScope() override {
    const Guard::Scope scope(guard_, whose_);
    of_.reset();
  }
  StreamInScope(const StreamInScope&) = delete;
  StreamInScope& operator=(const StreamInScope&) = delete;
  void on_message(std::string_view message) override {
    const Guard::Scope scope(guard_, whose_);
    of_->on_message(message);
  }
  void on_half_close() override {
    const Guard::Scope scope(guard_, whose_);
    of_->on_half_close();
  }
  void on_room() override {
    const Guard::Scope scope(guard_, whose_);
    of_->on_room();
  }

 private:
  Guard& guard_;
  const SharedCredential whose_;
  std::unique_ptr<rpc::GrpcStream> of_;
};

// A call that is judged once the cluster has said who may what.
class Judged final : public node::ReadResponder {
 public:
  Judged(const Method& method, const GrpcContext& context, std::size_t* waiting)
      : method_(method),
        call_(context.call),
        request_(context.request),
        context_(context),
        waiting_(*waiting) {
    context_.call = nullptr;
    ++waiting_;
  }
  ~Judged() override { --waiting_; }
  Judged(const Judged&) = delete;
  Judged& operator=(const Judged&) = delete;
  void ready(const mvcc::View& view) override {
    auto call = call_.take();
    if (call->cancelled()) return;
    if (const Status may = view.allows({{etcd::Access::admin, {}, {}}}); !may)
      return call->refuse(may.error());
    context_.call = std::move(call);
    context_.request = request_;
    method_.run(context_);
  }
  void failed(Error error) override { call_.take()->refuse(error); }

 private:
  const Method& method_;
  CallToAnswer call_;
  const std::string request_;
  GrpcContext context_;
  std::size_t& waiting_;
};

}  // namespace

struct Api::Impl {
  Impl(Config with, node::Member& of)
      : config(std::move(with)),
        member(of, config),
        own_metrics(&own_registry),
        grpc_metrics(&(config.metrics == nullptr ? own_metrics : *config.metrics).registry),
        watches(config, member),
        health(member, config.health_look_interval, [this](Time at) { wake(&health_at, at); }),
        keep_alives(config, member),
        backups(config, member, [this](Time at) { wake(&backups_at, at); }),
        queue_calls(config, member, watches) {
    if (!config.random) config.random = [this] { return prng.next(); };
    if (config.metrics == nullptr) config.metrics = &own_metrics;
    config.slow = &slow_requests;
    config.watches = &watches;
  }
  // Counts the call. False, with the call refused, when it wants a leader and there is none, or is not for
  // who calls.
  bool begin(const rpc::Method& method, rpc::GrpcCall& call);
  bool lets_in(const Method& method, rpc::GrpcCall& call);
  void judge(const Method& method, std::shared_ptr<rpc::GrpcCall> call, std::string_view request);
  GrpcContext context_of(std::shared_ptr<rpc::GrpcCall> call, std::string_view request) {
    return {config,      member,  scratch,     watches,         health,
            keep_alives, backups, queue_calls, std::move(call), request};
  }

  // There is one time to be woken at, for three who ask.
  void wake(Time* mine, Time at) {
    *mine = at;
    const Time next = next_wake();
    if (wake_at && next != Time::max()) wake_at(next);
  }

  Time next_wake() const { return std::min({watches_at, health_at, backups_at}); }

  Config config;
  const std::function<void(Time)> wake_at =
      std::exchange(config.wake_at, [this](Time at) { wake(&watches_at, at); });
  Time watches_at = Time::max(), health_at = Time::max(), backups_at = Time::max();
  Guard member;
  Metrics own_registry;
  ServerMetrics own_metrics;
  GrpcMetrics grpc_metrics;
  SlowRequests slow_requests{config.slow_requests, member};
  Scratch scratch;
  Watches watches;
  HealthWatches health;
  KeepAlives keep_alives;
  Backups backups;
  QueueCalls queue_calls;
  std::size_t waiting = 0;  // to be judged
  Prng prng{1};
};

Api::Api(Config config, node::Member& member) : impl_(std::make_unique<Impl>(std::move(config), member)) {}
Api::~Api() = default;

const rpc::Method* Api::find_method(std::string_view path) const { return api::find_method(path); }

bool Api::knows_service(std::string_view service) const { return api::knows_service(service); }

bool Api::Impl::begin(const rpc::Method& method, rpc::GrpcCall& call) {
  grpc_metrics.started(row_of(method));
  if (!lets_in(row_of(method), call)) return false;
  // A stream has time to find one: etcd serves no clients before it has heard of a leader, and its client
  // takes this answer for the last word.
  if (method.kind == rpc::MethodKind::stream) return true;
  if (call.metadata("hasleader") != "true" || member.brief().leader.v != 0) return true;
  call.refuse(etcd::error_of(Reason::no_leader));
  return false;
}

// Those whose handlers ask the member for nothing but what is judged behind a barrier or by the log itself.
bool is_judged_later(const Method& method) {
  return method.permission == Permission::by_effect && method.kind == rpc::MethodKind::unary;
}

// In the scope of who calls.
bool Api::Impl::lets_in(const Method& method, rpc::GrpcCall& call) {
  if (member.asks_nobody()) [[likely]]
    return true;
  if (!member.knows_users() && method.permission != Permission::anyone) {
    if (is_judged_later(method)) return true;
    call.refuse(etcd::error_of(Reason::users_not_known));
    return false;
  }
  if (method.permission == Permission::anyone || method.permission == Permission::by_message) return true;
  etcd::Effects effects;
  if (method.permission == Permission::admin || method.permission == Permission::admin_by_now)
    effects.push_back({etcd::Access::admin, {}, {}});
  const Status may = member.may(member.current().get(), effects);
  if (!may) call.refuse(may.error());
  return may.has_value();
}

void Api::Impl::judge(const Method& method, std::shared_ptr<rpc::GrpcCall> call, std::string_view request) {
  if (waiting >= config.changes_waiting_max) return call->refuse(etcd::error_of(Reason::too_many_requests));
  const Time deadline = deadline_of(*call, config, member);
  member.read(
      {.serializable = false,
       .deadline = deadline,
       .responder = std::make_unique<Judged>(method, context_of(std::move(call), request), &waiting)});
}

void Api::on_unary(const rpc::Method& method, std::shared_ptr<rpc::GrpcCall> call, std::string_view request) {
  const Guard::Scope scope(impl_->member, whose(row_of(method), *call));
  if (!impl_->begin(method, *call)) return;
  if (row_of(method).permission == Permission::admin_by_now)
    return impl_->judge(row_of(method), std::move(call), request);
  row_of(method).run(impl_->context_of(std::move(call), request));
}

std::unique_ptr<rpc::GrpcStream> Api::open_stream(const rpc::Method& method,
                                                  const std::shared_ptr<rpc::GrpcCall>& call) {
  const Guard::Scope scope(impl_->member, whose(row_of(method), *call));
  if (!impl_->begin(method, *call)) return nullptr;
  auto stream = row_of(method).open(impl_->context_of(call, {}));
  if (stream == nullptr) return nullptr;
  return std::make_unique<StreamInScope>(impl_->member, std::move(stream));
}

void Api::on_grpc_end(const rpc::GrpcEnd& end) {
  const Time now = impl_->member.now();  // once: each look at the clock shows in the cost of a get
  impl_->grpc_metrics.handled(row_of(end.method), end.code, now - end.begun);
  if (end.method.kind == rpc::MethodKind::unary) impl_->slow_requests.ended(end, now);
  impl_->config.metrics->client_received_bytes.add(end.received_bytes);
  impl_->config.metrics->client_sent_bytes.add(end.sent_bytes);
}

void Api::on_long_reply_turn(std::size_t bytes) {
  impl_->config.metrics->long_reply_turn_bytes.observe(static_cast<double>(bytes));
}

std::optional<rpc::HttpResponse> Api::answer_early(const rpc::HttpRequest& head) {
  std::optional<rpc::HttpResponse> early = api::answer_early(impl_->config, impl_->member, head);
  if (early) impl_->config.metrics->rest.answered(head.method, early->status, {});
  return early;
}

void Api::woken() {
  const bool looks = impl_->member.now() >= impl_->health_at;
  const bool looks_at_backups = impl_->member.now() >= impl_->backups_at;
  impl_->watches_at = Time::max();
  impl_->watches.woken();
  if (looks) impl_->health.look();
  if (looks_at_backups) impl_->backups.look();
  const Time next = impl_->next_wake();
  if (impl_->wake_at && next != Time::max()) impl_->wake_at(next);
}

void Api::stop() {
  impl_->queue_calls.stop();  // before the watches, which some of them wait with
  impl_->watches.stop();
  impl_->health.stop();
  impl_->keep_alives.stop();
  impl_->backups.stop();
}

void Api::on_http(std::shared_ptr<rpc::HttpCall> call) {
  if (impl_->config.gateway && is_gateway(call->request().target))
    return serve_gateway(impl_->config, impl_->member, *this, std::move(call));
  if (impl_->member.asks_nobody() && !says_who_it_is(call->request())) [[likely]]
    return dispatch(impl_->config, impl_->member, std::move(call));
  authorize(impl_->config, impl_->member, std::move(call));
}

}  // namespace cairn::api
