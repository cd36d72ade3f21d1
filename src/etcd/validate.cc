#include "etcd/validate.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "etcd/reasons.h"
#include "proto/rpc.pb.h"

namespace cairn::etcd {
namespace {

using etcdserverpb::RangeRequest;
using etcdserverpb::RequestOp;
using etcdserverpb::TxnRequest;

using Ops = google::protobuf::RepeatedPtrField<RequestOp>;

// What is left of a txn's limits at some depth.
struct Room {
  std::size_t ops, nesting;
};

Status check_txn(const TxnRequest& request, Room room);

Status check_op(const RequestOp& op, Room room) {
  switch (op.request_case()) {
    case RequestOp::kRequestRange:
      return validate(op.request_range());
    case RequestOp::kRequestPut:
      return validate(op.request_put());
    case RequestOp::kRequestDeleteRange:
      return validate(op.request_delete_range());
    case RequestOp::kRequestTxn:
      if (room.nesting == 0) return fail(Reason::too_many_operations);
      return check_txn(op.request_txn(), {room.ops, room.nesting - 1});
    case RequestOp::REQUEST_NOT_SET:
      break;
  }
  return fail(Reason::key_not_found);  // sic
}

// A nested txn may use what its parent leaves of the limit.
Status check_txn(const TxnRequest& request, Room room) {
  const int widest = std::max({request.compare_size(), request.success_size(), request.failure_size()});
  const auto ops = static_cast<std::size_t>(widest);
  if (ops > room.ops) return fail(Reason::too_many_operations);
  for (const auto& compare : request.compare()) {
    if (compare.key().empty()) return fail(Reason::key_not_provided);
  }
  for (const RequestOp& op : request.success()) TRY(check_op(op, {room.ops - ops, room.nesting}));
  for (const RequestOp& op : request.failure()) TRY(check_op(op, {room.ops - ops, room.nesting}));
  return {};
}

using Keys = std::set<std::string_view>;

// What a branch may write. Deletes are half-open intervals; an open end never meets a key here, since etcd
// compares the "\0" that stands for it as a plain key.
struct Writes {
  Keys puts;
  std::vector<std::pair<std::string_view, std::string_view>> deletes;  // no end: that key alone

  bool deletes_key(std::string_view key) const {
    return std::any_of(deletes.begin(), deletes.end(), [key](const auto& range) {
      return range.second.empty() ? key == range.first : range.first <= key && key < range.second;
    });
  }
};

// One branch: its own deletes first, then nested txns from left to right against the deletes seen so far,
// then its own puts. The order decides what is refused ([nested del a, nested put a] is, the other way round
// is not): etcd's.
Result<Writes> check_overlaps(const Ops& ops) {
  Writes writes;
  for (const RequestOp& op : ops) {
    if (!op.has_request_delete_range()) continue;
    writes.deletes.emplace_back(op.request_delete_range().key(), op.request_delete_range().range_end());
  }
  for (const RequestOp& op : ops) {
    if (!op.has_request_txn()) continue;
    Writes then = TRY(check_overlaps(op.request_txn().success()));
    Writes otherwise = TRY(check_overlaps(op.request_txn().failure()));
    for (std::string_view key : then.puts) {
      if (writes.deletes_key(key) || !writes.puts.insert(key).second) return fail(Reason::duplicate_key);
    }
    for (std::string_view key : otherwise.puts) {
      // Only one of the two branches runs, so both may put the same key.
      const bool fresh = writes.puts.insert(key).second || then.puts.contains(key);
      if (writes.deletes_key(key) || !fresh) return fail(Reason::duplicate_key);
    }
    writes.deletes.insert(writes.deletes.end(), then.deletes.begin(), then.deletes.end());
    writes.deletes.insert(writes.deletes.end(), otherwise.deletes.begin(), otherwise.deletes.end());
  }
  for (const RequestOp& op : ops) {
    if (!op.has_request_put()) continue;
    const std::string_view key = op.request_put().key();
    if (writes.deletes_key(key) || !writes.puts.insert(key).second) return fail(Reason::duplicate_key);
  }
  return writes;
}

template <class Test>
bool all_ops(const TxnRequest& request, Test test) {
  return std::all_of(request.success().begin(), request.success().end(), test) &&
         std::all_of(request.failure().begin(), request.failure().end(), test);
}

}  // namespace

Status validate(const RangeRequest& request, const RequestLimits&) {
  if (request.key().empty()) return fail(Reason::key_not_provided);
  if (!RangeRequest::SortOrder_IsValid(request.sort_order()) ||
      !RangeRequest::SortTarget_IsValid(request.sort_target()))
    return fail(Reason::invalid_sort_option);
  return {};
}

Status validate(const etcdserverpb::PutRequest& request, const RequestLimits&) {
  if (request.key().empty()) return fail(Reason::key_not_provided);
  if (request.ignore_value() && !request.value().empty()) return fail(Reason::value_provided);
  if (request.ignore_lease() && request.lease() != 0) return fail(Reason::lease_provided);
  return {};
}

Status validate(const etcdserverpb::DeleteRangeRequest& request, const RequestLimits&) {
  if (request.key().empty()) return fail(Reason::key_not_provided);
  return {};
}

Status validate(const TxnRequest& request, const RequestLimits& limits) {
  TRY(check_txn(request, {limits.txn_ops_max, limits.txn_nesting_max}));
  TRY(check_overlaps(request.success()));
  TRY(check_overlaps(request.failure()));
  return {};
}

Status validate(const etcdserverpb::LeaseGrantRequest& request, const RequestLimits& limits) {
  if (request.ttl() > limits.lease_ttl_max_s) return fail(Reason::lease_ttl_too_large);
  return {};
}

bool is_read_only(const TxnRequest& request) {
  return all_ops(request, [](const RequestOp& op) { return op.has_request_range(); });
}

bool may_put(const TxnRequest& request) {
  return !all_ops(request, [](const RequestOp& op) {
    return !op.has_request_put() && !(op.has_request_txn() && may_put(op.request_txn()));
  });
}

bool is_serializable(const TxnRequest& request) {
  return all_ops(request, [](const RequestOp& op) {
    return op.has_request_range() && op.request_range().serializable();
  });
}

}  // namespace cairn::etcd
