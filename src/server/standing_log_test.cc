#include "server/standing_log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "observe/log.h"
#include "raft/members.h"

namespace cairn::server {
namespace {

struct StandingLogTest : testing::Test {
  StandingLogTest() {
    configure_log({.format = LogFormat::text,
                   .sink = [this](std::string_view line) { lines.emplace_back(line.substr(25)); }});
    status.id = raft::NodeId{1};
    status.followers.push_back(fresh());
    other().heard = other().current = other().full = true;
    other().incarnation = raft::Incarnation{7};
    log.look(status);
    EXPECT_TRUE(lines.empty()) << "all is well: " << lines.front();
  }
  ~StandingLogTest() override { configure_log({}); }
  static node::FollowerStatus fresh() {
    node::FollowerStatus follower;
    follower.id = raft::NodeId{2};
    follower.active = true;
    return follower;
  }
  node::FollowerStatus& other() { return status.followers.back(); }
  // The one line that this change brings; none for a second look.
  std::string look() {
    lines.clear();
    log.look(status);
    const std::string line = lines.size() == 1 ? lines[0] : std::to_string(lines.size()) + " lines";
    lines.clear();
    log.look(status);
    EXPECT_TRUE(lines.empty());
    return line;
  }

  std::vector<std::string> lines;
  node::MemberStatus status;
  StandingLog log{[](raft::NodeId) { return std::string("n2"); }};
};

void expect_starts(const std::string& line, const std::string& with) {
  EXPECT_TRUE(line.starts_with(with)) << line;
}

TEST_F(StandingLogTest, EachChangeIsSaidOnceAndItsEndToo) {
  other().active = false;
  expect_starts(look(), "warn  a member does not answer this leader;");
  other().active = true;
  expect_starts(look(), "info  a member answers this leader again member=0000000000000002 name=n2");
  other().space = raft::Space::none;
  expect_starts(look(), "warn  a member has no room on its disk member=0000000000000002 name=n2");
  other().space = raft::Space::plenty;
  expect_starts(look(), "info  a member has room on its disk again");
  other().stuck = "no room for a snapshot";
  EXPECT_NE(look().find("cannot catch up member=0000000000000002 name=n2 why=\"no room for a snapshot\""),
            std::string::npos);
  other().stuck.clear();
  expect_starts(look(), "info  a member catches up again");
}

TEST_F(StandingLogTest, WhoHasForgottenIsNamedHoweverSoonItIsTakenInAgain) {
  other().incarnation = raft::Incarnation{8};
  expect_starts(look(), "warn  a member has forgotten what it had promised, and begins a new life");
  other().full = false;
  expect_starts(look(), "warn  a member does not count");
  other().full = true;
  expect_starts(look(), "info  a member has been taken in again: it votes and counts");
}

// It may be another by now, or the same: what it says next tells.
TEST_F(StandingLogTest, OfWhoHasNotAnsweredSinceItWasLostNothingElseIsSaid) {
  other().active = other().current = other().full = false;
  expect_starts(look(), "warn  a member does not answer this leader");
  other().active = other().current = other().full = true;
  expect_starts(look(), "info  a member answers this leader again");
}

TEST_F(StandingLogTest, WhoForgotBeforeANewLeaderHeardOfItIsNamedToo) {
  StandingLog of_new_leader([](raft::NodeId) { return std::string("n2"); });
  const auto on_record = [&](std::uint64_t incarnation) {
    raft::record(&status.members, {raft::NodeId{2}, raft::Incarnation{incarnation}, false, 1});
  };
  on_record(7);
  other() = fresh();
  of_new_leader.look(status);
  EXPECT_TRUE(lines.empty());
  on_record(8);
  other().current = other().full = true;
  other().incarnation = raft::Incarnation{8};
  of_new_leader.look(status);
  ASSERT_EQ(lines.size(), 1U);
  expect_starts(lines[0], "warn  a member has forgotten what it had promised, and begins a new life");
}

TEST_F(StandingLogTest, WhatANewLeaderDoesNotKnowIsNotSaid) {
  other() = fresh();
  log.look(status);
  EXPECT_TRUE(lines.empty());
}

}  // namespace
}  // namespace cairn::server
