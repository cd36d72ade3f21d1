#include "cli/durations.h"

#include <gtest/gtest.h>

namespace cairn::cli {
namespace {

TEST(Durations, AreSecondsOrHaveAUnit) {
  using std::chrono::seconds;
  EXPECT_EQ(duration_of("90"), seconds(90));
  EXPECT_EQ(duration_of("90s"), seconds(90));
  EXPECT_EQ(duration_of("2m"), seconds(120));
  EXPECT_EQ(duration_of("1h"), seconds(3600));
  EXPECT_EQ(duration_of("7d"), seconds(604800));
  EXPECT_EQ(duration_of("9000000000"), seconds(9'000'000'000));
  for (const char* const other : {"", "s", "0", "-1", "1.5h", "1w", "1hh", " 1", "9000000001", "200000d"})
    EXPECT_FALSE(duration_of(other).has_value()) << other;
}

}  // namespace
}  // namespace cairn::cli
