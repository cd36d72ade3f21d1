#include "server/once_a_minute.h"

#include <gtest/gtest.h>

namespace cairn::server {
namespace {

using namespace std::chrono_literals;

TEST(OnceAMinute, CountsWhatItHoldsBack) {
  OnceAMinute lines;
  const Time start(1h);
  EXPECT_EQ(lines.due("a", start), 1u);
  for (int i = 1; i <= 59; ++i) EXPECT_EQ(lines.due("a", start + i * 1s), std::nullopt);
  EXPECT_EQ(lines.due("b", start + 30s), 1u);
  EXPECT_EQ(lines.due("a", start + 60s), 60u);
  EXPECT_EQ(lines.due("a", start + 61s), std::nullopt);
}

TEST(OnceAMinute, ForgetsOldLinesOnlyAndKeepsItsBound) {
  for (const std::size_t lines_max : {std::size_t{1}, OnceAMinute::Limits().lines_max}) {
    OnceAMinute lines({.lines_max = lines_max, .interval = 60s});
    const Time start(1h);
    for (std::size_t i = 0; i < lines_max; ++i) EXPECT_EQ(lines.due(std::to_string(i), start), 1u);
    EXPECT_EQ(lines.due("one more", start + 59s), std::nullopt);
    EXPECT_EQ(lines.due("one more", start + 60s), 1u);
  }
}

}  // namespace
}  // namespace cairn::server
