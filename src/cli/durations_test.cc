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

TEST(Times, AreOfRfc3339OrSoLongAgo) {
  using std::chrono::system_clock;
  const auto now = system_clock::from_time_t(1'000'000);
  const auto seconds = [&](const char* text) -> std::int64_t {
    const auto time = time_of(text, now);
    return time ? std::chrono::duration_cast<std::chrono::milliseconds>(time->time_since_epoch()).count()
                : -1;
  };
  EXPECT_EQ(seconds("10m"), 999'400'000);
  EXPECT_EQ(seconds("1970-01-02T00:00:00Z"), 86'400'000);
  EXPECT_EQ(seconds("1970-01-02T00:00:00.25Z"), 86'400'250);
  EXPECT_EQ(seconds("1970-01-02T01:30:00+01:30"), 86'400'000);
  EXPECT_EQ(seconds("1970-01-01T23:00:00-01:00"), 86'400'000);
  for (const char* const none :
       {"", "yesterday", "1970-01-02", "1970-01-02T00:00:00", "1970-01-02T00:00:00.Z",
        "1970-01-02T00:00:00+1:30", "1970-01-02T00:00:00+24:00", "1970-13-02T00:00:00Z",
        "1970-01-02T00:00:00Z "})
    EXPECT_EQ(seconds(none), -1) << none;
}

}  // namespace
}  // namespace cairn::cli
