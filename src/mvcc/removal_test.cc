// What compaction has made superfluous goes also when nothing is applied any more.
#include "mvcc/harness_fixture.h"

namespace cairn::mvcc {
namespace {

TEST(Removal, GoesOnWithoutWritesAndSaysWhenItIsDone) {
  Harness store;
  for (int i = 0; i < 3000; ++i) store.put("k" + std::to_string(i % 10), std::string(100, 'v'));
  const std::int64_t newest = store.view()->revision();
  const StateSizes before = store.machine->sizes();
  EXPECT_FALSE(store.machine->collect(100)) << "nothing is superseded";
  store.compact(newest);
  EXPECT_LT(store.machine->removed_up_to(), newest);
  const std::uint64_t hash = store.machine->state_hash();
  const std::string bytes = saved(*store.view());
  int calls = 1;
  while (store.machine->collect(100)) ++calls;
  EXPECT_GE(calls, 25) << "in steps";
  EXPECT_EQ(store.machine->removed_up_to(), newest);
  const StateSizes after = store.machine->sizes();
  EXPECT_LT(after.all_bytes, before.all_bytes / 50);
  EXPECT_EQ(after.live_bytes, before.live_bytes);
  EXPECT_EQ(store.machine->state_hash(), hash);
  EXPECT_EQ(saved(*store.view()), bytes);
}

// The way out of a store that is full: everything is deleted, and then compacted at that very revision.
TEST(Removal, TakesWhatTheCompactRevisionItselfHasReplaced) {
  for (const bool deleted : {true, false}) {
    Harness store;
    for (int i = 0; i < 100; ++i) store.put("k" + std::to_string(i), std::string(1000, 'v'));
    if (deleted) {
      store.erase("k", "l");
    } else {
      pb::TxnRequest all;
      for (int i = 0; i < 100; ++i)
        *all.add_success()->mutable_request_put() = put_request("k" + std::to_string(i), "");
      store.apply(all);
    }
    const std::int64_t newest = store.view()->revision();
    auto before = store.view();
    store.compact(newest);
    while (store.machine->collect(7)) {
    }
    EXPECT_LT(store.machine->removed_up_to(), newest) << "a view still sees it";
    pb::RangeRequest request = range_request("k7");
    request.set_revision(newest - 1);
    EXPECT_EQ(parse<pb::RangeResponse>(before->range(*etcd::check(request))).kvs(0).value().size(), 1000U);
    before.reset();
    while (store.machine->collect(7)) {
    }
    EXPECT_EQ(store.machine->removed_up_to(), newest);
    EXPECT_LT(store.machine->sizes().all_bytes, 100 * 200U);
    store.put("more", "x");
    store.compact(store.view()->revision());
    while (store.machine->collect(7)) {
    }
    EXPECT_EQ(store.machine->removed_up_to(), newest + 1);
    EXPECT_EQ(store.get("k7").kvs_size(), deleted ? 0 : 1);
  }
}

TEST(Removal, WaitsForViewsAndIsNotAskedForInVain) {
  Harness store;
  store.put("k", "1");
  store.put("k", "2");
  store.put("gone", "1");
  store.erase("gone");
  store.put("k", "3");
  auto old = store.view();
  store.compact(store.view()->revision());
  EXPECT_FALSE(store.machine->collect(100)) << "nothing that could go";
  EXPECT_LT(store.machine->removed_up_to(), store.view()->revision());
  pb::RangeRequest request = range_request("k");
  request.set_revision(2);
  EXPECT_EQ(parse<pb::RangeResponse>(old->range(*etcd::check(request))).kvs(0).value(), "1");
  old.reset();
  while (store.machine->collect(1)) {
  }
  EXPECT_EQ(store.machine->removed_up_to(), store.view()->revision());
  EXPECT_EQ(store.get("k").kvs(0).value(), "3");
}

// Views taken, kept and let go in between read what they have seen.
TEST(Removal, DisturbsNoView) {
  Harness store;
  std::vector<std::pair<std::shared_ptr<const View>, std::string>> kept;
  for (int i = 0; i < 400; ++i) {
    store.put("k" + std::to_string(i % 7), std::to_string(i));
    if (i % 5 == 0) store.erase("k" + std::to_string(i % 11));
    if (i % 40 == 39) store.compact(store.view()->revision() - i % 3);
    if (i % 9 == 0) kept.emplace_back(store.view(), saved(*store.view()));
    static_cast<void>(store.machine->collect(static_cast<std::size_t>(i % 4)));
    if (kept.size() > 5) kept.erase(kept.begin() + i % 5);
    for (const auto& [view, bytes] : kept) ASSERT_EQ(saved(*view), bytes) << i;
    if (i % 16 == 0) kept.clear();
  }
}

}  // namespace
}  // namespace cairn::mvcc
