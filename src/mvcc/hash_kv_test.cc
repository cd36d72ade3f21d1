// HashKv against etcd's rules written down naively; test/e2e/maintenance_test.py compares with etcd itself.
#include "mvcc/hash_kv.h"

#include <map>

#include "base/crc32c.h"
#include "base/prng.h"
#include "etcd/reasons.h"
#include "mvcc/harness_fixture.h"

namespace cairn::mvcc {
namespace {

std::uint32_t measured(const View& view, std::int64_t revision, std::size_t piece = 100) {
  RangeAnswer answer = view.hash_kv(revision);
  EXPECT_EQ(answer.outcome.code, Code::ok) << answer.outcome.error;
  while (!answer.large->measure()) {
  }
  std::string bytes;
  while (!answer.large->finished()) answer.large->read(piece, &bytes);
  EXPECT_EQ(bytes.size(), answer.large->size_bytes());
  pb::HashKVResponse response;
  EXPECT_TRUE(response.ParseFromString(bytes));
  EXPECT_EQ(response.compact_revision(), view.compact_revision());
  EXPECT_EQ(response.hash_revision(), revision == 0 ? view.revision() : revision);
  return response.hash();
}

// Every change ever made, in order.
struct Log {
  struct Change {
    std::int64_t revision;
    std::uint32_t sub;
    mvccpb::KeyValue kv;
    bool deleted;
  };
  std::vector<Change> changes;
  std::map<std::string, mvccpb::KeyValue> now;
  std::int64_t revision = 1;

  void put(const std::string& key, const std::string& value, std::uint32_t sub) {
    mvccpb::KeyValue kv = now.contains(key) ? now[key] : mvccpb::KeyValue();
    kv.set_key(key);
    if (kv.create_revision() == 0) kv.set_create_revision(revision);
    kv.set_mod_revision(revision);
    kv.set_version(kv.version() + 1);
    kv.set_value(value);
    now[key] = kv;
    changes.push_back({revision, sub, kv, false});
  }
  void erase(const std::string& key, std::uint32_t sub) {
    mvccpb::KeyValue kv;
    kv.set_key(key);
    now.erase(key);
    changes.push_back({revision, sub, kv, true});
  }

  std::uint32_t hash(std::int64_t upto, std::int64_t compacted) const {
    std::map<std::string, const Change*> newest;  // that a compaction at `upto` would keep
    bool keeps_some = false;
    for (const std::int64_t at : {upto, compacted}) {
      newest.clear();
      for (const Change& each : changes)
        if (each.revision <= at) newest[each.kv.key()] = &each;
      for (const auto& [key, change] : newest) keeps_some |= !change->deleted;
      if (keeps_some) break;  // else etcd takes all that it still has
    }
    std::uint32_t hash = crc32c(0, "key");
    for (const Change& each : changes) {
      if (each.revision > upto) break;
      if (each.revision <= compacted && (newest[each.kv.key()] != &each || each.deleted)) continue;
      std::string bytes;
      for (int shift = 56; shift >= 0; shift -= 8)
        bytes += static_cast<char>(static_cast<std::uint64_t>(each.revision) >> shift & 255);
      bytes += '_';
      for (int shift = 56; shift >= 0; shift -= 8)
        bytes += static_cast<char>(std::uint64_t{each.sub} >> shift & 255);
      if (each.deleted) bytes += 't';
      hash = crc32c(crc32c(hash, bytes), each.kv.SerializeAsString());
    }
    return hash;
  }
};

TEST(HashKv, FollowsEtcdsRulesAtEveryRevision) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Prng random(seed);
    Limits limits;
    limits.step.range_records = 1 + random.below(5);
    Harness store(limits);
    Log log;
    std::int64_t compacted = -1;
    for (int i = 0; i < 150; ++i) {
      pb::TxnRequest txn;
      ++log.revision;
      std::uint32_t sub = 0;
      std::map<std::string, bool> touched;
      for (std::uint64_t n = 1 + random.below(3); n > 0; --n) {
        const std::string key = "k" + std::to_string(random.below(9));
        if (!touched.insert({key, true}).second) continue;
        if (random.chance(1, 3)) {
          if (!log.now.contains(key)) continue;
          *txn.add_success()->mutable_request_delete_range() = delete_request(key);
          log.erase(key, sub++);
        } else {
          const std::string value(random.below(4), 'v');
          *txn.add_success()->mutable_request_put() = put_request(key, value);
          log.put(key, value, sub++);
        }
      }
      if (sub == 0)
        --log.revision;
      else
        store.apply(txn);
      ASSERT_EQ(store.view()->revision(), log.revision);
      if (random.chance(1, 12)) {
        const auto at = static_cast<std::int64_t>(1 + random.below(static_cast<std::uint64_t>(log.revision)));
        if (store.compact(at).code == Code::ok) compacted = at;
      }
      const auto view = store.view();
      ASSERT_EQ(measured(*view, 0, 3), log.hash(log.revision, compacted)) << seed;
      const std::int64_t low = std::max<std::int64_t>(compacted, 1);
      const auto some =
          low + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(log.revision - low) + 1));
      ASSERT_EQ(measured(*view, some), log.hash(some, compacted)) << seed << " at " << some;
    }
    Harness again(loaded(saved(*store.view())));
    EXPECT_EQ(measured(*again.view(), 0), measured(*store.view(), 0));
  }
}

// What etcd 3.4 said to the same requests.
TEST(HashKv, IsOfAllThatIsThereWhereNoKeyIs) {
  Harness store;
  store.put("a", "1");
  store.put("b", "1");
  store.compact(3);
  store.erase("a");
  store.erase("b");
  EXPECT_EQ(measured(*store.view(), 0, 3), 1785112597U);
  store.put("c", "1");
  EXPECT_EQ(measured(*store.view(), 0, 3), 2417842824U);
}

TEST(HashKv, OfARevisionThatIsNotThereIsRefused) {
  Harness store;
  for (int i = 0; i < 5; ++i) store.put("k", "v");
  store.compact(3);
  const auto reason = [&](std::int64_t revision) { return store.view()->hash_kv(revision).outcome.reason; };
  EXPECT_EQ(reason(2), Reason::compacted);
  EXPECT_EQ(reason(7), Reason::future_revision);
  EXPECT_EQ(reason(3), Reason::unnamed);
  EXPECT_EQ(measured(*store.view(), -1), crc32c(0, "key"));
}

}  // namespace
}  // namespace cairn::mvcc
