// etcd's rules for single requests, as tables.
#include "mvcc/harness_fixture.h"

namespace cairn::mvcc {
namespace {

constexpr std::string_view kZero("\0", 1);

TEST(Put, CountsRevisionsAndVersionsAsEtcd) {
  Harness store;
  EXPECT_EQ(store.view()->revision(), 1);
  EXPECT_EQ(store.put("a", "1").revision, 2);
  EXPECT_EQ(store.put("a", "2").revision, 3);
  auto kv = store.get("a").kvs(0);
  EXPECT_EQ(kv.create_revision(), 2);
  EXPECT_EQ(kv.mod_revision(), 3);
  EXPECT_EQ(kv.version(), 2);
  EXPECT_EQ(kv.value(), "2");
  EXPECT_EQ(store.erase("a").revision, 4);
  EXPECT_EQ(store.put("a", "3").revision, 5);
  kv = store.get("a").kvs(0);
  EXPECT_EQ(kv.create_revision(), 5);
  EXPECT_EQ(kv.version(), 1);
}

TEST(Put, UnknownLeaseWritesNothing) {
  Harness store;
  auto request = put_request("a", "1");
  request.set_lease(7);
  const Outcome outcome = store.apply(request);
  EXPECT_EQ(outcome.code, Code::not_found);
  EXPECT_EQ(outcome.error, "etcdserver: requested lease not found");
  EXPECT_EQ(store.view()->revision(), 1);
  EXPECT_EQ(store.get("a").count(), 0);
}

TEST(Put, IgnoreValueKeepsTheOldOneAndNeedsAKey) {
  Harness store;
  auto request = put_request("a", "");
  request.set_ignore_value(true);
  Outcome outcome = store.apply(request);
  EXPECT_EQ(outcome.code, Code::invalid_argument);
  EXPECT_EQ(outcome.error, "etcdserver: key not found");
  store.put("a", "old");
  EXPECT_EQ(store.apply(request).code, Code::ok);
  EXPECT_EQ(store.get("a").kvs(0).value(), "old");
  EXPECT_EQ(store.get("a").kvs(0).version(), 2);
  request.set_value("new");
  EXPECT_EQ(store.apply(request).error, "etcdserver: value is provided");
  auto lease = put_request("b", "1");
  lease.set_ignore_lease(true);
  EXPECT_EQ(store.apply(lease).error, "etcdserver: key not found");
  lease.set_lease(5);
  EXPECT_EQ(store.apply(lease).error, "etcdserver: lease is provided");
}

TEST(Put, AnswersThePreviousKeyValue) {
  Harness store;
  auto request = put_request("a", "2");
  request.set_prev_kv(true);
  EXPECT_FALSE(parse<pb::PutResponse>(store.apply(request)).has_prev_kv());
  store.put("a", "x");
  const auto response = parse<pb::PutResponse>(store.apply(request));
  EXPECT_EQ(response.prev_kv().value(), "x");
  EXPECT_EQ(response.prev_kv().mod_revision(), 3);
}

TEST(Put, RefusesAnEmptyKey) {
  Harness store;
  EXPECT_EQ(store.put("", "x").error, "etcdserver: key is not provided");
}

TEST(Range, BoundsAsEtcd) {
  Harness store;
  for (const char* key : {"a", "b", "c", "d", "e"}) store.put(key, "bar");
  EXPECT_EQ(store.keys(range_request("a", "z")), "a b c d e");
  EXPECT_EQ(store.keys(range_request("b", "d")), "b c");
  EXPECT_EQ(store.keys(range_request("f", "z")), "");
  EXPECT_EQ(store.keys(range_request("c", "c")), "");
  EXPECT_EQ(store.keys(range_request("d", "b")), "");
  EXPECT_EQ(store.get("d", "b").count(), 0);
  EXPECT_EQ(store.keys(range_request(kZero, kZero)), "a b c d e");
  EXPECT_EQ(store.keys(range_request("c", kZero)), "c d e");
}

TEST(Range, AtOldRevisions) {
  Harness store;
  for (const char* key : {"a", "b", "c", "d", "e"}) store.put(key, "bar");
  const int counts[] = {5, 0, 1, 2};
  for (int revision = 0; revision < 4; ++revision) {
    auto request = range_request("a", "z");
    request.set_revision(revision);
    const Outcome outcome = store.range(request);
    EXPECT_EQ(parse<pb::RangeResponse>(outcome).count(), counts[revision]);
    EXPECT_EQ(parse<pb::RangeResponse>(outcome).kvs_size(), counts[revision]);
    EXPECT_EQ(outcome.revision, 6);
  }
}

TEST(Range, LimitAndMore) {
  Harness store;
  for (const char* key : {"a", "b", "c"}) store.put(key, "bar");
  for (int limit = 1; limit <= 4; ++limit) {
    auto request = range_request("a", "z");
    request.set_limit(limit);
    const auto response = parse<pb::RangeResponse>(store.range(request));
    EXPECT_EQ(response.more(), limit < 3);
    EXPECT_EQ(response.count(), 3);
    EXPECT_EQ(response.kvs_size(), std::min(limit, 3));
  }
}

TEST(Range, CountOnly) {
  Harness store;
  for (const char* key : {"a", "b", "c"}) store.put(key, "bar");
  const std::tuple<const char*, const char*, int, int> rows[] = {
      {"a", "z", 3, 0}, {"b", "c", 1, 0}, {"x", "z", 0, 0}, {"a", "z", 3, 1}};
  for (const auto& [key, end, count, limit] : rows) {
    auto request = range_request(key, end);
    request.set_count_only(true);
    request.set_limit(limit);
    const auto response = parse<pb::RangeResponse>(store.range(request));
    EXPECT_EQ(response.count(), count);
    EXPECT_EQ(response.kvs_size(), 0);
    EXPECT_FALSE(response.more());
  }
}

TEST(Range, SortsBeforeTheLimitUnlessNoOrderIsGiven) {
  Harness store;
  for (const char* key : {"b", "a", "c", "d", "c"}) store.put(key, "bar");
  using R = pb::RangeRequest;
  const std::tuple<R::SortOrder, R::SortTarget, const char*> rows[] = {{R::ASCEND, R::KEY, "a"},
                                                                       {R::DESCEND, R::KEY, "d"},
                                                                       {R::ASCEND, R::CREATE, "b"},
                                                                       {R::DESCEND, R::MOD, "c"}};
  for (const auto& [order, target, key] : rows) {
    auto request = range_request(kZero, kZero);
    request.set_limit(1);
    request.set_sort_order(order);
    request.set_sort_target(target);
    EXPECT_EQ(store.keys(request), key);
    const auto response = parse<pb::RangeResponse>(store.range(request));
    EXPECT_TRUE(response.more());
    EXPECT_EQ(response.count(), 4);
  }
  auto request = range_request(kZero, kZero);
  request.set_limit(10);
  request.set_sort_target(R::CREATE);
  EXPECT_EQ(store.keys(request), "b a c d");
  // The limit cuts by key first, what is left is sorted.
  request.set_limit(2);
  EXPECT_EQ(store.keys(request), "b a");
  request.set_sort_target(static_cast<R::SortTarget>(9));
  EXPECT_EQ(store.range(request).error, "etcdserver: invalid sort option");
}

TEST(Range, RevisionFiltersAreInclusiveAndDoNotChangeTheCount) {
  Harness store;
  for (const char* key : {"rev2", "rev3", "rev4", "rev5", "rev6"}) store.put(key, "bar");
  const std::tuple<int, int, int> rows[] = {{3, 0, 4}, {0, 3, 2}, {3, 5, 3}, {0, 10, 5}};
  for (const auto& [low, high, kvs] : rows) {
    auto request = range_request(kZero, kZero);
    request.set_min_mod_revision(low);
    request.set_max_mod_revision(high);
    const auto response = parse<pb::RangeResponse>(store.range(request));
    EXPECT_EQ(response.kvs_size(), kvs);
    EXPECT_EQ(response.count(), 5);
  }
  Harness other;
  for (const char* key : {"rev2", "rev3", "rev2", "rev2", "rev6", "rev3"}) other.put(key, "bar");
  const std::tuple<int, int, const char*> creates[] = {
      {3, 0, "rev3 rev6"}, {0, 3, "rev2 rev3"}, {3, 5, "rev3"}, {0, 10, "rev2 rev3 rev6"}};
  for (const auto& [low, high, keys] : creates) {
    auto request = range_request(kZero, kZero);
    request.set_min_create_revision(low);
    request.set_max_create_revision(high);
    EXPECT_EQ(other.keys(request), keys);
    EXPECT_EQ(parse<pb::RangeResponse>(other.range(request)).count(), 3);
  }
}

TEST(Range, KeysOnlyLeavesOutValues) {
  Harness store;
  store.put("a", "1");
  auto request = range_request("a");
  request.set_keys_only(true);
  const auto response = parse<pb::RangeResponse>(store.range(request));
  EXPECT_EQ(response.kvs(0).value(), "");
  EXPECT_EQ(response.kvs(0).mod_revision(), 2);
}

TEST(Range, FutureAndCompactedRevisionsAreRefused) {
  Harness store;
  store.put("a", "1");
  store.put("a", "2");
  auto request = range_request("a");
  request.set_revision(4);
  EXPECT_EQ(store.range(request).error, "etcdserver: mvcc: required revision is a future revision");
  EXPECT_EQ(store.range(request).code, Code::out_of_range);
  EXPECT_EQ(store.compact(3).code, Code::ok);
  request.set_revision(2);
  EXPECT_EQ(store.range(request).error, "etcdserver: mvcc: required revision has been compacted");
  EXPECT_EQ(store.range(request).code, Code::out_of_range);
  request.set_revision(3);
  EXPECT_EQ(store.range(request).code, Code::ok);
  request.set_revision(-5);
  EXPECT_EQ(parse<pb::RangeResponse>(store.range(request)).kvs(0).value(), "2");
}

TEST(DeleteRange, CountsAndBumpsOnlyWhenSomethingWasThere) {
  const std::tuple<const char*, const char*, int> rows[] = {
      {"foo/", "fop", 1}, {"foo/", "foo/", 0}, {"fo", "fop", 2}, {"foo/", "fos", 2}, {"foo", "", 1}};
  for (const auto& [key, end, deleted] : rows) {
    Harness store;
    for (const char* name : {"foo", "foo/abc", "fop"}) store.put(name, "bar");
    auto request = delete_request(key, end);
    request.set_prev_kv(true);
    const Outcome outcome = store.apply(request);
    const auto response = parse<pb::DeleteRangeResponse>(outcome);
    EXPECT_EQ(response.deleted(), deleted);
    EXPECT_EQ(response.prev_kvs_size(), deleted);
    EXPECT_EQ(outcome.revision, deleted > 0 ? 5 : 4);
    EXPECT_EQ(store.range(range_request("x")).revision, outcome.revision);
  }
}

TEST(Compact, RefusesWhatIsCompactedOrInTheFuture) {
  Harness store;
  EXPECT_EQ(store.compact(-1).error, "etcdserver: mvcc: required revision has been compacted");
  EXPECT_EQ(store.compact(0).code, Code::ok) << "once, on a store never compacted";
  EXPECT_EQ(store.compact(0).error, "etcdserver: mvcc: required revision has been compacted");
  EXPECT_EQ(store.compact(2).error, "etcdserver: mvcc: required revision is a future revision");
  store.put("a", "1");
  EXPECT_EQ(store.compact(2).code, Code::ok);
  EXPECT_EQ(store.get("a", {}, 2).kvs(0).value(), "1");
  store.put("a", "2");
  EXPECT_EQ(store.get("a", {}, 2).kvs(0).value(), "1") << "the compacted revision itself stays readable";
}

TEST(Compact, KeepsATombstoneAtItsRevisionOnly) {
  Harness at, after;
  for (Harness* store : {&at, &after}) {
    store->put("a", "1");
    store->erase("a");
    store->put("b", "1");
  }
  at.compact(3);
  after.compact(4);
  for (int i = 0; i < 3; ++i) {
    at.idle();
    after.idle();
  }
  EXPECT_LT(after.view()->size_bytes(), at.view()->size_bytes());
  EXPECT_EQ(at.get("a", {}, 3).count(), 0);
  at.compact(4);
  for (int i = 0; i < 3; ++i) {
    at.idle();
    after.idle();
  }
  EXPECT_EQ(after.view()->size_bytes(), at.view()->size_bytes());
}

TEST(Compact, RevisionDoesNotGoBackWhenOnlyTombstonesAreLeft) {
  Harness store;
  store.put("a", "1");
  store.erase("a");
  store.compact(3);
  for (int i = 0; i < 3; ++i) store.idle();
  Harness again(loaded(saved(*store.view())));
  EXPECT_EQ(again.view()->revision(), 3);
  EXPECT_EQ(again.put("a", "1").revision, 4);
}

TEST(Compact, FreesWhatNoViewNeedsAndNothingElse) {
  Harness store;
  for (int i = 0; i < 1000; ++i) store.put("a", std::string(1000, 'x'));
  auto old = store.view();
  const std::string before = saved(*old);
  store.compact(1001);
  for (int i = 0; i < 20; ++i) store.idle();
  EXPECT_GT(store.view()->size_bytes(), 1000 * 1000u) << "an older view still reads every revision";
  EXPECT_EQ(saved(*old), before);
  old.reset();
  for (int i = 0; i < 20; ++i) store.idle();
  EXPECT_LT(store.view()->size_bytes(), 10 * 1000u);
}

TEST(Batch, MalformedBytesCountAsNoCommands) {
  Harness store;
  store.put("a", "1");
  LastOutcome sink;
  store.machine->apply({2, 1}, "\xff\xff\xff garbage", &sink);
  EXPECT_TRUE(sink.outcomes.empty());
  EXPECT_EQ(store.machine->applied_index(), 2u);
  EXPECT_EQ(store.view()->revision(), 2);
}

TEST(Publish, RegistersAMember) {
  Harness store;
  auto before = store.view();
  command::Command command;
  command.mutable_publish()->set_id(7);
  command.mutable_publish()->set_name("n7");
  command.mutable_publish()->add_client_urls("http://127.0.0.1:2379");
  EXPECT_EQ(store.apply(command).code, Code::failed_precondition);  // it is no member
  EXPECT_TRUE(store.view()->members().empty());
  store.machine->follow({{7, {7, "first", {"http://127.0.0.1:2380"}, {}}}});
  EXPECT_EQ(store.apply(command).code, Code::ok);
  const MemberInfo known{7, "n7", {"http://127.0.0.1:2380"}, {"http://127.0.0.1:2379"}};
  EXPECT_EQ(store.view()->members().at(7), known);
  EXPECT_TRUE(before->members().empty());
}

TEST(Configuration, SaysWhoIsAMemberAndWhereAndMembersTheRest) {
  Harness store;
  const auto follows = [&store](const MemberMap& configured) {
    store.machine->follow(configured);
    store.idle();
    return store.view()->members();
  };
  const MemberMap two = {{1, {1, "a", {"http://a:1"}, {}}}, {2, {2, "b", {"http://b:1"}, {}}}};
  EXPECT_EQ(follows(two), two);
  const std::uint64_t hash = store.machine->state_hash();
  command::Command command;
  command.mutable_publish()->set_id(2);
  command.mutable_publish()->set_name("b2");
  command.mutable_publish()->add_client_urls("http://b:2");
  EXPECT_EQ(store.apply(command).code, Code::ok);
  EXPECT_NE(store.machine->state_hash(), hash);
  const MemberMap moved = {{2, {2, "b", {"http://b:9"}, {}}}, {3, {3, "c", {"http://c:1"}, {}}}};
  const MemberMap expected = {{2, {2, "b2", {"http://b:9"}, {"http://b:2"}}},
                              {3, {3, "c", {"http://c:1"}, {}}}};
  EXPECT_EQ(follows(moved), expected);
  EXPECT_EQ(follows(moved), expected);
}

}  // namespace
}  // namespace cairn::mvcc
