// The tree alone, at sizes where nodes split, merge and are copied, against std::map.
#include "mvcc/tree.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/prng.h"

namespace cairn::mvcc {
namespace {

struct Item {
  std::string name;
  int value = 0;
  bool counts = true;
  std::string_view key() const { return name; }
  bool live() const { return counts; }
};

using Items = Tree<Item>;
using Expected = std::map<std::string, std::pair<int, bool>>;

// The items live as long as the test: it is the nodes that are judged.
class Fixture {
 public:
  void begin() { epochs.begin(++epoch); }
  void put(const std::string& key, int value, bool live) {
    tree.put(key, [&](Item*) {
      items.push_back(std::make_unique<Item>(Item{key, value, live}));
      return items.back().get();
    });
    expected[key] = {value, live};
  }
  void erase(const std::string& key) {
    ASSERT_EQ(tree.erase(key)->key(), key);
    expected.erase(key);
  }
  std::string random_key(Prng* random, std::uint64_t count) const {
    return "/registry/pods/" + std::to_string(random->below(count));
  }

  std::uint64_t epoch = 1;
  Epochs epochs;
  Items tree{&epochs};
  std::vector<std::unique_ptr<Item>> items;
  Expected expected;
};

// From `from` on, live ones alone.
void expect_equal_live(const Items::Root& root, const Expected& expected, const std::string& from) {
  auto want = expected.lower_bound(from);
  const auto to_live = [&] {
    while (want != expected.end() && !want->second.second) ++want;
  };
  Items::Cursor cursor(root, from);
  to_live();
  for (cursor.seek_live(); cursor.get() != nullptr; cursor.next_live(), ++want, to_live()) {
    ASSERT_NE(want, expected.end());
    ASSERT_EQ(cursor.get()->name, want->first);
  }
  ASSERT_EQ(want, expected.end());
}

void expect_equal(const Items::Root& root, const Expected& expected) {
  expect_equal_live(root, expected, "");
  if (!expected.empty())
    expect_equal_live(root, expected,
                      std::next(expected.begin(), static_cast<std::ptrdiff_t>(expected.size() / 2))->first);
  auto want = expected.begin();
  std::uint64_t live = 0;
  for (Items::Cursor cursor(root, {}); cursor.get() != nullptr; cursor.next(), ++want) {
    ASSERT_NE(want, expected.end());
    ASSERT_EQ(cursor.get()->name, want->first);
    ASSERT_EQ(cursor.get()->value, want->second.first);
    ASSERT_EQ(Items::find(root, want->first), cursor.get());
    ASSERT_EQ(Items::rank(root, want->first), live);
    live += want->second.second ? 1 : 0;
  }
  ASSERT_EQ(want, expected.end());
  ASSERT_EQ(root.live, live);
}

TEST(Tree, AgreesWithAMapWhileItGrowsAndShrinksAndViewsStay) {
  struct Kept {
    Epochs::Pin* pin;
    Items::Root root;
    Expected expected;
  };
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    Prng random(seed);
    Fixture fixture;
    std::vector<Kept> kept;
    for (int turn = 0; turn < 400; ++turn) {
      fixture.begin();
      const bool shrink = turn / 100 % 2 == 1;
      for (int i = 0; i < 60; ++i) {
        const std::string key = fixture.random_key(&random, 6000);
        const bool present = fixture.expected.contains(key);
        if (present && random.chance(shrink ? 9 : 2, 10)) {
          fixture.erase(key);
        } else if (!shrink || present) {
          fixture.put(key, turn, random.chance(3, 4));
        } else if (auto next = fixture.expected.lower_bound(key); next != fixture.expected.end()) {
          fixture.erase(std::string(next->first));
        }
      }
      if (random.chance(1, 5)) kept.push_back({fixture.epochs.pin(0), fixture.tree.root(), fixture.expected});
      if (kept.size() > 4) {
        const auto position = static_cast<std::ptrdiff_t>(random.below(kept.size()));
        expect_equal(kept[static_cast<std::size_t>(position)].root,
                     kept[static_cast<std::size_t>(position)].expected);
        kept[static_cast<std::size_t>(position)].pin->release();
        kept.erase(kept.begin() + position);
      }
      fixture.epochs.free_some(50);
      if (turn % 20 == 0) expect_equal(fixture.tree.root(), fixture.expected);
    }
    for (const Kept& view : kept) expect_equal(view.root, view.expected);
    fixture.begin();
    while (!fixture.expected.empty()) fixture.erase(std::string(fixture.expected.begin()->first));
    EXPECT_EQ(fixture.tree.root().node_bytes, 0u);
    EXPECT_EQ(fixture.tree.root().height, 0u);
    for (const Kept& view : kept) expect_equal(view.root, view.expected);
  }
}

TEST(Tree, KeysInOrderFillTheirNodes) {
  Fixture fixture;
  for (int i = 0; i < 20000; ++i) fixture.put(std::to_string(100000 + i), i, true);
  expect_equal(fixture.tree.root(), fixture.expected);
  EXPECT_LT(fixture.tree.root().node_bytes, 20000u * 12);
}

// Short keys, zero bytes, and crowds that differ only far behind what an inner node compares inline.
std::string crowded_key(Prng* random) {
  constexpr std::string_view kBytes{"\0ab\xff", 4};
  std::string key(random->below(4) * 7, random->chance(1, 2) ? 'x' : 'y');
  for (std::uint64_t left = random->between(1, 7); left > 0; --left) key += kBytes[random->below(4)];
  return key;
}

TEST(Tree, FindsItsWayAmongKeysThatShareLongBeginnings) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    Prng random(seed);
    Fixture fixture;
    fixture.begin();
    for (int i = 0; i < 30000; ++i) {
      const std::string key = crowded_key(&random);
      if (fixture.expected.contains(key) && random.chance(1, 3))
        fixture.erase(key);
      else
        fixture.put(key, i, true);
    }
    ASSERT_GT(fixture.tree.root().height, 2u);
    expect_equal(fixture.tree.root(), fixture.expected);
  }
}

TEST(Tree, AppendedKeysAreAsIfPutAndLeaveRoomForMore) {
  Prng random(1);
  Fixture fixture;
  fixture.begin();
  while (fixture.expected.size() < 8000) fixture.expected[crowded_key(&random)] = {7, random.chance(3, 4)};
  for (const auto& [key, item] : fixture.expected) {
    fixture.items.push_back(std::make_unique<Item>(Item{key, item.first, item.second}));
    fixture.tree.append(fixture.items.back().get());
  }
  expect_equal(fixture.tree.root(), fixture.expected);
  for (int i = 0; i < 8000; ++i) fixture.put(crowded_key(&random), i, true);
  expect_equal(fixture.tree.root(), fixture.expected);
}

// Whole nodes, of every level, in which nothing lives: at the beginning, in the middle and at the end.
TEST(Tree, WhatIsDeadIsPassedOverHoweverMuchItIs) {
  Prng random(5);
  for (const int lives_up_to : {0, 1, 5000, 9000}) {
    Fixture fixture;
    for (int i = 0; i < 20000; ++i) {
      const int place = i % 10000;
      fixture.put(std::to_string(100000 + i), i, place > 2000 && place < lives_up_to);
    }
    fixture.put("104000", 0, lives_up_to == 1);
    ASSERT_GT(fixture.tree.root().height, 2u);
    expect_equal(fixture.tree.root(), fixture.expected);
    for (int i = 0; i < 100; ++i)
      expect_equal_live(fixture.tree.root(), fixture.expected, std::to_string(99990 + random.below(20020)));
  }
}

TEST(Tree, CursorStartsAtTheFirstKeyNotBelow) {
  Fixture fixture;
  Prng random(3);
  for (int i = 0; i < 3000; ++i) fixture.put(fixture.random_key(&random, 10000), i, true);
  for (int i = 0; i < 1000; ++i) {
    const std::string from = fixture.random_key(&random, 10000);
    const auto want = fixture.expected.lower_bound(from);
    const Items::Cursor cursor(fixture.tree.root(), from);
    ASSERT_EQ(cursor.get() == nullptr, want == fixture.expected.end());
    if (cursor.get() != nullptr) {
      ASSERT_EQ(cursor.get()->name, want->first);
    }
  }
}

}  // namespace
}  // namespace cairn::mvcc
