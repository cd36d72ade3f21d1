#include "random_requests.h"

#include <string_view>

namespace cairn::differential {
namespace {

using etcdserverpb::Compare;
using etcdserverpb::RangeRequest;

constexpr int kTxnDepthMax = 3;

// Open enumerations: a number that nobody has named is valid on the wire.
template <class Enum>
Enum enum_value(std::int64_t number) {
  return static_cast<Enum>(number);
}

}  // namespace

std::string RandomRequests::key() {
  if (one_in(150)) return "";
  // Bytes that text treats specially, and both ends of the order.
  constexpr std::string_view kBytes("\0ab\xff", 4);
  std::string key(1, kBytes[static_cast<std::size_t>(below(4))]);
  while (key.size() < 3 && one_in(2)) key += kBytes[static_cast<std::size_t>(below(4))];
  return key;
}

std::string RandomRequests::range_end(const std::string& key) {
  switch (below(6)) {
    case 0:
    case 1:
      return "";
    case 2:
      return std::string(1, '\0');  // from the key on
    case 3: {                       // the prefix
      std::string end = key;
      while (!end.empty() && end.back() == '\xff') end.pop_back();
      if (end.empty()) return std::string(1, '\0');
      ++end.back();
      return end;
    }
    default:
      return this->key();
  }
}

std::int64_t RandomRequests::revision() {
  switch (below(8)) {
    case 0:
      return below(4) - 2;
    case 1:
      return revision_ + below(3);
    default:
      return revision_ - below(40);
  }
}

etcdserverpb::RangeRequest RandomRequests::range() {
  RangeRequest request;
  request.set_key(key());
  request.set_range_end(range_end(request.key()));
  if (one_in(3)) request.set_limit(below(6) - 1);
  if (one_in(3)) request.set_revision(revision());
  // Orders and targets that nobody has named are left out: in a transaction, they make etcd 3.4 end itself.
  if (one_in(3)) request.set_sort_order(enum_value<RangeRequest::SortOrder>(below(3)));
  if (one_in(3)) request.set_sort_target(enum_value<RangeRequest::SortTarget>(below(5)));
  request.set_serializable(one_in(5));
  request.set_keys_only(one_in(5));
  request.set_count_only(one_in(8));
  if (one_in(8)) request.set_min_mod_revision(revision());
  if (one_in(8)) request.set_max_mod_revision(revision());
  if (one_in(8)) request.set_min_create_revision(revision());
  if (one_in(8)) request.set_max_create_revision(revision());
  return request;
}

etcdserverpb::PutRequest RandomRequests::put() {
  etcdserverpb::PutRequest request;
  request.set_key(key());
  if (!one_in(5)) request.set_value(std::string(static_cast<std::size_t>(below(3)), 'v') + key());
  if (one_in(8)) request.set_lease(lease());
  request.set_prev_kv(one_in(3));
  request.set_ignore_value(one_in(12));
  request.set_ignore_lease(one_in(20));
  return request;
}

etcdserverpb::DeleteRangeRequest RandomRequests::delete_range() {
  etcdserverpb::DeleteRangeRequest request;
  request.set_key(key());
  request.set_range_end(range_end(request.key()));
  request.set_prev_kv(one_in(2));
  return request;
}

etcdserverpb::Compare RandomRequests::compare() {
  Compare compare;
  compare.set_result(enum_value<Compare::CompareResult>(below(one_in(30) ? 6 : 4)));
  const std::int64_t target = below(one_in(30) ? 7 : 5);
  compare.set_target(enum_value<Compare::CompareTarget>(target));
  compare.set_key(key());
  if (one_in(3)) compare.set_range_end(range_end(compare.key()));
  // Now and then the operand is missing or another target's.
  switch (one_in(20) ? below(6) : target) {
    case 0:
      compare.set_version(below(4));
      break;
    case 1:
      compare.set_create_revision(one_in(2) ? 0 : revision());
      break;
    case 2:
      compare.set_mod_revision(one_in(2) ? 0 : revision());
      break;
    case 3:
      compare.set_value(one_in(2) ? "v" + key() : key());
      break;
    case 4:
      compare.set_lease(lease());
      break;
    default:
      break;
  }
  return compare;
}

void RandomRequests::operation(etcdserverpb::RequestOp* op, int depth) {
  if (one_in(150)) return;  // no request at all
  switch (below(depth < kTxnDepthMax ? 8 : 7)) {
    case 0:
    case 1:
      *op->mutable_request_range() = range();
      // Mostly the latest: another revision mostly fails, and the whole transaction with it.
      if (!one_in(6)) op->mutable_request_range()->clear_revision();
      break;
    case 2:
    case 3:
      if (txn_deletes_) {
        *op->mutable_request_delete_range() = delete_range();
      } else {
        *op->mutable_request_put() = put();
      }
      break;
    case 7:
      *op->mutable_request_txn() = txn(depth + 1);
      break;
    default:
      *op->mutable_request_put() = put();
      if (txn_deletes_) {
        op->mutable_request_put()->clear_ignore_value();
        op->mutable_request_put()->clear_ignore_lease();
      }
  }
}

etcdserverpb::TxnRequest RandomRequests::txn(int depth) {
  // What a put is to keep may have been deleted by the same transaction: etcd then ends itself.
  if (depth == 0) txn_deletes_ = one_in(2);
  etcdserverpb::TxnRequest request;
  for (std::int64_t n = below(3); n > 0; --n) *request.add_compare() = compare();
  for (std::int64_t n = below(4); n > 0; --n) operation(request.add_success(), depth);
  for (std::int64_t n = below(4); n > 0; --n) operation(request.add_failure(), depth);
  if (one_in(200)) {  // around the limit of 128
    for (std::int64_t n = 126 + below(4); request.failure_size() < n;)
      *request.add_failure()->mutable_request_range() = range();
  }
  return request;
}

etcdserverpb::LeaseGrantRequest RandomRequests::lease_grant() {
  etcdserverpb::LeaseGrantRequest request;
  request.set_id(one_in(2) ? 1 : -1);  // with 0 each server chooses its own
  request.set_ttl(one_in(10) ? 9'000'000'001 : 1'000'000);
  return request;
}

etcdserverpb::LeaseRevokeRequest RandomRequests::lease_revoke() {
  etcdserverpb::LeaseRevokeRequest request;
  request.set_id(lease());
  return request;
}

etcdserverpb::LeaseTimeToLiveRequest RandomRequests::lease_time_to_live() {
  etcdserverpb::LeaseTimeToLiveRequest request;
  request.set_id(one_in(2) ? 1 : -1);
  request.set_keys(one_in(2));
  return request;
}

etcdserverpb::CompactionRequest RandomRequests::compaction() {
  etcdserverpb::CompactionRequest request;
  request.set_revision(revision());
  request.set_physical(one_in(2));
  return request;
}

}  // namespace cairn::differential
