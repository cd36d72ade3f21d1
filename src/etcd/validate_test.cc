// etcd's rules for what a request may say, as tables.
#include "etcd/validate.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "etcd/reasons.h"
#include "proto/rpc.pb.h"

namespace cairn::etcd {
namespace {

using Op = etcdserverpb::RequestOp;
using Txn = etcdserverpb::TxnRequest;

Op put_op(std::string_view key) {
  Op op;
  op.mutable_request_put()->set_key(std::string(key));
  return op;
}
Op delete_op(std::string_view key, std::string_view end = {}) {
  Op op;
  op.mutable_request_delete_range()->set_key(std::string(key));
  op.mutable_request_delete_range()->set_range_end(std::string(end));
  return op;
}
Op range_op(std::string_view key) {
  Op op;
  op.mutable_request_range()->set_key(std::string(key));
  return op;
}
Txn txn_of(const std::vector<Op>& success, const std::vector<Op>& failure = {}) {
  Txn request;
  for (const Op& op : success) *request.add_success() = op;
  for (const Op& op : failure) *request.add_failure() = op;
  return request;
}
Op txn_op(const Op& op, bool both = false) {
  Op result;
  *result.mutable_request_txn() = both ? txn_of({op}, {op}) : txn_of({op});
  return result;
}

TEST(TxnValidate, OverlapsAsEtcdJudgesThem) {
  const auto p = put_op("abc"), d = delete_op("abc"), r = delete_op("a", "b"), o = delete_op("abb", "abc");
  const std::vector<Op> duplicates[] = {{p, p},
                                        {p, d},
                                        {p, r},
                                        {p, txn_op(r)},
                                        {r, txn_op(p)},
                                        {txn_op(p, true), txn_op(p, true)},
                                        {txn_op(d), txn_op(p)}};
  for (const auto& ops : duplicates) {
    const Status valid = validate(txn_of(ops));
    ASSERT_FALSE(valid.has_value()) << txn_of(ops).ShortDebugString();
    EXPECT_EQ(valid.error().reason, Reason::duplicate_key);
    EXPECT_FALSE(validate(txn_of({}, ops)).has_value());
  }
  const std::vector<Op> fine[] = {
      {o, txn_op(p, true)}, {txn_op(r), txn_op(r, true)}, {d, r, d, r}, {p, o}, {txn_op(p), txn_op(d)}};
  for (const auto& ops : fine)
    EXPECT_TRUE(validate(txn_of(ops)).has_value()) << txn_of(ops).ShortDebugString();
}

TEST(TxnValidate, TooManyOperationsCountNesting) {
  const auto refused = [](const Txn& request) {
    const Status valid = validate(request);
    return !valid && valid.error().reason == Reason::too_many_operations;
  };
  Txn success, failure, compare, nested;
  for (int i = 0; i < 129; ++i) {
    *success.add_success() = range_op("a");
    *failure.add_failure() = range_op("a");
    compare.add_compare()->set_key("a");
  }
  EXPECT_TRUE(refused(success));
  EXPECT_TRUE(refused(failure));
  EXPECT_TRUE(refused(compare));
  Txn inner = success;
  inner.mutable_success()->RemoveLast();
  EXPECT_FALSE(refused(inner));
  *nested.add_success()->mutable_request_txn() = inner;
  EXPECT_TRUE(refused(nested)) << "the parent has used one of 128";
  nested.mutable_success(0)->mutable_request_txn()->mutable_success()->RemoveLast();
  EXPECT_FALSE(refused(nested));
}

TEST(TxnValidate, NoTxnIsNestedDeeperThanItMayBe) {
  const RequestLimits limits{.txn_nesting_max = 2};
  const Txn twice = txn_of({txn_op(txn_op(put_op("a")))});
  EXPECT_TRUE(check(twice, limits).has_value());
  EXPECT_EQ(check(txn_of({}, {txn_op(twice.success(0))}), limits).error().reason,
            Reason::too_many_operations);
  EXPECT_TRUE(check(txn_of({put_op("a")}), {.txn_nesting_max = 0}).has_value());
  EXPECT_FALSE(check(txn_of({txn_op(put_op("a"))}), {.txn_nesting_max = 0}).has_value());
}

TEST(TxnValidate, EmptyKeysAndEmptyOps) {
  Txn compare;
  compare.add_compare();
  EXPECT_EQ(validate(compare).error().reason, Reason::key_not_provided);
  Txn empty_op;
  empty_op.add_success();
  EXPECT_EQ(validate(empty_op).error().reason, Reason::key_not_found) << "sic";
  EXPECT_EQ(validate(txn_of({put_op("")})).error().reason, Reason::key_not_provided);
  EXPECT_TRUE(validate(Txn()).has_value());
}

TEST(TxnKind, ReadOnlyMeansRangesOnly) {
  EXPECT_TRUE(is_read_only(txn_of({range_op("a")})));
  EXPECT_FALSE(is_read_only(txn_of({range_op("a")}, {put_op("a")})));
  EXPECT_FALSE(is_read_only(txn_of({txn_op(range_op("a"))}))) << "a nested txn counts as a write";
  EXPECT_FALSE(is_serializable(txn_of({range_op("a")})));
  auto serializable = range_op("a");
  serializable.mutable_request_range()->set_serializable(true);
  EXPECT_TRUE(is_serializable(txn_of({serializable})));
  EXPECT_FALSE(is_serializable(txn_of({serializable, range_op("a")})));
}

TEST(Checked, IsTheRequestItselfOrTheReasonAgainstIt) {
  Txn request = txn_of({put_op("a")});
  const Result<Checked<Txn>> checked = check(request);
  ASSERT_TRUE(checked.has_value());
  EXPECT_EQ(&**checked, &request);
  EXPECT_EQ((*checked)->success_size(), 1);
  EXPECT_EQ(check(txn_of({put_op("")})).error().reason, Reason::key_not_provided);
  EXPECT_EQ(check(request, {.txn_ops_max = 0}).error().reason, Reason::too_many_operations);
}

TEST(RangeValidate, OrdersAreThoseThatEtcdNames) {
  etcdserverpb::RangeRequest request;
  request.set_key("a");
  EXPECT_TRUE(check(request).has_value());
  request.set_sort_order(static_cast<etcdserverpb::RangeRequest::SortOrder>(3));
  EXPECT_EQ(check(request).error().reason, Reason::invalid_sort_option);
  request.set_sort_order(etcdserverpb::RangeRequest::ASCEND);
  request.set_sort_target(static_cast<etcdserverpb::RangeRequest::SortTarget>(5));
  EXPECT_EQ(check(request).error().reason, Reason::invalid_sort_option);
}

}  // namespace
}  // namespace cairn::etcd
