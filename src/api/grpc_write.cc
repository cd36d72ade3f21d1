#include "api/grpc_write.h"

#include <utility>

#include "api/answer_bound.h"
#include "api/grpc_reply.h"
#include "api/idempotency.h"

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

}  // namespace

std::optional<node::ClientWrite> write_of(const GrpcContext& context, node::CommandKind kind,
                                          std::string request) {
  if (request.size() > context.config.request_bytes_max) {
    context.call->refuse(etcd::error_of(Reason::request_too_large));
    return std::nullopt;
  }
  const std::string_view key = context.call->metadata("idempotency-key");
  if (key.size() > context.config.request.idempotency_key_bytes_max) {
    context.call->finish(Code::invalid_argument,
                         std::string("cairn: idempotency-key is longer than ") +
                             std::to_string(context.config.request.idempotency_key_bytes_max) + " bytes");
    return std::nullopt;
  }
  const auto revision = idempotency_revision(key, context.call->metadata("idempotency-revision"));
  if (!revision) {
    context.call->finish(Code::invalid_argument, "cairn: " + std::string(kBadIdempotencyRevision));
    return std::nullopt;
  }
  return node::ClientWrite{.kind = kind,
                           .request = std::move(request),
                           .idempotency_key = std::string(key),
                           .deadline = deadline_of(*context.call, context.config, context.member),
                           .responder = nullptr,
                           .idempotency_revision = *revision,
                           .answer_bytes_max = answer_bytes_max(context.config, kind)};
}

void propose(const GrpcContext& context, node::CommandKind kind, std::string request) {
  auto write = write_of(context, kind, std::move(request));
  if (!write) return;
  write->responder = std::make_unique<WriteAnswer>(context.call, context.member);
  context.member.write(std::move(*write));
}

}  // namespace cairn::api
