// What a request does to which keys, whatever it is wrapped in.
#include "etcd/effects.h"

#include <gtest/gtest.h>

#include "proto/rpc.pb.h"

namespace cairn::etcd {
namespace {

template <class Request>
Effects effects_of(const Request& request) {
  Effects effects;
  add_effects(request, &effects);
  return effects;
}

TEST(Effects, APreviousValueIsARead) {
  etcdserverpb::PutRequest put;
  put.set_key("k");
  EXPECT_EQ(effects_of(put), (Effects{{Access::write, "k", ""}}));
  put.set_prev_kv(true);
  EXPECT_EQ(effects_of(put), (Effects{{Access::write, "k", ""}, {Access::read, "k", ""}}));
  etcdserverpb::DeleteRangeRequest erase;
  erase.set_key("k");
  erase.set_range_end("m");
  EXPECT_EQ(effects_of(erase), (Effects{{Access::write, "k", "m"}}));
  erase.set_prev_kv(true);
  EXPECT_EQ(effects_of(erase), (Effects{{Access::write, "k", "m"}, {Access::read, "k", "m"}}));
}

TEST(Effects, OfATransactionAreThoseOfAllThatStandsInIt) {
  etcdserverpb::TxnRequest txn;
  txn.add_compare()->set_key("c");
  txn.mutable_compare(0)->set_range_end("d");
  txn.add_success()->mutable_request_put()->set_key("p");
  txn.add_failure()->mutable_request_range()->set_key("r");
  etcdserverpb::TxnRequest* const nested = txn.add_failure()->mutable_request_txn();
  nested->add_compare()->set_key("nc");
  nested->add_success();  // no operation at all
  etcdserverpb::TxnRequest* const deeper = nested->add_failure()->mutable_request_txn();
  deeper->add_success()->mutable_request_delete_range()->set_key("nd");
  deeper->mutable_success(0)->mutable_request_delete_range()->set_prev_kv(true);
  EXPECT_EQ(effects_of(txn), (Effects{{Access::read, "c", "d"},
                                      {Access::write, "p", ""},
                                      {Access::read, "r", ""},
                                      {Access::read, "nc", ""},
                                      {Access::write, "nd", ""},
                                      {Access::read, "nd", ""}}));
}

TEST(Effects, ALeaseIsAttachedTo) {
  etcdserverpb::PutRequest put;
  put.set_key("k");
  put.set_lease(7);
  const Effects effects = {{Access::write, "k", ""}, {Access::attach, "", "", 7}};
  EXPECT_EQ(effects_of(put), effects);
  etcdserverpb::TxnRequest txn;
  *txn.add_failure()->mutable_request_txn()->add_success()->mutable_request_put() = put;
  EXPECT_EQ(effects_of(txn), effects);
}

TEST(Effects, CompactionIsAnAdministrators) {
  EXPECT_EQ(effects_of(etcdserverpb::CompactionRequest()), (Effects{{Access::admin, "", ""}}));
}

}  // namespace
}  // namespace cairn::etcd
