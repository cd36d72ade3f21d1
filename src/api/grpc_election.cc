// v3electionpb.Election: who has the oldest key under the name of an election leads, and the value of that
// key is what the leader proclaims.
#include <utility>

#include "api/grpc_reply.h"
#include "api/grpc_write.h"
#include "api/queue_call.h"
#include "base/check.h"
#include "etcd/validate.h"
#include "node/status.h"
#include "proto/election.pb.h"

namespace cairn::api {
namespace {

using v3electionpb::LeaderKey;

class CampaignCall final : public QueueCall {
 public:
  using QueueCall::QueueCall;

 private:
  std::optional<Wish> wish_of(rpc::GrpcCall& call, std::string_view message) override {
    v3electionpb::CampaignRequest request;
    if (!parse_or_finish(call, message, &request)) return std::nullopt;
    return Wish{.name = request.name(), .lease = request.lease(), .value = request.value()};
  }
  std::string answer_of(const Wish& wish, const Place& place) override {
    v3electionpb::CampaignResponse response;
    LeaderKey* const leader = response.mutable_leader();
    leader->set_name(wish.name);
    leader->set_key(place.key);
    leader->set_rev(place.revision);
    leader->set_lease(place.lease);
    return response.SerializeAsString();
  }
  Reason lost() const override { return Reason::election_lost; }
};

// ---- who leads ----

v3electionpb::LeaderResponse leader_of(mvccpb::KeyValue kv) {
  v3electionpb::LeaderResponse response;
  *response.mutable_kv() = std::move(kv);
  return response;
}

// Tells its client who leads, and of every value that the leader proclaims, until it leads no more; then of
// the next one.
class Observation final : public rpc::GrpcStream, public WatchClient {
 public:
  Observation(const GrpcContext& context)
      : WatchClient(context.watches, context.call->metadata("hasleader") == "true"),
        config_(context.config),
        member_(context.member),
        call_(context.call),
        self_(std::make_shared<Observation*>(this)) {
    if (!is_ready()) call_->pause();
  }
  ~Observation() override { *self_ = nullptr; }
  Observation(const Observation&) = delete;
  Observation& operator=(const Observation&) = delete;

  void on_message(std::string_view message) override {
    v3electionpb::LeaderRequest request;
    if (!prefix_.empty()) return call_->finish(Code::internal, "cairn: a second request on one call");
    if (!parse_or_finish(*call_, message, &request)) return;
    prefix_ = queue_prefix(request.name());
    look();
  }
  void on_half_close() override {
    if (prefix_.empty()) call_->finish(Code::internal, "cairn: no request");
  }
  void on_room() override {
    if (std::exchange(waits_for_room_, false)) look();
    if (has_stream()) stream().on_room();
    watches_.schedule();
  }

  void ready() override { call_->resume(); }
  void refuse(Reason why) override { call_->refuse(etcd::error_of(why)); }
  // Not from within the hub: what it has told changes what is to be watched.
  void time_is_up() override {
    if (call_->deadline() && *call_->deadline() <= member_.now())
      return call_->refuse({Code::deadline_exceeded, "context deadline exceeded"});
    stream().cancel(kWatch);
    const Next next = std::exchange(next_, Next::none);
    if (next == Next::follow) return follow();
    look();
  }
  bool has_room() override { return call_->has_room(); }
  void send(const watch::Response& response) override {
    if (response.created || next_ != Next::none) return;
    if (response.canceled) return soon(Next::look);  // compaction has passed it by
    if (response.events.empty()) return;
    etcdserverpb::WatchResponse told;
    CHECK(told.ParseFromArray(response.events.data(), static_cast<int>(response.events.size())));
    for (const mvccpb::Event& event : told.events()) {
      if (next_ != Next::none) return;
      event.type() == mvccpb::Event::PUT ? proclaimed(event.kv(), response.revision) : soon(Next::look);
    }
  }

 private:
  enum class Next { none, look, follow };
  static constexpr std::int64_t kWatch = 1;

  void soon(Next next) {
    next_ = next;
    wake_at(member_.now());
  }

  void look() {
    if (!call_->has_room()) {
      waits_for_room_ = true;
      return;
    }
    read_queue(config_, member_, member_.now() + config_.request_timeout, oldest_of(prefix_),
               [self = self_](const mvcc::Outcome& outcome) {
                 if (*self != nullptr) (*self)->looked(outcome);
               });
  }
  void looked(const mvcc::Outcome& outcome) {
    if (outcome.code != Code::ok) return call_->refuse(outcome.refusal());
    const etcdserverpb::TxnResponse response = txn_response_of(outcome);
    const auto& kvs = response.responses(0).response_range().kvs();
    from_revision_ = outcome.revision + 1;
    leader_.clear();
    if (!kvs.empty()) {
      leader_ = kvs[0].key();
      tell(kvs[0], outcome.revision);
    }
    follow();
  }
  // Somebody is the first where nobody was, or the leader has said something else.
  void proclaimed(const mvccpb::KeyValue& kv, std::int64_t revision) {
    if (!leader_.empty()) return tell(kv, revision);
    leader_ = kv.key();
    from_revision_ = kv.mod_revision() + 1;
    tell(kv, kv.mod_revision());
    soon(Next::follow);
  }
  void tell(const mvccpb::KeyValue& kv, std::int64_t revision) {
    call_->send(EncodedHeader(member_.brief(), revision).bytes(), leader_of(kv).SerializeAsString());
  }
  // The leader's key; every key, while nobody leads.
  void follow() {
    wake_at(call_->deadline());
    watch::Request request{.key = leader_, .start_revision = from_revision_, .watch_id = kWatch};
    if (leader_.empty()) {
      const etcdserverpb::RangeRequest all = oldest_of(prefix_);
      request.key = all.key();
      request.range_end = all.range_end();
      request.wants.deletes = false;
    }
    const Result<watch::Refused> refused = create(request);
    if (!refused) return call_->refuse(refused.error());
    if (*refused != watch::Refused::no) return refuse(Reason::too_many_requests);
    watches_.schedule();
  }

  const Config& config_;
  node::Member& member_;
  const std::shared_ptr<rpc::GrpcCall> call_;
  const std::shared_ptr<Observation*> self_;  // null: it has ended
  std::string prefix_, leader_;
  std::int64_t from_revision_ = 0;
  Next next_ = Next::none;
  bool waits_for_room_ = false;
};

// ---- what a leader says ----

// Null, with the call finished, when the request names none.
template <class Request>
const LeaderKey* leader_in(const GrpcContext& context, Request* request) {
  if (!parse_or_finish(*context.call, context.request, request)) return nullptr;
  if (request->has_leader()) return &request->leader();
  context.call->refuse(etcd::error_of(Reason::election_key_missing));
  return nullptr;
}

// Carries out what is to happen if the leader still has its key, and answers with a header alone.
void do_as_leader(const GrpcContext& context, const etcdserverpb::TxnRequest& txn, bool must_lead) {
  if (const Status valid = etcd::validate(txn, context.config.request); !valid)
    return context.call->refuse(valid.error());
  auto write = write_of(context, node::CommandKind::txn, txn.SerializeAsString());
  if (!write) return;
  write->responder =
      continue_with([call = context.call, &member = context.member, must_lead](mvcc::Outcome outcome) {
        if (call->cancelled()) return;
        if (outcome.code == Code::ok && must_lead && !txn_response_of(outcome).succeeded())
          return call->refuse(etcd::error_of(Reason::election_lost));
        outcome.body.clear();
        answer(*call, member, outcome);
      });
  context.member.write(std::move(*write));
}

void proclaim(const GrpcContext& context, const LeaderKey& leader, const std::string& value,
              std::int64_t lease) {
  etcdserverpb::TxnRequest txn = if_created_at(leader.key(), leader.rev());
  etcdserverpb::PutRequest* const put = txn.add_success()->mutable_request_put();
  put->set_key(leader.key());
  put->set_value(value);
  put->set_lease(lease);
  do_as_leader(context, txn, true);
}

}  // namespace

std::unique_ptr<rpc::GrpcStream> election_campaign(const GrpcContext& context) {
  if (!context.queue_calls.admit(*context.call)) return nullptr;
  return std::make_unique<CampaignCall>(context.queue_calls, context.call);
}

std::unique_ptr<rpc::GrpcStream> election_observe(const GrpcContext& context) {
  if (!context.watches.opens()) {
    context.call->refuse(etcd::error_of(Reason::server_stopped));
    return nullptr;
  }
  auto stream = std::make_unique<Observation>(context);
  context.watches.opened();
  return stream;
}

void election_leader(const GrpcContext& context) {
  v3electionpb::LeaderRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  read_queue(context.config, context.member, deadline_of(*context.call, context.config, context.member),
             oldest_of(queue_prefix(request.name())),
             [call = context.call, &member = context.member](mvcc::Outcome outcome) {
               if (call->cancelled()) return;
               if (outcome.code != Code::ok) return call->refuse(outcome.refusal());
               const etcdserverpb::TxnResponse response = txn_response_of(outcome);
               const auto& kvs = response.responses(0).response_range().kvs();
               if (kvs.empty()) return call->refuse(etcd::error_of(Reason::election_none));
               outcome.body = leader_of(kvs[0]).SerializeAsString();
               answer(*call, member, outcome);
             });
}

// Without a lease the value gets one of its own, as etcd's does.
void election_proclaim(const GrpcContext& context) {
  v3electionpb::ProclaimRequest request;
  const LeaderKey* const leader = leader_in(context, &request);
  if (leader == nullptr) return;
  if (leader->lease() != 0) return proclaim(context, *leader, request.value(), leader->lease());
  GrpcContext kept = context;
  kept.request = {};
  grant_session(context.config, context.member, deadline_of(*context.call, context.config, context.member),
                [kept, request](const mvcc::Outcome& outcome) {
                  if (kept.call->cancelled()) return;
                  if (outcome.code != Code::ok) return kept.call->refuse(outcome.refusal());
                  etcdserverpb::LeaseGrantResponse granted;
                  CHECK(granted.ParseFromString(outcome.body));
                  proclaim(kept, request.leader(), request.value(), granted.id());
                });
}

void election_resign(const GrpcContext& context) {
  v3electionpb::ResignRequest request;
  const LeaderKey* const leader = leader_in(context, &request);
  if (leader == nullptr) return;
  etcdserverpb::TxnRequest txn = if_created_at(leader->key(), leader->rev());
  txn.add_success()->mutable_request_delete_range()->set_key(leader->key());
  do_as_leader(context, txn, false);
}

}  // namespace cairn::api
