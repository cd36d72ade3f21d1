#include "base/reached.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace cairn {
namespace {

std::uint64_t times(std::string_view name) {
  for (const ReachedPoint& point : reached_points()) {
    if (point.name == name) return point.times;
  }
  ADD_FAILURE() << name << " is not listed";
  return 0;
}

void pass(bool rare) {
  REACHED("test.often");
  if (rare) REACHED("test.rare");
}
[[maybe_unused]] void nobody_calls() { REACHED("test.never"); }
void pass_elsewhere() { REACHED("test.often"); }

TEST(Reached, CountsEachPassByName) {
  const std::uint64_t before = times("test.often");
  pass(false);
  pass(false);
  pass_elsewhere();
  EXPECT_EQ(times("test.often"), before + 3);
}

TEST(Reached, ListsWhatWasNeverReachedOnceAndSorted) {
  EXPECT_EQ(times("test.never"), 0U);
  const std::vector<ReachedPoint> points = reached_points();
  const auto by_name = [](const ReachedPoint& a, const ReachedPoint& b) { return a.name < b.name; };
  EXPECT_TRUE(std::is_sorted(points.begin(), points.end(), by_name));
  EXPECT_EQ(points.size(), 3U);
}

TEST(Reached, TellsWhatOneThreadCameByFromNowOn) {
  pass(true);
  const ReachedHere here;
  EXPECT_TRUE(here.names().empty());
  std::jthread(pass, true).join();
  EXPECT_TRUE(here.names().empty());
  pass_elsewhere();
  EXPECT_EQ(here.names(), std::vector<std::string_view>{"test.often"});
}

}  // namespace
}  // namespace cairn
