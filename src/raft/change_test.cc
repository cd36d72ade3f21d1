// Changes of the members within one core: which configuration is in force, and what the driver is told of it.
#include <gtest/gtest.h>

#include "raft/core.h"
#include "raft/members.h"
#include "raft/state.h"
#include "raft/testing/elected.h"

namespace cairn::raft {
namespace {

using testing::elect;
using testing::first_start;
using testing::kStart;

// What is in force is what the log says, also after a rollback (thesis 4.1).
TEST(Change, OfARemovedSuffixAreForgotten) {
  Config config;
  config.id = NodeId{1};
  SnapshotMeta meta = first_start({1, 2, 3});
  meta.index = Index{5};
  meta.term = Term{1};
  Core core(config, Recovered{HardState{Term{1}, NodeId{}}, meta, {}}, kStart);
  Output out;
  const auto append = [&](std::uint64_t from, Term term, Entry entry) {
    AppendRequest request{Index{5}, Term{1}, Index{5}, 0, {std::move(entry)}};
    core.step(kStart, Received{Message{NodeId{from}, NodeId{1}, term, std::move(request)}}, &out);
  };
  const Members added = first_start({1, 2, 3, 4}).members;
  append(2, Term{1}, Entry{Term{1}, Index{6}, EntryType::members, encode(added)});
  EXPECT_EQ(core.state().log.members(), added);
  append(3, Term{2}, Entry{Term{2}, Index{6}, EntryType::noop, nullptr});
  EXPECT_EQ(core.state().log.members(), meta.members);
  EXPECT_EQ(core.state().log.members_index(), Index{5});
}

// The driver reaches whom it has to reach: also who is in a configuration that may yet be fallen back to.
TEST(Change, AreToldWheneverWhoCountsHasChanged) {
  Config config;
  config.id = NodeId{1};
  SnapshotMeta meta = first_start({1, 2, 3});
  meta.index = Index{5};
  meta.term = Term{1};
  Core core(config, Recovered{HardState{Term{1}, NodeId{}}, meta, {}}, kStart);
  const auto step = [&](Input input) {
    Output out;
    core.step(kStart, std::move(input), &out);
    return out.configurations;
  };
  const auto append = [&](std::uint64_t from, std::uint64_t term, std::uint64_t prev, std::uint64_t commit,
                          std::vector<Entry> entries) {
    AppendRequest request{Index{prev}, Term{prev == 5 ? 1 : term}, Index{commit}, 0, std::move(entries)};
    return step(Received{Message{NodeId{from}, NodeId{1}, Term{term}, std::move(request)}});
  };
  const Configuration initial{{Term{1}, Index{5}}, meta.members};
  EXPECT_EQ(step(Flush{}), std::vector{initial});  // at the start
  EXPECT_TRUE(step(Flush{}).empty());
  const Configuration lost{{Term{1}, Index{6}}, first_start({1, 2}).members};
  EXPECT_EQ(append(2, 1, 5, 5, {Entry{Term{1}, Index{6}, EntryType::members, encode(lost.members)}}),
            (std::vector{initial, lost}));
  const Configuration kept{{Term{2}, Index{6}}, first_start({1, 3, 4}).members};
  EXPECT_EQ(append(3, 2, 5, 5, {Entry{Term{2}, Index{6}, EntryType::members, encode(kept.members)}}),
            (std::vector{initial, kept}));
  EXPECT_TRUE(append(3, 2, 6, 5, {Entry{Term{2}, Index{7}, EntryType::noop, nullptr}}).empty());
  EXPECT_EQ(append(3, 2, 7, 7, {}), std::vector{kept});  // committed
  SnapshotMeta later = first_start({4, 5});
  later.index = Index{20};
  later.term = Term{2};
  EXPECT_EQ(step(Received{Message{NodeId{3}, NodeId{1}, Term{2}, SnapshotOffer{later}}}),
            (std::vector{Configuration{{Term{2}, Index{20}}, later.members}}));
}

TEST(Change, AreNotSaidMoreOfThanFits) {
  Config config;
  config.id = NodeId{1};
  config.about_bytes_max = 4;
  SnapshotMeta meta = first_start({1});
  meta.index = Index{5};
  meta.term = Term{1};
  Core core(config, Recovered{HardState{Term{1}, NodeId{}}, meta, {}}, kStart);
  Output out;
  core.step(kStart, Tick{}, &out);
  core.step(kStart, Persisted{out.write.back().seq}, &out);
  core.step(kStart, Flush{}, &out);
  core.step(kStart, Persisted{out.write.back().seq}, &out);
  core.step(kStart, ChangeMembers{7, {NodeId{1}}, {NodeId{2}}, {{NodeId{2}, "12345"}}}, &out);
  ASSERT_EQ(out.changes.refused.size(), 1U);
  EXPECT_EQ(out.changes.refused[0].reason, Refusal::invalid);
  core.step(kStart, ChangeMembers{8, {NodeId{1}}, {NodeId{2}}, {{NodeId{2}, "1234"}}}, &out);
  EXPECT_EQ(out.changes.accepted.size(), 1U);
}

// Who is to join knows nobody: it neither founds a cluster nor stands, but takes what a leader sends.
TEST(Change, WhoJoinsWaitsForALeader) {
  Config config;
  config.id = NodeId{4};
  HardState state;
  state.life = Life{Incarnation{44}, 1, false};
  Core core(config, Recovered{state, SnapshotMeta{}, {}}, kStart);
  EXPECT_FALSE(is_unformed(core.state()));
  Output out;
  const Time later = kStart + 10 * config.election_timeout;
  core.step(later, Tick{}, &out);
  EXPECT_TRUE(out.send.empty());
  VoteRequest formation;
  formation.form = true;
  formation.ballot = {{NodeId{1}, Incarnation{11}, true}, {NodeId{4}, Incarnation{44}, true}};
  const auto from_leader = [&](Body body) {
    core.step(
        later,
        Received{Message{NodeId{1}, NodeId{4}, Term{1}, std::move(body), Life{Incarnation{11}, 1, true}}},
        &out);
    core.step(later, Flush{}, &out);
    if (!out.write.empty()) core.step(later, Persisted{out.write.back().seq}, &out);
  };
  from_leader(formation);
  for (const Message& message : out.send) {
    const auto* reply = std::get_if<VoteReply>(&message.body);
    EXPECT_TRUE(reply == nullptr || !reply->granted);
  }
  Members members = first_start({1}).members;
  members.learners = {NodeId{4}};
  const Entry joins{Term{1}, Index{1}, EntryType::members, encode(members)};
  from_leader(AppendRequest{Index{}, Term{}, Index{1}, 0, {joins}});
  EXPECT_FALSE(core.state().life.full);
  record(&members, {NodeId{4}, Incarnation{44}, false, 1});
  const Entry recorded{Term{1}, Index{2}, EntryType::members, encode(members)};
  from_leader(AppendRequest{Index{1}, Term{1}, Index{2}, 0, {recorded}});
  EXPECT_FALSE(core.state().life.full) << "it knows of nobody's starts";
  const Met third{NodeId{3}, Incarnation{33}, 5};
  from_leader(StartSeen{Incarnation{44}, 1, {{NodeId{1}, Incarnation{11}, 1}, third}});
  EXPECT_TRUE(core.state().life.full);
  EXPECT_NE(find_met(core.state().met, third.id, third.incarnation), nullptr);
  EXPECT_EQ(core.state().log.last(), Index{2});
}

// The bug in single-server changes (raft-dev, July 2015).
TEST(Change, DoNotChangeBeforeAnOwnEntryIsCommitted) {
  Config config;
  config.id = NodeId{1};
  SnapshotMeta meta = first_start({1});
  meta.index = Index{5};
  meta.term = Term{1};
  Core core(config, Recovered{HardState{Term{1}, NodeId{}}, meta, {}}, kStart);
  Output out;
  core.step(kStart, Tick{}, &out);
  core.step(kStart, Persisted{out.write.back().seq}, &out);
  core.step(kStart, Flush{}, &out);
  ASSERT_TRUE(is_leader(core.state()));
  core.step(kStart, ChangeMembers{7, {NodeId{1}, NodeId{2}}, {}}, &out);
  ASSERT_EQ(out.changes.refused.size(), 1U);
  EXPECT_EQ(out.changes.refused[0].reason, Refusal::busy);
  core.step(kStart, Persisted{out.write.back().seq}, &out);
  core.step(kStart, ChangeMembers{8, {NodeId{1}, NodeId{2}}, {}}, &out);
  EXPECT_EQ(out.changes.accepted.size(), 1U);
}

}  // namespace
}  // namespace cairn::raft
