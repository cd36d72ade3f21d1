#include "api/grpc_reply.h"
#include "api/grpc_services.h"
#include "api/idempotency.h"
#include "mvcc/validate.h"

namespace cairn::api {
namespace {

class WriteAnswer final : public node::WriteResponder {
 public:
  WriteAnswer(std::shared_ptr<rpc::GrpcCall> call, const node::Member& member)
      : call_(std::move(call)), member_(member) {}
  void done(mvcc::Outcome outcome) override {
    if (const auto call = call_.take(); !call->cancelled()) answer(*call, member_, outcome);
  }

 private:
  CallToAnswer call_;
  const node::Member& member_;
};

// The bytes as they came become the command: encoded once, by the client.
void propose(const GrpcContext& context, node::CommandKind kind) {
  if (context.request.size() > context.config.request_bytes_max) {
    context.call->finish(Code::invalid_argument, "etcdserver: request is too large");
    return;
  }
  const std::string_view key = context.call->metadata("idempotency-key");
  if (key.size() > context.config.request.idempotency_key_bytes_max) {
    context.call->finish(Code::invalid_argument,
                         std::string("cairn: idempotency-key is longer than ") +
                             std::to_string(context.config.request.idempotency_key_bytes_max) + " bytes");
    return;
  }
  const auto revision = idempotency_revision(key, context.call->metadata("idempotency-revision"));
  if (!revision) {
    context.call->finish(Code::invalid_argument, "cairn: " + std::string(kBadIdempotencyRevision));
    return;
  }
  context.member.write({.kind = kind,
                        .request = std::string(context.request),
                        .idempotency_key = std::string(key),
                        .deadline = deadline_of(*context.call, context.config, context.member),
                        .responder = std::make_unique<WriteAnswer>(context.call, context.member),
                        .idempotency_revision = *revision});
}

template <class Request>
void validate_and_propose(const GrpcContext& context, Request* scratch, node::CommandKind kind) {
  if (!parse_or_finish(*context.call, context.request, scratch)) return;
  if (const Status valid = mvcc::validate(*scratch, context.config.request); !valid)
    return finish(*context.call, valid.error());
  propose(context, kind);
}

}  // namespace

void kv_range(const GrpcContext& context) {
  auto request = std::make_unique<etcdserverpb::RangeRequest>();
  if (!parse_or_finish(*context.call, context.request, request.get())) return;
  if (const Status valid = mvcc::validate(*request, context.config.request); !valid)
    return finish(*context.call, valid.error());
  const bool serializable = request->serializable();
  auto query = [request = std::move(request),
                &ranges = context.config.metrics->ranges](const mvcc::View& view) {
    ranges.add();
    return view.open_range(*request);
  };
  context.member.read({.serializable = serializable,
                       .deadline = deadline_of(*context.call, context.config, context.member),
                       .responder = respond_with(context.call, context.member, std::move(query))});
}

void kv_put(const GrpcContext& context) {
  validate_and_propose(context, &context.scratch.put, node::CommandKind::put);
}

void kv_delete_range(const GrpcContext& context) {
  validate_and_propose(context, &context.scratch.delete_range, node::CommandKind::delete_range);
}

void kv_txn(const GrpcContext& context) {
  etcdserverpb::TxnRequest& scratch = context.scratch.txn;
  if (!parse_or_finish(*context.call, context.request, &scratch)) return;
  if (const Status valid = mvcc::validate(scratch); !valid) return finish(*context.call, valid.error());
  if (!mvcc::is_read_only(scratch)) return propose(context, node::CommandKind::txn);

  auto request = std::make_unique<etcdserverpb::TxnRequest>();
  request->Swap(&scratch);
  const bool serializable = mvcc::is_serializable(*request);
  auto query = [request = std::move(request)](const mvcc::View& view) { return view.txn(*request); };
  context.member.read({.serializable = serializable,
                       .deadline = deadline_of(*context.call, context.config, context.member),
                       .responder = respond_with(context.call, context.member, std::move(query))});
}

void kv_compact(const GrpcContext& context) {
  if (!parse_or_finish(*context.call, context.request, &context.scratch.compaction)) return;
  propose(context, node::CommandKind::compaction);
}

}  // namespace cairn::api
