// A range in pieces must be the range in one piece, whatever the request and however it is cut.
#include "mvcc/range_cursor.h"

#include <rapidcheck.h>

#include <numeric>

#include "base/prng.h"
#include "mvcc/harness_fixture.h"

namespace cairn::mvcc {
namespace {

std::string all_of(LongMessage* message, std::size_t bytes_max) {
  while (!message->measure()) {
  }
  std::string bytes;
  while (!message->finished()) {
    const std::size_t before = bytes.size();
    message->read(bytes_max, &bytes);
    EXPECT_LE(bytes.size() - before, bytes_max);
  }
  EXPECT_EQ(bytes.size(), message->size_bytes());
  return bytes;
}

pb::RangeRequest random_request(Prng* random, std::int64_t revision) {
  const auto key = [random] { return "k" + std::to_string(random->below(2000)); };
  pb::RangeRequest request = range_request(random->chance(1, 4) ? "k" : key());
  request.set_range_end(random->chance(1, 3) ? std::string(1, '\0') : random->chance(1, 2) ? "l" : key());
  if (random->chance(1, 3)) request.set_limit(static_cast<std::int64_t>(1 + random->below(1500)));
  if (random->chance(1, 3)) request.set_revision(revision - static_cast<std::int64_t>(random->below(900)));
  request.set_sort_order(static_cast<pb::RangeRequest::SortOrder>(random->below(3)));
  if (random->chance(1, 2))
    request.set_sort_target(static_cast<pb::RangeRequest::SortTarget>(random->below(5)));
  request.set_keys_only(random->chance(1, 4));
  request.set_count_only(random->chance(1, 8));
  const auto bound = [&] {
    return static_cast<std::int64_t>(random->below(static_cast<std::uint64_t>(revision)));
  };
  if (random->chance(1, 5)) request.set_min_mod_revision(bound());
  if (random->chance(1, 5)) request.set_max_mod_revision(bound());
  if (random->chance(1, 5)) request.set_min_create_revision(bound());
  if (random->chance(1, 5)) request.set_max_create_revision(bound());
  return request;
}

// What etcd's rules say, from the plainest range there is: all keys at that revision.
pb::RangeResponse expected(const Harness& store, const pb::RangeRequest& request) {
  pb::RangeResponse all = store.get(request.key(), request.range_end(), request.revision());
  std::vector<mvccpb::KeyValue> kvs(all.kvs().begin(), all.kvs().end());
  const bool filtered = request.min_mod_revision() != 0 || request.max_mod_revision() != 0 ||
                        request.min_create_revision() != 0 || request.max_create_revision() != 0;
  const bool ordered =
      request.sort_order() == pb::RangeRequest::DESCEND ||
      (request.sort_order() == pb::RangeRequest::ASCEND && request.sort_target() != pb::RangeRequest::KEY);
  const auto limit = request.limit() > 0 ? static_cast<std::size_t>(request.limit()) : kvs.size();
  if (!filtered && !ordered && kvs.size() > limit + 1) kvs.resize(limit + 1);
  std::erase_if(kvs, [&](const mvccpb::KeyValue& kv) {
    const auto outside = [](std::int64_t value, std::int64_t low, std::int64_t high) {
      return (low != 0 && value < low) || (high != 0 && value > high);
    };
    return outside(kv.mod_revision(), request.min_mod_revision(), request.max_mod_revision()) ||
           outside(kv.create_revision(), request.min_create_revision(), request.max_create_revision());
  });
  const auto before = [&](const mvccpb::KeyValue& a, const mvccpb::KeyValue& b) {
    switch (request.sort_target()) {
      case pb::RangeRequest::VERSION:
        return a.version() < b.version();
      case pb::RangeRequest::CREATE:
        return a.create_revision() < b.create_revision();
      case pb::RangeRequest::MOD:
        return a.mod_revision() < b.mod_revision();
      case pb::RangeRequest::VALUE:
        return a.value() < b.value();
      default:
        return a.key() < b.key();
    }
  };
  if (request.sort_order() == pb::RangeRequest::DESCEND)
    std::stable_sort(kvs.begin(), kvs.end(), [&](const auto& a, const auto& b) { return before(b, a); });
  else
    std::stable_sort(kvs.begin(), kvs.end(), before);
  pb::RangeResponse response;
  response.set_count(all.count());
  if (request.count_only()) return response;
  response.set_more(kvs.size() > limit);
  for (std::size_t i = 0; i < std::min(limit, kvs.size()); ++i) {
    *response.add_kvs() = kvs[i];
    if (request.keys_only()) response.mutable_kvs(static_cast<int>(i))->clear_value();
  }
  return response;
}

TEST(Page, OfThePastEndsWithItsLimitAndLooksNoFurther) {
  Harness store;
  for (int i = 0; i < 2000; ++i) store.put("k" + std::to_string(i), "v");
  pb::RangeRequest request = range_request("k", "l");
  request.set_revision(store.view()->revision());
  request.set_limit(10);
  store.put("k", "later");
  const auto checked = etcd::check(request, {});
  ASSERT_TRUE(checked);
  pb::RangeResponse whole, page;
  ASSERT_TRUE(whole.ParseFromString(store.view()->range(*checked).body));
  ASSERT_TRUE(page.ParseFromString(store.view()->page(*checked).body));
  EXPECT_EQ(whole.count(), 2000);
  EXPECT_EQ(page.count(), 11) << "one more says that there is more";
  page.set_count(whole.count());
  EXPECT_EQ(page.SerializeAsString(), whole.SerializeAsString());
}

TEST(RangeCursor, IsTheWholeRangeHoweverItIsCut) {
  Prng random(7);
  Harness store;
  for (int i = 0; i < 3000; ++i) {
    const std::string key = "k" + std::to_string(random.below(2000));
    if (random.chance(1, 6))
      store.erase(key);
    else
      store.put(key, std::string(random.below(random.chance(1, 50) ? 3000 : 40), 'v') + std::to_string(i));
  }
  store.compact(store.view()->revision() - 1000);
  for (int i = 0; i < 600; ++i) {
    const pb::RangeRequest request = random_request(&random, store.view()->revision());
    const RangeAnswer message = store.open_range(request);
    ASSERT_EQ(message.outcome.code, Code::ok);
    const std::string bytes = all_of(message.large.get(), 1 + random.below(5000));
    ASSERT_EQ(bytes, store.range(request).body) << request.DebugString();
    pb::RangeResponse response;
    ASSERT_TRUE(response.ParseFromString(bytes));
    ASSERT_EQ(response.SerializeAsString(), expected(store, request).SerializeAsString())
        << request.DebugString();
  }
}

TEST(RangeCursor, ReadsItsOwnMomentWhileWritesAndCompactionsGoOn) {
  Harness store;
  for (int i = 0; i < 3000; ++i) store.put("k" + std::to_string(i), "before");
  const std::string before = store.range(range_request("k", "l")).body;
  const auto message = store.open_range(range_request("k", "l")).large;
  int i = 0;
  const auto disturb = [&] {
    store.put("k" + std::to_string(i), "after");
    store.erase("k" + std::to_string(i + 1));
    store.compact(store.view()->revision());
    i += 2;
  };
  while (!message->measure()) disturb();
  std::string bytes;
  while (!message->finished()) {
    message->read(100, &bytes);
    disturb();
  }
  EXPECT_GT(i, 1000);
  EXPECT_EQ(bytes, before);
  EXPECT_EQ(message->size_bytes(), before.size());
}

TEST(RangeCursor, AStepIsBoundedHoweverLittleItFinds) {
  Limits limits;
  limits.step.range_records = 50;
  Harness store(limits);
  constexpr std::size_t kKeys = 500;
  for (std::size_t i = 0; i < kKeys; ++i) store.put("k" + std::to_string(i), "v");
  pb::RangeRequest request = range_request("k", "l");
  request.set_min_mod_revision(store.view()->revision());  // one key
  auto message = store.open_range(request).large;
  int measures = 1, reads = 0;
  while (!message->measure()) ++measures;
  std::string bytes;
  for (; !message->finished(); ++reads) message->read(1 << 20, &bytes);
  EXPECT_GE(measures, 10);
  EXPECT_GT(reads, 1);
  EXPECT_LT(bytes.size(), 100u);
  for (const auto target : {pb::RangeRequest::MOD, pb::RangeRequest::VALUE}) {
    request = range_request("k", "l");
    request.set_sort_order(pb::RangeRequest::DESCEND);
    request.set_sort_target(target);
    message = store.open_range(request).large;
    for (measures = 1; !message->measure();) ++measures;
    EXPECT_GE(measures, 40) << "gathering, sorting and measuring are steps each";
  }
}

TEST(RangeCursor, AnEmptyAnswerIsFinishedOnceMeasured) {
  Harness store;
  const auto message = store.open_range(range_request("k", "l")).large;
  EXPECT_TRUE(message->measure());
  EXPECT_EQ(message->size_bytes(), 0u);
  EXPECT_TRUE(message->finished());
}

TEST(RangeCursor, OneSmallValueIsAnsweredAtOnceAndALargeOneInPieces) {
  Harness store;
  store.put("small", "v");
  store.put("large", std::string(1 << 20, 'v'));
  const RangeAnswer small = store.open_range(range_request("small"));
  EXPECT_EQ(small.large, nullptr);
  EXPECT_EQ(small.outcome.body, store.range(range_request("small")).body);
  const RangeAnswer large = store.open_range(range_request("large"));
  ASSERT_NE(large.large, nullptr);
  EXPECT_EQ(all_of(large.large.get(), 1000), store.range(range_request("large")).body);
}

TEST(RangeCursor, RefusesWhatRangeRefuses) {
  Harness store;
  store.put("k", "v");
  pb::RangeRequest request = range_request("k", "l");
  request.set_revision(9);
  const RangeAnswer answer = store.open_range(request);
  EXPECT_EQ(answer.large, nullptr);
  EXPECT_EQ(answer.outcome.error, store.range(request).error);
}

TEST(SlicedSort, IsAStableSortWhateverTheSlices) {
  rc::check("a sliced sort is a stable sort", [](std::vector<std::uint8_t> given, std::uint16_t times) {
    std::vector<std::pair<int, int>> items;
    for (int i = 0; i < times % 50 + 1; ++i)
      for (const std::uint8_t value : given) items.emplace_back(value % 16, static_cast<int>(items.size()));
    const auto less = [](const auto& a, const auto& b) { return a.first < b.first; };
    std::vector<std::pair<int, int>> sorted = items;
    std::stable_sort(sorted.begin(), sorted.end(), less);
    SlicedSort<std::pair<int, int>> sort;
    while (!sort.step(&items, 1 + times % 300, less)) {
    }
    RC_ASSERT(items == sorted);
  });
}

}  // namespace
}  // namespace cairn::mvcc
