#include "api/grpc_methods.h"
#include "api/grpc_reply.h"
#include "api/grpc_write.h"
#include "etcd/validate.h"
#include "node/requests.h"

namespace cairn::api {
namespace {

template <class Request>
void check_and_propose(const GrpcContext& context, const Request& request, node::CommandKind kind) {
  if (const Status valid = etcd::validate(request, context.config.request); !valid)
    return context.call->refuse(valid.error());
  propose(context, kind, std::string(context.request));
}

}  // namespace

void kv_range(const GrpcContext& context) {
  auto request = std::make_unique<etcdserverpb::RangeRequest>();
  if (!parse_or_finish(*context.call, context.request, request.get())) return;
  const auto checked = etcd::check(*request, context.config.request);
  if (!checked) return context.call->refuse(checked.error());
  const bool serializable = request->serializable();
  auto query = [request = std::move(request), checked = *checked,
                &ranges = context.config.metrics->ranges](const mvcc::View& view) {
    ranges.add();
    return view.open_range(checked);
  };
  context.member.read({.serializable = serializable,
                       .deadline = deadline_of(*context.call, context.config, context.member),
                       .responder = respond_with(context.call, context.member, std::move(query))});
}

void kv_put(const GrpcContext& context) {
  etcdserverpb::PutRequest& scratch = context.scratch.put;
  if (!parse_or_finish(*context.call, context.request, &scratch)) return;
  check_and_propose(context, scratch, node::CommandKind::put);
}

void kv_delete_range(const GrpcContext& context) {
  etcdserverpb::DeleteRangeRequest& scratch = context.scratch.delete_range;
  if (!parse_or_finish(*context.call, context.request, &scratch)) return;
  check_and_propose(context, scratch, node::CommandKind::delete_range);
}

void kv_txn(const GrpcContext& context) {
  etcdserverpb::TxnRequest& scratch = context.scratch.txn;
  if (!parse_or_finish(*context.call, context.request, &scratch)) return;
  if (!etcd::is_read_only(scratch)) return check_and_propose(context, scratch, node::CommandKind::txn);

  auto request = std::make_unique<etcdserverpb::TxnRequest>();
  request->Swap(&scratch);
  const auto checked = etcd::check(*request, context.config.request);
  if (!checked) return context.call->refuse(checked.error());
  const bool serializable = etcd::is_serializable(*request);
  auto query = [request = std::move(request), checked = *checked,
                bytes_max = context.config.answer_bytes_max](const mvcc::View& view) {
    return view.txn(checked, bytes_max);
  };
  context.member.read({.serializable = serializable,
                       .deadline = deadline_of(*context.call, context.config, context.member),
                       .responder = respond_with(context.call, context.member, std::move(query))});
}

void kv_compact(const GrpcContext& context) {
  if (!parse_or_finish(*context.call, context.request, &context.scratch.compaction)) return;
  propose(context, node::CommandKind::compaction, std::string(context.request));
}

}  // namespace cairn::api
