#include "mvcc/kept_records.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

namespace cairn::mvcc {
namespace {

struct Kept {
  std::string key;
  std::int64_t revision;
  bool more;
  bool operator==(const Kept&) const = default;
};

std::vector<Kept> walk(const KvState& state) {
  std::vector<Kept> out;
  std::string key;
  KeptRecords(state.keys, state.compact_revision)
      .each([&](std::string_view begun) { key = begun; },
            [&](const Record& record, bool more) {
              out.push_back({key, record.mod_revision(), more});
            },
            [] { return false; });
  return out;
}

// One key at a time, one record after the other.
std::vector<Kept> walk_plainly(const KvState& state) {
  std::vector<Kept> out;
  for (KeyTree::Cursor cursor(state.keys, {}); cursor.get() != nullptr; cursor.next()) {
    const std::size_t first = out.size();
    for (const Record* record = cursor.get(); record != nullptr; record = record->previous) {
      const bool last = record->mod_revision() <= state.compact_revision;
      if (!last || record->live() || record->mod_revision() == state.compact_revision)
        out.push_back({std::string(record->key()), record->mod_revision(), true});
      if (last) break;
    }
    if (out.size() > first) out.back().more = false;
  }
  return out;
}

class World {
 public:
  void put(const std::string& key) {
    store_.begin_write();
    store_.put(key, std::string(300, 'v'), 0);
    store_.end_write();
  }
  void erase(const std::string& key) {
    store_.begin_write();
    store_.erase(*store_.find(key));
    store_.end_write();
  }
  // What is dropped later is not collected here: the walk must not depend on it.
  void compact(std::int64_t revision) { store_.compact(revision); }
  KvState state() const { return store_.state(); }

 private:
  Epochs epochs_;
  Store store_{&epochs_, StepLimits()};
};

std::string key_of(int number) {
  char text[8];
  std::snprintf(text, sizeof text, "%04d", number);
  return text;
}

// Lists of 1 to 1,100 records beside each other: below, at and above a window, in more keys than go side by
// side.
void fill_unevenly(World* world) {
  for (int round = 0; round < 1100; ++round) {
    for (int key = 0; key < 40; ++key) {
      constexpr int kLengths[] = {1, 2, 7, 8, 9, 255, 256, 257, 512, 513, 1100};
      if (round < kLengths[key % 11]) world->put(key_of(key));
    }
  }
}

TEST(KeptRecords, ComeInOrderHoweverLongTheLists) {
  World world;
  fill_unevenly(&world);
  const std::vector<Kept> kept = walk(world.state());
  EXPECT_EQ(kept.size(), world.state().record_count);
  EXPECT_TRUE(kept == walk_plainly(world.state()));
}

TEST(KeptRecords, EndAtTheCompactRevision) {
  for (const std::int64_t distance : {1, 500, 5000, 9000}) {
    World world;
    fill_unevenly(&world);
    world.compact(world.state().revision - distance);
    const std::vector<Kept> kept = walk(world.state());
    EXPECT_LT(kept.size(), world.state().record_count);
    EXPECT_TRUE(kept == walk_plainly(world.state())) << distance;
  }
}

TEST(KeptRecords, LeaveOutATombstoneOlderThanTheCompactRevision) {
  World world;
  for (int key = 0; key < 40; ++key) {
    // The tombstones lie on either side of a window's end.
    for (int i = 0; i < 250 + key; ++i) world.put(key_of(key));
    world.erase(key_of(key));
    for (int i = 0; i < 5 + (key % 2) * (230 + key); ++i) world.put(key_of(key));
  }
  world.put("x");
  world.erase("x");
  for (std::int64_t revision = 2; revision < world.state().revision; revision += 61) {
    world.compact(revision);
    EXPECT_TRUE(walk(world.state()) == walk_plainly(world.state())) << revision;
  }
  world.put("y");
  world.compact(world.state().revision);
  EXPECT_TRUE(walk(world.state()) == walk_plainly(world.state()));
  EXPECT_EQ(walk(world.state()).back(), (Kept{"y", world.state().revision, false}));
}

TEST(KeptRecords, StopWhenToldTo) {
  World world;
  fill_unevenly(&world);
  std::size_t visited = 0;
  KeptRecords(world.state().keys, -1)
      .each([](std::string_view) {}, [&](const Record&, bool) { ++visited; },
            [&] { return visited >= 1000; });
  EXPECT_LT(visited, 1000 + 257U);
}

TEST(KeptRecords, OfNothingAreNone) { EXPECT_TRUE(walk(World().state()).empty()); }

}  // namespace
}  // namespace cairn::mvcc
