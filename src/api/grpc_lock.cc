// v3lockpb.Lock: who has the oldest key under the name of a lock holds it.
#include <utility>

#include "api/grpc_reply.h"
#include "api/grpc_write.h"
#include "api/queue_call.h"
#include "etcd/validate.h"
#include "proto/lock.pb.h"

namespace cairn::api {
namespace {

class LockCall final : public QueueCall {
 public:
  using QueueCall::QueueCall;

 private:
  std::optional<Wish> wish_of(rpc::GrpcCall& call, std::string_view message) override {
    v3lockpb::LockRequest request;
    if (!parse_or_finish(call, message, &request)) return std::nullopt;
    return Wish{.name = request.name(), .lease = request.lease()};
  }
  std::string answer_of(const Wish&, const Place& place) override {
    v3lockpb::LockResponse response;
    response.set_key(place.key);
    return response.SerializeAsString();
  }
  Reason lost() const override { return Reason::lock_expired; }
};

}  // namespace

std::unique_ptr<rpc::GrpcStream> lock_lock(const GrpcContext& context) {
  if (!context.queue_calls.admit(*context.call)) return nullptr;
  return std::make_unique<LockCall>(context.queue_calls, context.call);
}

void lock_unlock(const GrpcContext& context) {
  v3lockpb::UnlockRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  etcdserverpb::DeleteRangeRequest removal;
  removal.set_key(request.key());
  if (const Status valid = etcd::validate(removal, context.config.request); !valid)
    return context.call->refuse(valid.error());
  auto write = write_of(context, node::CommandKind::delete_range, removal.SerializeAsString());
  if (!write) return;
  write->responder = continue_with([call = context.call, &member = context.member](mvcc::Outcome outcome) {
    outcome.body.clear();
    if (!call->cancelled()) answer(*call, member, outcome);
  });
  context.member.write(std::move(*write));
}

}  // namespace cairn::api
