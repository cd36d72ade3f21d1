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

TEST(Met, OfWhatAnotherHasMetTheLaterStartsAreNews) {
  std::vector<Met> all{met(2, 20, 5), met(3, 30, 5)};
  EXPECT_FALSE(learn_met(&all, {met(2, 20, 5), met(3, 30, 4)}, {}));
  EXPECT_TRUE(learn_met(&all, {met(3, 30, 6), met(4, 40, 1)}, {}));
  EXPECT_EQ(all, (std::vector<Met>{met(2, 20, 5), met(3, 30, 6), met(4, 40, 1)}));
}

TEST(Met, WhatAnotherHasMetStandsInItsOrderAndElseBeforeWhatIsKnown) {
  std::vector<Met> all{met(3, 30, 1), met(2, 22, 1)};
  EXPECT_TRUE(learn_met(&all, {met(2, 20, 1), met(2, 22, 1), met(2, 24, 1), met(3, 30, 1)}, {}));
  EXPECT_EQ(all, (std::vector<Met>{met(3, 30, 1), met(2, 20, 1), met(2, 22, 1), met(2, 24, 1)}));
  EXPECT_TRUE(learn_met(&all, {met(3, 31, 1)}, {}));
  EXPECT_TRUE(is_over(all, NodeId{3}, Incarnation{31})) << "who tells it may not have met the later one";
}

TEST(Met, WhatAnotherHasMetKeepsToTheLimits) {
  const MetLimits limits{.incarnations_max = 2, .total_max = 3};
  std::vector<Met> all{met(2, 20, 1), met(2, 21, 1)};
  EXPECT_FALSE(learn_met(&all, {met(2, 19, 1)}, limits)) << "the first would go first";
  EXPECT_TRUE(learn_met(&all, {met(2, 21, 1), met(2, 22, 1)}, limits));
  EXPECT_EQ(all, (std::vector<Met>{met(2, 21, 1), met(2, 22, 1)}));
  EXPECT_TRUE(learn_met(&all, {met(3, 30, 1), met(4, 40, 1)}, limits));
  EXPECT_EQ(all, (std::vector<Met>{met(2, 22, 1), met(3, 30, 1), met(4, 40, 1)}))
      << "what is over goes first";
}

}  // namespace
}  // namespace cairn::raft
