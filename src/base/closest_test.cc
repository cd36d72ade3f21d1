#include "base/closest.h"

#include <gtest/gtest.h>

#include <vector>

namespace cairn {
namespace {

TEST(Closest, FindsTheWordBehindASlip) {
  const std::vector<std::string> known = {"status", "put", "initial-cluster", "initial-cluster-token"};
  EXPECT_EQ(closest("stauts", known), "status");
  EXPECT_EQ(closest("pit", known), "put");
  EXPECT_EQ(closest("intial-clustre", known), "initial-cluster");
  EXPECT_EQ(closest("initial-cluster-tokens", known), "initial-cluster-token");
}

TEST(Closest, AnotherWordIsNoSlip) {
  const std::vector<std::string> known = {"status", "put", "x"};
  EXPECT_EQ(closest("y", known), "");
  EXPECT_EQ(closest("pot", {}), "");
  EXPECT_EQ(closest("members", known), "");
  EXPECT_EQ(closest(std::string(1000, 's'), known), "");
}

}  // namespace
}  // namespace cairn
