#include "base/check.h"

#include <gtest/gtest.h>

#include <csignal>

namespace cairn {
namespace {

TEST(CheckDeathTest, ABrokenInvariantStopsTheProcessAndSaysWhere) {
  const int replicas = 2;
  EXPECT_EXIT(CHECK(replicas == 3), testing::KilledBySignal(SIGABRT),
              "cairn: invariant broken at .*check_test.cc:[0-9]+: replicas == 3");
}

TEST(Check, EvaluatesItsConditionOnceInEveryBuild) {
  int evaluated = 0;
  CHECK(++evaluated == 1);
  EXPECT_EQ(evaluated, 1);
}

// One statement, so that it can stand where a statement without braces does.
TEST(Check, IsOneStatement) {
  bool other = false;
  if (true)
    CHECK(true);
  else
    other = true;
  EXPECT_FALSE(other);
}

}  // namespace
}  // namespace cairn
