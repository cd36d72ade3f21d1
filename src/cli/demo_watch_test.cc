#include "cli/demo_watch.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "cli/fit.h"

namespace cairn::cli {
namespace {

using std::chrono::milliseconds;
using Lines = std::vector<std::string>;

client::Status says(const std::string& name, const std::string& role, std::uint64_t term) {
  client::Status status;
  status.name = name;
  status.role = role;
  status.term = term;
  return status;
}

struct Watched : testing::Test {
  DemoWatch watch{says("n1", "leader", 2)};
  DemoWatch::Clock::time_point now{};

  Lines look(const std::vector<DemoWatch::Look>& members) {
    now += milliseconds(500);
    return watch.look(now, members);
  }
  static DemoWatch::Look answers(const client::Status& status) { return {status.name, 11, status}; }
  static DemoWatch::Look silent(const std::string& name) { return {name, 11, std::nullopt}; }
  static DemoWatch::Look ended(const std::string& name) { return {name, 0, std::nullopt}; }
};

TEST_F(Watched, NothingIsSaidWhileNothingChanges) {
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(look({answers(says("n1", "leader", 2)), answers(says("n2", "follower", 2))}), Lines{});
  EXPECT_FALSE(watch.leaderless());
}

TEST_F(Watched, AHangingLeaderItsSuccessorAndItsReturn) {
  look({answers(says("n1", "leader", 2)), answers(says("n2", "follower", 2))});
  EXPECT_EQ(look({silent("n1"), answers(says("n2", "follower", 2))}), Lines{}) << "once is bad luck";
  EXPECT_TRUE(watch.leaderless());
  EXPECT_EQ(
      look({silent("n1"), answers(says("n2", "candidate", 3))}),
      Lines{"!!  n1, the leader, does not answer; if it is stopped, this lets it go on: kill -CONT 11"});
  EXPECT_EQ(look({silent("n1"), answers(says("n2", "leader", 3))}),
            Lines{"ok  new leader: n2, term 3, after 1.00 s"});
  EXPECT_EQ(look({silent("n1"), answers(says("n2", "leader", 3))}), Lines{}) << "said once";
  // It comes back and believes for a moment that it still leads.
  EXPECT_EQ(look({answers(says("n1", "leader", 2)), answers(says("n2", "leader", 3))}),
            Lines{"ok  n1 answers again, after 2.50 s"});
  EXPECT_EQ(watch.leader().name, "n2");
}

TEST_F(Watched, ASuccessorProvesThatTheLeaderHangs) {
  EXPECT_EQ(look({silent("n1"), answers(says("n2", "leader", 3))}),
            (Lines{"!!  n1, the leader, does not answer; if it is stopped, this lets it go on: kill -CONT 11",
                   "ok  new leader: n2, term 3, after 0.00 s"}));
}

TEST_F(Watched, AMemberThatEndedIsNotSaidToHang) {
  for (int i = 0; i < 4; ++i) EXPECT_EQ(look({ended("n1"), answers(says("n2", "follower", 2))}), Lines{});
  EXPECT_TRUE(watch.leaderless());
  EXPECT_EQ(look({answers(says("n1", "follower", 2)), answers(says("n2", "follower", 2))}), Lines{});
  EXPECT_EQ(look({answers(says("n1", "leader", 4)), answers(says("n2", "follower", 4))}),
            Lines{"ok  new leader: n1, term 4, after 2.50 s"});
}

TEST(Fit, WordsWrapAndCommandsGoOn) {
  EXPECT_EQ(fit("one two three", 80, 4), "one two three");
  EXPECT_EQ(fit("one two three", 11, 4), "one two\n    three");
  EXPECT_EQ(fit("curl -X PUT url", 14, 2, " \\"), "curl -X \\\n  PUT url");
  EXPECT_EQ(fit("averylongword x", 5, 2), "averylongword\n  x");
}

}  // namespace
}  // namespace cairn::cli
