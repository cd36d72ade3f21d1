#include "server/removal.h"

#include <gtest/gtest.h>

namespace cairn::server {
namespace {

using raft::NodeId;
using std::chrono::seconds;

constexpr NodeId kSelf{1};

raft::Members voters(std::vector<NodeId> ids) {
  raft::Members members;
  members.voters = std::move(ids);
  return members;
}
raft::Configuration at(std::uint64_t index, raft::Members members) {
  raft::Configuration configuration;
  configuration.at = {raft::Term(1), raft::Index(index)};
  configuration.members = std::move(members);
  return configuration;
}

const raft::Members kFour = voters({NodeId{1}, NodeId{2}, NodeId{3}, NodeId{4}});
const raft::Members kThree = voters({NodeId{1}, NodeId{2}, NodeId{3}});
const raft::Members kOthers = voters({NodeId{2}, NodeId{3}, NodeId{4}});

struct RemovalTest : testing::Test {
  Removal removal{kSelf, {.certain_after = seconds(5), .certain_when_unheard = seconds(300)}};
};

TEST_F(RemovalTest, MoreThanHalfOfTheOthersHaveToSayItForAWhile) {
  removal.told(NodeId{2}, Time(seconds(0)));
  EXPECT_FALSE(removal.is_certain(kFour, Time(seconds(100))));
  removal.told(NodeId{3}, Time(seconds(100)));
  EXPECT_FALSE(removal.is_certain(kFour, Time(seconds(104))));
  removal.told(NodeId{3}, Time(seconds(104)));  // once more: what counts is since when
  EXPECT_TRUE(removal.is_certain(kFour, Time(seconds(105))));
}

// A joiner that was called by a member which did not know yet that its earlier self was removed.
TEST_F(RemovalTest, WhoKnowsNobodyIsToldByAnybodyWhileNobodyHearsIt) {
  removal.configured({at(0, voters({}))}, Time(seconds(0)));
  removal.told(NodeId{2}, Time(seconds(10)));
  EXPECT_FALSE(removal.is_certain(voters({}), Time(seconds(309))));
  EXPECT_TRUE(removal.is_certain(voters({}), Time(seconds(310))));
  removal.heard(NodeId{3});
  EXPECT_FALSE(removal.is_certain(voters({}), Time(seconds(1000))));
}

TEST_F(RemovalTest, WhoHearsThisMemberDoesNotSayItAnyMore) {
  removal.told(NodeId{2}, Time(seconds(0)));
  removal.told(NodeId{3}, Time(seconds(0)));
  removal.heard(NodeId{3});
  EXPECT_FALSE(removal.is_certain(kFour, Time(seconds(100))));
}

// Two of the three others were removed, too, and are not there any more.
TEST_F(RemovalTest, OneIsEnoughOfWhomNobodyIsLeftThatHearsThisMember) {
  removal.configured({at(1, kFour)}, Time(seconds(0)));
  removal.told(NodeId{2}, Time(seconds(10)));
  removal.unheard(NodeId{3}, Time(seconds(20)));  // it was not heard before either
  EXPECT_FALSE(removal.is_certain(kFour, Time(seconds(309))));
  EXPECT_TRUE(removal.is_certain(kFour, Time(seconds(310))));
  removal.heard(NodeId{3});
  EXPECT_FALSE(removal.is_certain(kFour, Time(seconds(1000))));
  removal.heard(NodeId{4});
  removal.unheard(NodeId{3}, Time(seconds(1000)));
  EXPECT_FALSE(removal.is_certain(kFour, Time(seconds(1300))));
  removal.unheard(NodeId{4}, Time(seconds(1300)));
  EXPECT_FALSE(removal.is_certain(kFour, Time(seconds(1599))));
  EXPECT_TRUE(removal.is_certain(kFour, Time(seconds(1600))));
}

TEST_F(RemovalTest, WhoIsNoMemberAnyMoreHearsNobody) {
  removal.configured({at(1, kFour)}, Time(seconds(0)));
  removal.heard(NodeId{4});
  removal.configured({at(2, kThree)}, Time(seconds(10)));
  removal.told(NodeId{2}, Time(seconds(10)));
  EXPECT_FALSE(removal.is_certain(kThree, Time(seconds(309))));
  EXPECT_TRUE(removal.is_certain(kThree, Time(seconds(310))));
}

TEST_F(RemovalTest, ThatNobodyHearsThisMemberIsNotEnough) {
  removal.configured({at(1, kFour)}, Time(seconds(0)));
  removal.told(NodeId{9}, Time(seconds(0)));  // no voter
  EXPECT_FALSE(removal.is_certain(kFour, Time(seconds(1000))));
}

TEST_F(RemovalTest, StrangersLearnersAndThisMemberItselfDoNotCount) {
  raft::Members members = kFour;
  members.learners = {NodeId{8}};
  for (const std::uint64_t id : {1, 8, 9}) removal.told(NodeId{id}, Time(seconds(0)));
  EXPECT_FALSE(removal.is_certain(members, Time(seconds(100))));
  EXPECT_FALSE(removal.is_certain(voters({kSelf}), Time(seconds(100))));
}

TEST_F(RemovalTest, TheOwnLogSaysItOnceItIsCommitted) {
  removal.configured({at(1, kFour)}, Time(seconds(0)));
  removal.configured({at(1, kFour), at(2, kOthers)}, Time(seconds(1)));
  EXPECT_FALSE(removal.is_certain(kOthers, Time(seconds(100))));
  removal.configured({at(2, kOthers)}, Time(seconds(100)));
  EXPECT_FALSE(removal.is_certain(kOthers, Time(seconds(104))));
  removal.configured({at(2, kOthers), at(3, kOthers)}, Time(seconds(104)));
  EXPECT_TRUE(removal.is_certain(kOthers, Time(seconds(105))));
}

TEST_F(RemovalTest, WhoIsOnlyAboutToJoinIsNotRemoved) {
  removal.configured({at(0, {})}, Time(seconds(0)));
  removal.configured({at(1, kOthers)}, Time(seconds(0)));                // from before its time
  removal.configured({at(1, kOthers), at(2, kFour)}, Time(seconds(0)));  // which is replaced
  removal.configured({at(1, kOthers)}, Time(seconds(1)));
  EXPECT_FALSE(removal.is_certain(kOthers, Time(seconds(100))));
}

}  // namespace
}  // namespace cairn::server
