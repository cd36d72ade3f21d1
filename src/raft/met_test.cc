#include "raft/met.h"

#include <gtest/gtest.h>

namespace cairn::raft {
namespace {

Met met(std::uint64_t id, std::uint64_t incarnation, std::uint64_t start) {
  return {NodeId{id}, Incarnation{incarnation}, start};
}

TEST(Met, OnlyNewsAreNews) {
  std::vector<Met> all;
  EXPECT_TRUE(note_met(&all, met(2, 20, 1), {}));
  EXPECT_FALSE(note_met(&all, met(2, 20, 1), {}));
  EXPECT_TRUE(note_met(&all, met(2, 20, 2), {}));
  EXPECT_TRUE(note_met(&all, met(2, 21, 1), {}));
  EXPECT_EQ(all, (std::vector<Met>{met(2, 20, 2), met(2, 21, 1)}));
  EXPECT_EQ(find_met(all, NodeId{2}, Incarnation{20})->start, 2U);
  EXPECT_EQ(find_met(all, NodeId{3}, Incarnation{20}), nullptr);
}

TEST(Met, TheFirstIncarnationOfAMemberIsDroppedForItsNext) {
  std::vector<Met> all;
  const MetLimits limits{.incarnations_max = 2, .total_max = 100};
  for (std::uint64_t incarnation = 1; incarnation <= 5; ++incarnation) {
    note_met(&all, met(2, incarnation, 9), limits);
    note_met(&all, met(3, incarnation, 9), limits);
  }
  EXPECT_EQ(all, (std::vector<Met>{met(2, 4, 9), met(3, 4, 9), met(2, 5, 9), met(3, 5, 9)}));
}

TEST(Met, AnIncarnationIsOverOnceAnotherWasMetAfterIt) {
  const std::vector<Met> all{met(2, 20, 1), met(3, 30, 1), met(2, 21, 1)};
  EXPECT_TRUE(is_over(all, NodeId{2}, Incarnation{20}));
  EXPECT_FALSE(is_over(all, NodeId{2}, Incarnation{21}));
  EXPECT_FALSE(is_over(all, NodeId{2}, Incarnation{22}));  // never met: it may be the next
  EXPECT_FALSE(is_over(all, NodeId{3}, Incarnation{30}));
}

TEST(Met, NoMoreAreKeptThanInAll) {
  std::vector<Met> all;
  const MetLimits limits{.incarnations_max = 2, .total_max = 3};
  for (std::uint64_t id = 2; id <= 9; ++id) note_met(&all, met(id, 1, 1), limits);
  EXPECT_EQ(all, (std::vector<Met>{met(7, 1, 1), met(8, 1, 1), met(9, 1, 1)}));
  all = {met(7, 1, 1), met(8, 1, 1), met(8, 2, 1)};  // what is over goes first
  note_met(&all, met(9, 1, 1), limits);
  EXPECT_EQ(all, (std::vector<Met>{met(7, 1, 1), met(8, 2, 1), met(9, 1, 1)}));
}

}  // namespace
}  // namespace cairn::raft
