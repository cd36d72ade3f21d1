#include "cli/member_plan.h"

#include <gtest/gtest.h>

namespace cairn::cli {
namespace {

client::Member member(int number, bool learner = false) {
  const std::string name = "n" + std::to_string(number);
  return {.id = "000000000000000" + std::to_string(number),
          .name = name,
          .peer_urls = {"http://" + name + ":2380"},
          .client_urls = {},
          .learner = learner,
          .leader = false};
}

const Members kThree = {member(1), member(2), member(3)};

TEST(MemberPlan, SaysWhatIsLeftAndHowManyMayFail) {
  EXPECT_EQ(plan_of_removing(kThree, kThree[1]), "removing n2 leaves 2 members, tolerates 0 failures");
  EXPECT_EQ(plan_of_adding(kThree, "n4", false),
            "adding n4 makes 4 members, tolerates 1 failure; it votes once it has caught up");
  EXPECT_EQ(
      plan_of_adding(kThree, "n4", true),
      "adding n4 as a learner leaves 3 members, tolerates 1 failure; it does not vote before it is promoted");
  Members four = kThree;
  four.push_back(member(4, true));
  EXPECT_EQ(plan_of_removing(four, four[3]), "removing n4, a learner, leaves 3 members, tolerates 1 failure");
  EXPECT_EQ(plan_of_promoting(four, four[3]), "promoting n4 makes 4 members, tolerates 1 failure");
  EXPECT_EQ(plan_of_promoting(four, four[0]), "promoting n1 makes 3 members, tolerates 1 failure");
  EXPECT_EQ(plan_of_updating(kThree, kThree[0], {"n1", {"http://a:1", "http://b:1"}}),
            "updating n1: the others reach it at http://a:1,http://b:1 instead of http://n1:2380; leaves 3 "
            "members, "
            "tolerates 1 failure");
  EXPECT_EQ(tolerance(5), "5 members, tolerates 2 failures");
  EXPECT_EQ(tolerance(1), "1 member, tolerates 0 failures");
}

TEST(MemberPlan, OfAReplacementNamesTheStepsThatAreLeft) {
  const Machine by{"n5", {"http://n5:2380"}};
  const std::string begin = "replacing n2 by n5: ", end = "; leaves 3 members, tolerates 1 failure";
  EXPECT_EQ(
      plan_of_replacing(kThree, kThree[1], "n2", by),
      begin + "n5 joins as a learner, then it is promoted once it has caught up, then n2 is removed" + end);
  Members joined = kThree;
  joined.push_back(member(5, true));
  EXPECT_EQ(plan_of_replacing(joined, joined[1], "n2", by),
            begin + "it is promoted once it has caught up, then n2 is removed" + end);
  joined[3].learner = false;
  EXPECT_EQ(plan_of_replacing(joined, joined[1], "n2", by), begin + "n2 is removed" + end);
  joined.erase(joined.begin() + 1);
  EXPECT_EQ(plan_of_replacing(joined, std::nullopt, "n2", by), begin + "all of it is done" + end);
}

TEST(MemberPlan, FindsMembersByNameAndById) {
  EXPECT_EQ(called(kThree, "n2").size(), 1u);
  EXPECT_EQ(called(kThree, "0000000000000003").front().name, "n3");
  EXPECT_TRUE(called(kThree, "n9").empty());
  Members twins = kThree;
  twins[0].name = "n2";
  EXPECT_EQ(called(twins, "n2").size(), 2u);
  Members unnamed = {member(1), member(2)};
  unnamed[0].name = unnamed[1].name = "";
  EXPECT_TRUE(called(unnamed, "").empty());
  EXPECT_EQ(name_or_id(unnamed[0]), "0000000000000001");
}

TEST(MemberPlan, AMachineIsANameAndItsAddresses) {
  const auto machine = machine_of("n4=http://a:1,http://b:2");
  ASSERT_TRUE(machine);
  EXPECT_EQ(machine->name, "n4");
  EXPECT_EQ(machine->peer_urls, (std::vector<std::string>{"http://a:1", "http://b:2"}));
  for (const char* text :
       {"", "n4", "=http://a:1", "n4=", "n4=a:1", "n4=http://a:1,n5=http://b:1", "n,4=http://a:1"})
    EXPECT_FALSE(machine_of(text)) << text;
}

TEST(MemberPlan, TheStartLineNamesEveryMemberOnce) {
  Members members = {member(1), member(4)};
  members[0].name = "";
  const std::string line = start_line(members, {"new one", {"http://n4:2380", "http://n4:2381"}});
  EXPECT_EQ(line,
            "cairn server --name 'new one' --listen-peer-urls http://n4:2380,http://n4:2381 "
            "--initial-advertise-peer-urls http://n4:2380,http://n4:2381 --initial-cluster "
            "'0000000000000001=http://n1:2380,new one=http://n4:2380,new one=http://n4:2381' "
            "--initial-cluster-state existing");
}

}  // namespace
}  // namespace cairn::cli
