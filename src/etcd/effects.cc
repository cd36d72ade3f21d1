#include "etcd/effects.h"

#include "proto/rpc.pb.h"

namespace cairn::etcd {
namespace {

using etcdserverpb::RequestOp;

void add_op(const RequestOp& op, Effects* to) {
  switch (op.request_case()) {
    case RequestOp::kRequestRange:
      return add_effects(op.request_range(), to);
    case RequestOp::kRequestPut:
      return add_effects(op.request_put(), to);
    case RequestOp::kRequestDeleteRange:
      return add_effects(op.request_delete_range(), to);
    case RequestOp::kRequestTxn:
      return add_effects(op.request_txn(), to);
    case RequestOp::REQUEST_NOT_SET:
      break;  // is refused before anybody's permission matters
  }
}

}  // namespace

void add_effects(const etcdserverpb::RangeRequest& request, Effects* to) {
  to->push_back({Access::read, request.key(), request.range_end()});
}

void add_effects(const etcdserverpb::PutRequest& request, Effects* to) {
  to->push_back({Access::write, request.key(), {}});
  if (request.lease() != 0) to->push_back({Access::attach, {}, {}, request.lease()});
  if (request.prev_kv()) to->push_back({Access::read, request.key(), {}});
}

void add_effects(const etcdserverpb::DeleteRangeRequest& request, Effects* to) {
  to->push_back({Access::write, request.key(), request.range_end()});
  if (request.prev_kv()) to->push_back({Access::read, request.key(), request.range_end()});
}

// Whichever branch runs: which one it is already says something of the keys compared.
void add_effects(const etcdserverpb::TxnRequest& request, Effects* to) {
  for (const auto& compare : request.compare())
    to->push_back({Access::read, compare.key(), compare.range_end()});
  for (const RequestOp& op : request.success()) add_op(op, to);
  for (const RequestOp& op : request.failure()) add_op(op, to);
}

void add_effects(const etcdserverpb::CompactionRequest&, Effects* to) {
  to->push_back({Access::admin, {}, {}});
}

// Anybody may look.
void add_effects(const etcdserverpb::AlarmRequest& request, Effects* to) {
  if (request.action() != etcdserverpb::AlarmRequest::GET) to->push_back({Access::admin, {}, {}});
}

}  // namespace cairn::etcd
