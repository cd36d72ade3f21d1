// etcd's rules for transactions, as tables.
#include "etcd/validate.h"
#include "mvcc/harness_fixture.h"
#include "proto/note.pb.h"

namespace cairn::mvcc {
namespace {

using Txn = pb::TxnRequest;

pb::RequestOp put_op(const char* key, const char* value = "x") {
  pb::RequestOp op;
  *op.mutable_request_put() = put_request(key, value);
  return op;
}
pb::RequestOp delete_op(const char* key, std::string_view end = {}) {
  pb::RequestOp op;
  *op.mutable_request_delete_range() = delete_request(key, end);
  return op;
}
pb::RequestOp range_op(const char* key, std::int64_t revision = 0) {
  pb::RequestOp op;
  *op.mutable_request_range() = range_request(key);
  op.mutable_request_range()->set_revision(revision);
  return op;
}
Txn txn_of(const std::vector<pb::RequestOp>& success, const std::vector<pb::RequestOp>& failure = {}) {
  Txn request;
  for (const auto& op : success) *request.add_success() = op;
  for (const auto& op : failure) *request.add_failure() = op;
  return request;
}
TEST(Txn, OneRevisionForAllChangesAndNoneForNothing) {
  Harness store;
  EXPECT_EQ(store.apply(txn_of({put_op("a"), put_op("b"), delete_op("a", "a")})).revision, 2);
  EXPECT_EQ(store.get("a").kvs(0).mod_revision(), 2);
  EXPECT_EQ(store.get("b").kvs(0).mod_revision(), 2);
  EXPECT_EQ(store.apply(txn_of({range_op("a")})).revision, 2);
  EXPECT_EQ(store.apply(txn_of({delete_op("zz")})).revision, 2);
}

TEST(Txn, RangeComparesHoldForEveryKey) {
  Harness store;
  for (const char* key : {"/a/2", "/a/3", "/a/4", "/f/5"}) store.put(key, "x");
  const std::string zero(1, '\0');
  struct Row {
    const char* key;
    std::string end;
    pb::Compare::CompareTarget target;
    pb::Compare::CompareResult result;
    std::int64_t number;
    bool succeeds;
  };
  using C = pb::Compare;
  const Row rows[] = {
      {"/a/", zero, C::CREATE, C::LESS, 6, true},     {"/a/", zero, C::CREATE, C::LESS, 5, false},
      {"/a/", "/a0", C::CREATE, C::LESS, 5, true},    {"/a/", "/a0", C::CREATE, C::LESS, 4, false},
      {"/a/", "/a0", C::LEASE, C::GREATER, 0, false}, {"/a/", "/a0", C::LEASE, C::EQUAL, 0, true},
      {"/b/", "/b0", C::VALUE, C::EQUAL, 0, false},   {"/b/", "/b0", C::VALUE, C::NOT_EQUAL, 0, false},
      {"/b/", "/b0", C::VERSION, C::EQUAL, 0, true},  {"/b", "", C::VALUE, C::NOT_EQUAL, 0, false}};
  for (const Row& row : rows) {
    Txn request;
    pb::Compare* const compare = request.add_compare();
    compare->set_key(row.key);
    compare->set_range_end(row.end);
    compare->set_target(row.target);
    compare->set_result(row.result);
    if (row.target == C::CREATE) compare->set_create_revision(row.number);
    if (row.target == C::VALUE) compare->set_value("x");
    EXPECT_EQ(parse<pb::TxnResponse>(store.view()->txn(*etcd::check(request), 0)).succeeded(), row.succeeds)
        << compare->ShortDebugString();
  }
}

TEST(Txn, NestedComparesSeeTheStateBeforeAndOpsSeeEarlierWrites) {
  Harness store;
  Txn inner = txn_of({range_op("a")});
  inner.add_compare()->set_key("a");  // VERSION = 0: the key does not exist
  Txn outer = txn_of({put_op("a", "1")});
  *outer.add_success()->mutable_request_txn() = inner;
  const auto response = parse<pb::TxnResponse>(store.apply(outer));
  const auto& nested = response.responses(1).response_txn();
  EXPECT_TRUE(nested.succeeded()) << "evaluated before the put";
  EXPECT_EQ(nested.responses(0).response_range().kvs(0).value(), "1");
  EXPECT_EQ(nested.header().revision(), 0);
  EXPECT_EQ(nested.responses(0).response_range().header().revision(), 2);
}

TEST(Txn, RefusedOneLeavesNothingBehind) {
  Harness store;
  store.put("k", "1");
  store.put("k", "2");
  Outcome outcome = store.apply(txn_of({put_op("a"), range_op("k", 100)}));
  EXPECT_EQ(outcome.error, "etcdserver: mvcc: required revision is a future revision");
  store.compact(3);
  outcome = store.apply(txn_of({put_op("a"), range_op("k", 2)}));
  EXPECT_EQ(outcome.error, "etcdserver: mvcc: required revision has been compacted");
  outcome = store.apply(txn_of({put_op("a"), range_op("k", -1)}));
  EXPECT_EQ(outcome.error, "etcdserver: mvcc: required revision has been compacted")
      << "unlike in a bare range";
  auto leased = put_op("a");
  leased.mutable_request_put()->set_lease(9);
  EXPECT_EQ(store.apply(txn_of({put_op("b"), leased})).error, "etcdserver: requested lease not found");
  EXPECT_EQ(store.apply(txn_of({put_op("c")}, {leased})).code, Code::ok) << "not on the path";
  EXPECT_EQ(store.get("a", "c").count(), 0);
  EXPECT_EQ(store.view()->revision(), 4);
}

TEST(Txn, ViewsRefuseToWrite) {
  Harness store;
  EXPECT_EQ(store.view()->txn(*etcd::check(txn_of({put_op("a")})), 0).code, Code::invalid_argument);
}

TEST(Txn, DeepNestingFollowsThePath) {
  Txn request = txn_of({put_op("deep", "yes")});
  for (int level = 0; level < 20; ++level) {
    Txn outer;
    pb::Compare* const compare = outer.add_compare();
    compare->set_key("none");
    compare->set_version(level % 2);  // every other level fails and takes the else branch
    auto* const op = level % 2 == 0 ? outer.add_success() : outer.add_failure();
    *op->mutable_request_txn() = std::move(request);
    request = std::move(outer);
  }
  Harness store;
  EXPECT_EQ(store.apply(request).code, Code::ok);
  EXPECT_EQ(store.get("deep").kvs(0).value(), "yes");
}

TEST(Txn, NestingIsBoundedSoThatWhateverIsAcceptedCanBeReadInsideABatchAndANote) {
  Txn request = txn_of({put_op("deep")});
  std::size_t accepted = 0;
  for (std::size_t level = 1; level <= etcd::RequestLimits().txn_ops_max; ++level) {
    Txn outer;
    *outer.add_success()->mutable_request_txn() = std::move(request);
    request = std::move(outer);
    const bool parses = Txn().ParseFromString(request.SerializeAsString());
    if (!parses || !etcd::validate(request)) continue;
    ++accepted;
    note::Note message;
    *message.mutable_forward()->add_commands()->mutable_txn() = request;
    EXPECT_TRUE(note::Note().ParseFromString(message.SerializeAsString())) << level;
  }
  EXPECT_EQ(accepted, 32U);
}

}  // namespace
}  // namespace cairn::mvcc
