#include "observe/slow_ones.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

using std::chrono::milliseconds;

Time at(int seconds) { return Time(std::chrono::seconds(1000 + seconds)); }

TEST(SlowOnes, QuickOnesAreNotToldOf) {
  SlowOnes slow({.slow = milliseconds(100)});
  EXPECT_FALSE(slow.took(milliseconds(99), at(0)));
}

TEST(SlowOnes, TheFirstIsToldAtOnceAndLaterOnesTogether) {
  SlowOnes slow({.slow = milliseconds(100), .interval = std::chrono::seconds(60)});
  const auto what = [](const char* text) { return [text] { return std::string(text); }; };
  const auto first = slow.took(milliseconds(100), at(0), what("first"));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->times, 1U);
  EXPECT_EQ(first->what, "first");
  EXPECT_FALSE(slow.took(milliseconds(200), at(1), what("longer")));
  EXPECT_FALSE(slow.took(milliseconds(700), at(2), what("longest")));
  EXPECT_FALSE(slow.took(milliseconds(300), at(3), what("shorter")));
  const auto rest = slow.took(milliseconds(1), at(60), what("quick"));
  ASSERT_TRUE(rest) << "whatever comes next tells of them";
  EXPECT_EQ(rest->times, 3U);
  EXPECT_EQ(rest->longest, milliseconds(700));
  EXPECT_EQ(rest->what, "longest");
  EXPECT_FALSE(slow.took(milliseconds(1), at(200)));
}

}  // namespace
}  // namespace cairn
