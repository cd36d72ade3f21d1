#include "node/waiting.h"

#include <gtest/gtest.h>

namespace cairn::node {
namespace {

using raft::NodeId;
using raft::Standing;
using raft::Wait;
using Voters = std::vector<raft::Waits::Voter>;

Waiting waiting(Wait what, Voters others, std::size_t lacking = 0) {
  Waiting all;
  all.waits = {.what = what, .for_long = true, .lacking = lacking, .others = std::move(others)};
  all.name_of = [](NodeId id) { return "n" + std::to_string(id.v); };
  return all;
}

const Voters kOneAwayOneForgotten = {{NodeId{1}, Standing::silent}, {NodeId{2}, Standing::forgotten}};

TEST(Waiting, ForNobodyIsNotWorthAWord) { EXPECT_EQ(in_words(waiting(Wait::none, {})), ""); }

TEST(Waiting, NamesWhoIsAwayAndWhoAnswersAndDoesNotCountAndWhatToDo) {
  EXPECT_EQ(
      in_words(waiting(Wait::voters, kOneAwayOneForgotten, 1)),
      "waits for n1, without whom there are too few for a leader: n1 does not answer; n2 answers, but is "
      "new or has forgotten, and counts for nothing until a leader takes it in: start n1");
}

TEST(Waiting, OfOneThatHasForgottenItselfSaysSo) {
  Waiting mine = waiting(Wait::voters, {{NodeId{1}, Standing::silent}, {NodeId{3}, Standing::counts}}, 1);
  mine.full = false;
  mine.waits.had_earlier_life = true;
  EXPECT_EQ(
      in_words(mine),
      "waits for n1, without whom there are too few for a leader: this member has forgotten what it may "
      "have promised, and counts for nothing until a leader takes it in; n1 does not answer; n3 answers "
      "and counts: start n1");
}

TEST(Waiting, NotAllWhoAreAwayNeedToComeBack) {
  const Voters four = {{NodeId{1}, Standing::silent},
                       {NodeId{2}, Standing::silent},
                       {NodeId{3}, Standing::silent},
                       {NodeId{4}, Standing::counts}};
  const std::string text = in_words(waiting(Wait::voters, four, 1));
  EXPECT_NE(text.find("waits for 1 of n1, n2 and n3, without whom"), std::string::npos) << text;
  EXPECT_NE(text.find("n1, n2 and n3 do not answer; n4 answers and counts: start n1, n2 or n3"),
            std::string::npos)
      << text;
}

TEST(Waiting, WhoIsRefusedIsNotToldThatTheOthersAreSilent) {
  Waiting refused = waiting(Wait::founders, {{NodeId{1}, Standing::silent}, {NodeId{2}, Standing::silent}});
  refused.refused_by = {NodeId{1}, NodeId{2}};
  const std::string text = in_words(refused);
  EXPECT_EQ(text.find("waits to be heard: n1 and n2 refuse this member: if this member was removed"), 0U)
      << text;
  EXPECT_NE(text.find("cairn member add"), std::string::npos) << text;
  EXPECT_NE(text.find("--initial-cluster-state existing"), std::string::npos) << text;

  refused.waits.what = Wait::voters;
  refused.refused_by = {NodeId{2}};
  const std::string mixed = in_words(refused);
  EXPECT_EQ(mixed.find("waits to be heard: n1 does not answer; n2 refuses this member: start n1, and if"), 0U)
      << mixed;
}

// What it refused a moment ago is not what it is now.
TEST(Waiting, WhoAnswersMeanwhileRefusesNoMore) {
  Waiting answered = waiting(Wait::election, {{NodeId{1}, Standing::counts}});
  answered.refused_by = {NodeId{1}};
  EXPECT_EQ(in_words(answered), "waits for an election: n1 answers and counts");
}

TEST(Waiting, WhereAMajorityHasForgottenNobodyIsToldThatAStartIsEnough) {
  const Voters others = {{NodeId{1}, Standing::forgotten}, {NodeId{2}, Standing::forgotten}};
  const std::string text = in_words(waiting(Wait::those_who_know, others, 1));
  EXPECT_NE(text.find("n1 and n2 answer, but are new or have forgotten"), std::string::npos) << text;
  EXPECT_NE(text.find("put it back"), std::string::npos) << text;
  EXPECT_EQ(text.find("start n"), std::string::npos) << text;
}

// An empty directory tells nobody whether there was something in it.
TEST(Waiting, AFirstStartIsNoLossAndMayStillBeOne) {
  Waiting mine = waiting(Wait::founders, kOneAwayOneForgotten);
  mine.full = false;
  EXPECT_EQ(
      in_words(mine),
      "waits for n1 to form the cluster, which takes all of its initial members; or, if it has been formed "
      "already, for its leader to take this member in");
  mine.by_majority = true;
  EXPECT_NE(in_words(mine).find("takes a majority of its initial members"), std::string::npos);
  mine.waits.what = Wait::first_entry;
  EXPECT_EQ(in_words(mine).find("forgotten"), std::string::npos);
}

TEST(Waiting, WhoCannotFoundTheClusterIsNamedWithTheRemedy) {
  Waiting mine =
      waiting(Wait::founders, {{NodeId{1}, Standing::cannot_found}, {NodeId{2}, Standing::silent}});
  mine.full = false;
  EXPECT_EQ(in_words(mine),
            "waits to form the cluster, or to be taken in by its leader if it has been formed already: n2 "
            "does not answer; n1 answers, but was a member before and has forgotten: if it has not, stop n1, "
            "move the data directory away, and start with an empty one");
}

TEST(Waiting, OthersOfAnotherFoundingAreNotToldToBeStarted) {
  const Waiting mine = waiting(
      Wait::own_founding, {{NodeId{1}, Standing::other_founding}, {NodeId{2}, Standing::other_founding}}, 1);
  EXPECT_EQ(
      in_words(mine),
      "waits for a majority of its own founding of this cluster: n1 and n2 answer, but with data of another "
      "founding of this cluster: a data directory, this member's or theirs, is left from an earlier cluster: "
      "stop the member whose it is, and empty that directory or put back the right one");
}

TEST(Waiting, WhoIsAwayMayBeOfTheOwnFounding) {
  const Waiting mine =
      waiting(Wait::own_founding, {{NodeId{1}, Standing::silent}, {NodeId{2}, Standing::other_founding}}, 1);
  EXPECT_NE(in_words(mine).find(": start n1; a data directory, this member's or theirs"), std::string::npos);
}

TEST(Waiting, ForALeaderThatIsThereNamesIt) {
  Waiting mine = waiting(Wait::taken_in, {});
  mine.full = false;
  mine.leader = NodeId{3};
  EXPECT_NE(in_words(mine).find("waits for leader n3 to take this member in"), std::string::npos);
}

}  // namespace
}  // namespace cairn::node
