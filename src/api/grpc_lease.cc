#include <algorithm>
#include <utility>

#include "api/grpc_reply.h"
#include "api/grpc_write.h"
#include "api/keep_alives.h"
#include "base/check.h"
#include "etcd/validate.h"
#include "node/status.h"

namespace cairn::api {
namespace {

using etcdserverpb::LeaseGrantRequest;

// ---- grant and revoke ----

// Ids that are chosen here are taken once in 2^63 times: then another one is.
class GrantAnswer final : public node::WriteResponder {
 public:
  GrantAnswer(const GrpcContext& context, std::string request, bool chosen, int tries)
      : call_(context.call), context_(context), request_(std::move(request)), chosen_(chosen), tries_(tries) {
    context_.call = nullptr;
    context_.request = {};
  }
  static void propose(const GrpcContext& context, std::string request, bool chosen, int tries) {
    auto write = write_of(context, node::CommandKind::lease_grant, request);
    if (!write) return;
    write->lease = {.id = chosen ? random_lease_id(context.config) : 0,
                    .ttl_s = context.config.lease_ttl_min_s};
    write->responder = std::make_unique<GrantAnswer>(context, std::move(request), chosen, tries);
    context.member.write(std::move(*write));
  }
  void done(mvcc::Outcome outcome) override {
    const auto call = call_.take();
    if (call->cancelled()) return;
    if (outcome.reason != Reason::lease_exists || !chosen_ || tries_ == kTriesMax)
      return answer(*call, context_.member, outcome);
    GrpcContext again = context_;
    again.call = call;
    propose(again, std::move(request_), chosen_, tries_ + 1);
  }

 private:
  static constexpr int kTriesMax = 5;
  CallToAnswer call_;
  GrpcContext context_;
  std::string request_;
  const bool chosen_;
  const int tries_;
};

// ---- time to live, and the list ----

mvcc::Outcome outcome_of(std::int64_t revision, const google::protobuf::MessageLite& response) {
  return {.code = Code::ok, .error = "", .revision = revision, .body = response.SerializeAsString()};
}

mvcc::Outcome too_large(const Config& config, std::int64_t revision) {
  return mvcc::refuse(
      etcd::error_of(Reason::answer_too_large, {static_cast<std::int64_t>(config.answer_bytes_max)}),
      revision);
}

etcdserverpb::LeaseTimeToLiveResponse gone(std::int64_t id) {
  etcdserverpb::LeaseTimeToLiveResponse response;
  response.set_id(id);
  response.set_ttl(-1);
  return response;
}

class TimeToLive final : public node::LeaseResponder {
 public:
  TimeToLive(const GrpcContext& context, const etcdserverpb::LeaseTimeToLiveRequest& request)
      : call_(context.call), config_(context.config), member_(context.member), request_(request) {}
  void done(const node::LeaseTime& time) override {
    auto call = call_.take();
    if (call->cancelled()) return;
    response_ = gone(request_.id());
    if (time.left_s >= 0) {
      response_.set_ttl(time.left_s);
      response_.set_grantedttl(time.granted_s);
    }
    if (time.left_s < 0 || !request_.keys())
      return answer(*call, member_, outcome_of(time.revision, response_));
    const Time deadline = deadline_of(*call, config_, member_);
    member_.read({.serializable = false,
                  .deadline = deadline,
                  .responder = respond_with(
                      std::move(call), member_,
                      [&config = config_, response = std::move(response_)](const mvcc::View& view) mutable {
                        return with_keys(config, view, std::move(response));
                      })});
  }
  void failed(Error error) override { call_.take()->refuse(error); }

 private:
  static mvcc::Outcome with_keys(const Config& config, const mvcc::View& view,
                                 etcdserverpb::LeaseTimeToLiveResponse response) {
    if (!view.lease(response.id())) return outcome_of(view.revision(), gone(response.id()));
    if (const Status may = view.allows({{etcd::Access::attached, {}, {}, response.id()}}); !may)
      return mvcc::refuse(may.error(), view.revision());
    std::size_t bytes = 0;
    view.lease_keys(response.id(), [&](std::string_view key) {
      constexpr std::size_t kPerKey = 8;
      bytes += key.size() + kPerKey;
      if (bytes > config.answer_bytes_max) return false;
      response.add_keys(std::string(key));
      return true;
    });
    return bytes > config.answer_bytes_max ? too_large(config, view.revision())
                                           : outcome_of(view.revision(), response);
  }

  CallToAnswer call_;
  const Config& config_;
  node::Member& member_;
  const etcdserverpb::LeaseTimeToLiveRequest request_;
  etcdserverpb::LeaseTimeToLiveResponse response_;
};

// By id: how much is left of each, only the leader knows.
mvcc::Outcome list(const Config& config, const mvcc::View& view) {
  constexpr std::size_t kPerLease = 13, kAtOnce = 1000;
  if (view.lease_count() * kPerLease > config.answer_bytes_max) return too_large(config, view.revision());
  etcdserverpb::LeaseLeasesResponse response;
  std::optional<std::int64_t> after;
  for (bool more = true; more;) {
    const auto some = view.leases_after(after, kAtOnce);
    for (const mvcc::LeaseInfo& lease : some) {
      if (const Status may = view.allows({{etcd::Access::attached, {}, {}, lease.id}}); !may)
        return mvcc::refuse(may.error(), view.revision());
      response.add_leases()->set_id(lease.id);
    }
    more = some.size() == kAtOnce;
    if (more) after = some.back().id;
  }
  return outcome_of(view.revision(), response);
}

}  // namespace

std::int64_t random_lease_id(const Config& config) {
  while (true)
    if (const auto id = static_cast<std::int64_t>(config.random() >> 1)) return id;
}

void lease_grant(const GrpcContext& context) {
  LeaseGrantRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  if (const Status valid = etcd::validate(request, context.config.request); !valid)
    return context.call->refuse(valid.error());
  GrantAnswer::propose(context, std::string(context.request), request.id() == 0, 1);
}

// Encoded anew: what else its bytes may say, only members do.
void lease_revoke(const GrpcContext& context) {
  etcdserverpb::LeaseRevokeRequest request, revoked;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  revoked.set_id(request.id());
  propose(context, node::CommandKind::lease_revoke, revoked.SerializeAsString());
}

void lease_time_to_live(const GrpcContext& context) {
  etcdserverpb::LeaseTimeToLiveRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  context.member.lease({.kind = node::LeaseCallKind::time_to_live,
                        .id = request.id(),
                        .deadline = deadline_of(*context.call, context.config, context.member),
                        .responder = std::make_unique<TimeToLive>(context, request)});
}

void lease_leases(const GrpcContext& context) {
  etcdserverpb::LeaseLeasesRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  context.member.read({.serializable = false,
                       .deadline = deadline_of(*context.call, context.config, context.member),
                       .responder = respond_with(context.call, context.member,
                                                 [&config = context.config](const mvcc::View& view) {
                                                   return list(config, view);
                                                 })});
}

// ---- keep-alives ----

// One call of the method. What is asked is answered when the leader has, in whatever order that is.
class KeepAliveStream final : public rpc::GrpcStream {
 public:
  KeepAliveStream(KeepAlives& all, std::shared_ptr<rpc::GrpcCall> call)
      : all_(all), shared_(std::make_shared<Shared>(*this, all.config_, all.member_, std::move(call))) {
    all_.streams_.insert(this);
  }
  ~KeepAliveStream() override {
    shared_->stream = nullptr;
    all_.streams_.erase(this);
  }
  KeepAliveStream(const KeepAliveStream&) = delete;
  KeepAliveStream& operator=(const KeepAliveStream&) = delete;

  void on_message(std::string_view message) override {
    etcdserverpb::LeaseKeepAliveRequest request;
    if (!parse_or_finish(*shared_->call, message, &request)) return;
    ++shared_->asked;
    shared_->pace();
    all_.member_.lease({.kind = node::LeaseCallKind::keep_alive,
                        .id = request.id(),
                        .deadline = all_.member_.now() + all_.config_.request_timeout,
                        .responder = std::make_unique<Answer>(shared_, request.id())});
  }
  void on_half_close() override {
    shared_->half_closed = true;
    shared_->end_if_done();
  }
  void on_room() override { shared_->pace(); }
  void refuse(Reason why) { shared_->call->refuse(etcd::error_of(why)); }

 private:
  struct Shared {
    Shared(KeepAliveStream& of, const Config& with, const node::Member& at,
           std::shared_ptr<rpc::GrpcCall> of_call)
        : stream(&of), config(with), member(at), call(std::move(of_call)) {}
    // Its client waits while too much of it is under way, there or here.
    void pace() {
      const bool wants = asked < config.keep_alives_max && call->has_room();
      if (wants == !paused) return;
      paused = !wants;
      wants ? call->resume() : call->pause();
    }
    void end_if_done() {
      if (half_closed && asked == 0) call->finish(Code::ok, "");
    }
    KeepAliveStream* stream;  // null: the call has ended
    const Config& config;
    const node::Member& member;
    const std::shared_ptr<rpc::GrpcCall> call;
    std::size_t asked = 0;
    bool half_closed = false, paused = false;
  };

  class Answer final : public node::LeaseResponder {
   public:
    Answer(std::shared_ptr<Shared> stream, std::int64_t id) : shared_(std::move(stream)), id_(id) {}
    void done(const node::LeaseTime& time) override {
      if (shared_->stream == nullptr) return;
      --shared_->asked;
      etcdserverpb::LeaseKeepAliveResponse response;
      response.set_id(id_);
      response.set_ttl(time.left_s);
      shared_->call->send(EncodedHeader(shared_->member.brief(), time.revision).bytes(),
                          response.SerializeAsString());
      shared_->pace();
      shared_->end_if_done();
    }
    void failed(Error error) override {
      if (shared_->stream != nullptr) shared_->call->refuse(error);
    }

   private:
    const std::shared_ptr<Shared> shared_;
    const std::int64_t id_;
  };

  KeepAlives& all_;
  const std::shared_ptr<Shared> shared_;
};

// The calls have ended before, and so have their streams.
KeepAlives::~KeepAlives() { CHECK(streams_.empty()); }

std::unique_ptr<rpc::GrpcStream> KeepAlives::open(std::shared_ptr<rpc::GrpcCall> call) {
  if (!stopped_) return std::make_unique<KeepAliveStream>(*this, std::move(call));
  call->refuse(etcd::error_of(Reason::server_stopped));
  return nullptr;
}

void KeepAlives::stop() {
  stopped_ = true;
  for (KeepAliveStream* const stream : streams_) stream->refuse(Reason::server_stopped);
}

std::unique_ptr<rpc::GrpcStream> lease_keep_alive(const GrpcContext& context) {
  return context.keep_alives.open(context.call);
}

}  // namespace cairn::api
