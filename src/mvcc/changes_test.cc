// Walks over changes: what is compacted, what a walk leaves for the next, and walks while the writer goes on.
// Random histories are in model_test.cc.
#include "mvcc/changes.h"

#include <atomic>
#include <mutex>
#include <thread>

#include "base/prng.h"
#include "mvcc/harness_fixture.h"

namespace cairn::mvcc {
namespace {

// What a walk shows: "revision.sub key=value(previous value)", a delete without "=value".
std::string walk(const View& view, ChangePlace from) {
  std::string text;
  Changes changes = view.changes(from);
  for (; const Record* const record = changes.get(); changes.next()) {
    const auto [revision, sub] = changes.place();
    text += (text.empty() ? "" : " ") + std::to_string(revision) + "." + std::to_string(sub) + " " +
            std::string(record->key());
    if (record->live()) text += "=" + std::string(record->value());
    if (const Record* const previous = changes.previous()) text += "(" + std::string(previous->value()) + ")";
  }
  return text;
}

void fill(Harness* store) {
  store->put("a", "1");  // revision 2
  store->put("b", "2");
  store->put("a", "3");
  store->erase("a", "z");  // revision 5
  store->put("a", "4");
}

TEST(Changes, AreToldInOrderWithWhatWasThereBefore) {
  Harness store;
  EXPECT_EQ(walk(*store.view(), {0}), "");
  fill(&store);
  const auto view = store.view();
  EXPECT_EQ(walk(*view, {0}), "2.0 a=1 3.0 b=2 4.0 a=3(1) 5.0 a(3) 5.1 b(2) 6.0 a=4");
  EXPECT_EQ(walk(*view, {5}), "5.0 a(3) 5.1 b(2) 6.0 a=4");
  Changes changes = view->changes({4});
  EXPECT_EQ(changes.get()->create_revision(), 2);
  EXPECT_EQ(changes.get()->version(), 2);
  EXPECT_EQ(changes.get()->lease(), 0);
  changes.next();
  EXPECT_TRUE(changes.get()->tombstone());
}

TEST(Changes, GoOnInALaterViewWhereAnEarlierOneStopped) {
  Harness store;
  fill(&store);
  Changes changes = store.view()->changes({5});
  changes.next();
  const ChangePlace in_the_middle = changes.place();
  EXPECT_EQ(in_the_middle, (ChangePlace{5, 1}));
  while (changes.get() != nullptr) changes.next();
  const ChangePlace behind_the_last = changes.place();
  EXPECT_EQ(behind_the_last, (ChangePlace{7}));
  EXPECT_EQ(walk(*store.view(), behind_the_last), "");
  store.put("b", "5");
  EXPECT_EQ(walk(*store.view(), in_the_middle), "5.1 b(2) 6.0 a=4 7.0 b=5");
  EXPECT_EQ(walk(*store.view(), behind_the_last), "7.0 b=5");
  EXPECT_EQ(changes.get(), nullptr) << "a walk stays in its view";
}

TEST(Changes, FromTheFutureAreNoneYet) {
  Harness store;
  fill(&store);
  const Changes changes = store.view()->changes({100, 3});
  EXPECT_FALSE(changes.compacted());
  EXPECT_EQ(changes.get(), nullptr);
  EXPECT_EQ(changes.place(), (ChangePlace{100, 3}));
}

TEST(Changes, SayThatTheyAreCompacted) {
  Harness store;
  fill(&store);
  const auto before = store.view();
  store.compact(5);
  Harness member(loaded(saved(*store.view())));
  for (const Harness* each : {&store, &member}) {
    const Changes changes = each->view()->changes({4, 7});
    EXPECT_TRUE(changes.compacted());
    EXPECT_EQ(changes.compact_revision(), 5);
    EXPECT_EQ(changes.get(), nullptr);
    EXPECT_EQ(changes.place(), (ChangePlace{4, 7})) << "and it stays so";
    EXPECT_FALSE(each->view()->changes({5}).compacted());
    // What the compact revision deleted is known, what was there before it is not.
    EXPECT_EQ(walk(*each->view(), {5}), "5.0 a 5.1 b 6.0 a=4");
  }
  EXPECT_EQ(walk(*before, {4}), "4.0 a=3(1) 5.0 a(3) 5.1 b(2) 6.0 a=4");
}

// [nested put a, nested delete a] is allowed, and two changes. What the compact revision undid is not saved,
// so it is not told by members that still have it either.
TEST(Changes, OfTheCompactRevisionThatItUndidAreForgotten) {
  Harness store;
  store.put("a", "1");
  pb::TxnRequest txn;
  *txn.add_success()->mutable_request_txn()->add_success()->mutable_request_put() = put_request("a", "2");
  *txn.add_success()->mutable_request_txn()->add_success()->mutable_request_delete_range() =
      delete_request("a");
  ASSERT_EQ(store.apply(txn).code, Code::ok);
  EXPECT_EQ(walk(*store.view(), {3}), "3.0 a=2(1) 3.1 a(1)");
  Harness member(loaded(saved(*store.view())));
  EXPECT_EQ(walk(*member.view(), {3}), "3.0 a=2(1) 3.1 a(1)");
  for (Harness* each : {&store, &member}) {
    each->compact(3);
    EXPECT_EQ(walk(*each->view(), {3}), "3.1 a");
    EXPECT_EQ(each->view()->changes({3}).place(), (ChangePlace{3, 1}));
    Harness again(loaded(saved(*each->view())));
    EXPECT_EQ(walk(*again.view(), {3}), "3.1 a");
  }
}

TEST(Changes, OutliveTheirViewAndItsMachine) {
  auto store = std::make_unique<Harness>();
  fill(store.get());
  Changes changes = store->view()->changes({2});
  store->compact(6);
  for (int i = 0; i < 2000; ++i) store->put("a", std::to_string(i));
  store.reset();
  std::string keys;
  for (; changes.get() != nullptr; changes.next()) keys += changes.get()->key();
  EXPECT_EQ(keys, "abaaba");
}

// Follows the newest view as a watch does, from place to place.
class Follower {
 public:
  explicit Follower(std::uint64_t seed) : random_(seed) {}

  // Some steps in that view.
  void follow(const View& view) {
    Changes changes = view.changes(place_);
    if (changes.compacted()) {
      ASSERT_LT(place_.revision, changes.compact_revision());
      ASSERT_EQ(changes.compact_revision(), view.compact_revision());
      place_ = {changes.compact_revision()};
      ++compacted_;
      return;
    }
    for (std::uint64_t steps = random_.below(2000); steps > 0 && changes.get() != nullptr; --steps) {
      const Record& record = *changes.get();
      ASSERT_EQ(changes.place(), place_) << "nothing is left out";
      ASSERT_EQ(record.value(), std::to_string(record.mod_revision()) + std::string(record.key()));
      if (const Record* const previous = changes.previous()) {
        ASSERT_EQ(previous->value(), std::to_string(previous->mod_revision()) + std::string(record.key()));
        ASSERT_LT(previous->mod_revision(), record.mod_revision());
        ASSERT_EQ(previous->version() + 1, record.version());
        ++previous_;
      }
      // Every revision puts three keys.
      place_ =
          place_.sub == 2 ? ChangePlace{place_.revision + 1} : ChangePlace{place_.revision, place_.sub + 1};
      changes.next();
      ++told_;
    }
  }

  ChangePlace place() const { return place_; }
  std::uint64_t told() const { return told_; }
  std::uint64_t compacted() const { return compacted_; }
  std::uint64_t previous() const { return previous_; }

 private:
  Prng random_;
  ChangePlace place_{2};
  std::uint64_t told_ = 0, compacted_ = 0, previous_ = 0;
};

void put_three(Harness* store, std::uint64_t first) {
  pb::TxnRequest txn;
  const std::int64_t revision = store->view()->revision() + 1;
  for (std::uint64_t i = 0; i < 3; ++i) {
    const std::string key = "k" + std::to_string((first + i) % 100);
    *txn.add_success()->mutable_request_put() = put_request(key, std::to_string(revision) + key);
  }
  ASSERT_EQ(store->apply(txn).code, Code::ok);
}

// Run under ThreadSanitizer this shows that walks need no lock.
TEST(Changes, AreWalkedWhileTheWriterAppendsAndCompacts) {
  Harness store;
  std::mutex mutex;
  std::shared_ptr<const View> shared = store.view();
  std::atomic<bool> stop = false;
  std::atomic<int> eager = 0;
  std::vector<Follower> followers;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) followers.emplace_back(seed);
  const auto newest = [&] {
    const std::lock_guard lock(mutex);
    return shared;
  };
  std::vector<std::thread> threads;
  for (Follower& follower : followers) {
    threads.emplace_back([&] {
      while (!stop && !testing::Test::HasFatalFailure()) {
        const std::uint64_t compacted = follower.compacted();
        follower.follow(*newest());
        if (follower.told() > 3000 && follower.compacted() == compacted) ++eager;
      }
      // Whoever comes late finds the rest, or hears from where on.
      const auto last = newest();
      while (follower.place().revision <= last->revision() && !testing::Test::HasFatalFailure())
        follower.follow(*last);
    });
  }
  Prng random(1);
  for (int i = 0; i < 4000 || (eager < 20 && !HasFatalFailure()); ++i) {
    put_three(&store, random.below(100));
    if (random.chance(1, 300)) store.compact(store.view()->revision() - static_cast<int>(random.below(100)));
    if (i % 3 == 0) {
      const std::lock_guard lock(mutex);
      shared = store.view();
    }
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  for (const Follower& follower : followers) {
    EXPECT_EQ(follower.place(), (ChangePlace{shared->revision() + 1}));
    EXPECT_GT(follower.previous(), 0U);
  }
}

}  // namespace
}  // namespace cairn::mvcc
