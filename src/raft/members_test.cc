// Membership changes against etcd-io/raft's recorded cases; the encoding of a configuration.
#include "raft/members.h"

#include <gtest/gtest.h>

#include "raft/testing/datadriven.h"
#include "support/hex.h"

namespace cairn::raft::testing {
namespace {

std::string text(const std::vector<NodeId>& nodes) {
  std::string out = "(";
  for (const NodeId node : nodes) out += (out.size() > 1 ? " " : "") + std::to_string(node.v);
  return out + ")";
}

std::string text(const Members& m) {
  std::string out = "voters=" + text(m.voters);
  if (!m.voters_old.empty()) out += "&&" + text(m.voters_old);
  if (!m.learners.empty()) out += " learners=" + text(m.learners);
  if (!m.learners_next.empty()) out += " learners_next=" + text(m.learners_next);
  if (m.auto_leave) out += " autoleave";
  return out;
}

std::vector<Change> changes(const Case& c) {
  std::vector<Change> list;
  for (const std::string& line : c.input) {
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      Change change;
      change.node = NodeId{std::stoull(word.substr(1))};
      change.kind = word[0] == 'v'   ? Change::Kind::voter
                    : word[0] == 'l' ? Change::Kind::learner
                    : word[0] == 'r' ? Change::Kind::remove
                                     : Change::Kind::update;
      list.push_back(change);
    }
  }
  return list;
}

TEST(Members, ChangesAgreeWithEtcd) {
  const auto files = text_files(oracle_folder("confchange"));
  if (files.empty()) GTEST_SKIP() << "skipped: no data in " << oracle_folder("confchange");
  int total = 0, same = 0;
  for (const auto& file : files) {
    Members members;
    for (const Case& c : read_cases(file)) {
      ++total;
      Changed next = ChangeError::no_voters;
      if (c.command == "simple") next = simple_change(members, changes(c));
      if (c.command == "enter-joint") {
        const auto option = c.options.find("autoleave");
        next = enter_joint(members, changes(c), option != c.options.end() && option->second[0] == "true");
      }
      if (c.command == "leave-joint") next = leave_joint(members);
      std::string got;
      if (const auto* to = std::get_if<Members>(&next)) {
        members = *to;
        got = text(members);
        const auto again = decode_members(*encode(members));
        ASSERT_TRUE(again.has_value());
        EXPECT_EQ(*again, members);
      } else {
        got = describe(std::get<ChangeError>(next));
      }
      const std::string first_line = c.expected.substr(0, c.expected.find('\n'));
      EXPECT_EQ(got, first_line) << c.where();
      same += got == first_line ? 1 : 0;
    }
  }
  std::printf("confchange %d/%d\n", same, total);
  EXPECT_EQ(total, 58);
}

Members of(std::vector<std::uint64_t> voters, std::vector<std::uint64_t> learners) {
  Members members;
  for (const auto id : voters) members.voters.push_back(NodeId{id});
  for (const auto id : learners) members.learners.push_back(NodeId{id});
  return members;
}

TEST(Members, OneVoterIsSimpleTwoAreJoint) {
  const Members from = of({1, 2, 3}, {4});
  const auto one = change_towards(from, {NodeId{1}, NodeId{2}, NodeId{3}, NodeId{4}}, {});
  EXPECT_EQ(std::get<Members>(one), of({1, 2, 3, 4}, {}));
  const auto two = std::get<Members>(change_towards(from, {NodeId{1}, NodeId{2}, NodeId{4}}, {NodeId{3}}));
  EXPECT_EQ(text(two), "voters=(1 2 4)&&(1 2 3) learners_next=(3) autoleave");
  EXPECT_EQ(std::get<Members>(leave_joint(two)), of({1, 2, 4}, {3}));
  EXPECT_EQ(std::get<ChangeError>(change_towards(from, {}, {NodeId{1}})), ChangeError::no_voters);
  EXPECT_EQ(std::get<ChangeError>(change_towards(from, {NodeId{1}}, {NodeId{1}})), ChangeError::overlap);
}

TEST(Members, WhatIsSaidOfThemGoesWithThem) {
  Members from = of({1, 2}, {3});
  for (const std::uint64_t id : {1, 2, 3}) {
    describe(&from, {NodeId{id}, "first"});
    record(&from, {NodeId{id}, Incarnation{id}, true});
  }
  const auto added = std::get<Members>(change_towards(from, {NodeId{1}, NodeId{2}}, {NodeId{3}, NodeId{4}},
                                                      {{NodeId{4}, "new"}, {NodeId{2}, "moved"}}));
  EXPECT_EQ(about(added, NodeId{4})->text, "new");
  EXPECT_EQ(about(added, NodeId{2})->text, "moved");
  EXPECT_EQ(about(added, NodeId{1})->text, "first");
  const Changed of_nobody = change_towards(from, {NodeId{1}, NodeId{2}}, {NodeId{3}}, {{NodeId{5}, "who"}});
  EXPECT_EQ(std::get<ChangeError>(of_nobody), ChangeError::stranger);

  // Who is still a voter of the old half can be reached, and told from an older copy of itself, until that
  // is left.
  const auto joint = std::get<Members>(change_towards(from, {NodeId{1}, NodeId{3}}, {}, {}));
  ASSERT_TRUE(is_joint(joint));
  EXPECT_NE(about(joint, NodeId{2}), nullptr);
  EXPECT_NE(recorded(joint, NodeId{2}), nullptr);
  const auto left = std::get<Members>(leave_joint(joint));
  EXPECT_EQ(about(left, NodeId{2}), nullptr);
  EXPECT_EQ(recorded(left, NodeId{2}), nullptr);
  EXPECT_EQ(about(left, NodeId{3})->text, "first");
  const auto removed = std::get<Members>(change_towards(from, {NodeId{1}}, {NodeId{3}}));
  EXPECT_EQ(about(removed, NodeId{2}), nullptr);
}

TEST(Members, EarlierVersionsAreRead) {
  std::string bytes = *encode(of({1, 2}, {}));
  bytes.resize(bytes.size() - 8);  // without what was founded
  bytes[0] = 3;
  EXPECT_EQ(*decode_members(bytes), of({1, 2}, {}));
  bytes.resize(bytes.size() - 4);  // nor a count of texts
  bytes[0] = 2;
  EXPECT_EQ(*decode_members(bytes), of({1, 2}, {}));
  bytes.resize(bytes.size() - 4);  // nor of incarnations
  bytes[0] = 1;
  EXPECT_EQ(*decode_members(bytes), of({1, 2}, {}));
}

TEST(Members, BytesNeverChange) {
  const Members members{.voters = {NodeId{1}, NodeId{0x0807060504030201}},
                        .voters_old = {NodeId{1}},
                        .learners = {NodeId{3}},
                        .learners_next = {NodeId{4}},
                        .auto_leave = true,
                        .incarnations = {{NodeId{1}, Incarnation{0x1112131415161718}, true, 7},
                                         {NodeId{3}, Incarnation{5}, false, 0x21222324}},
                        .about = {{NodeId{1}, "n1"}, {NodeId{3}, ""}},
                        .founded = 0x3132333435363738};
  EXPECT_EQ(test::hex_of(*encode(members)),
            "0401020000000100000000000000010203040506070801000000010000000000000001000000"
            "0300000000000000010000000400000000000000020000000100000000000000181716151413"
            "12110107000000030000000000000005000000000000000024232221"
            "020000000100000000000000020000006e3103000000000000000000000038373635343332"
            "31");
}

TEST(Members, DecodeTrustsNothing) {
  const std::string good = *encode(of({1, 2, 3}, {4}));
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(decode_members(good.substr(0, size)));
  EXPECT_FALSE(decode_members(good + "x"));
  std::string huge = good;
  huge[2] = huge[3] = huge[4] = huge[5] = '\xff';
  EXPECT_FALSE(decode_members(huge));
  EXPECT_FALSE(decode_members(*encode(of({2, 1}, {}))));
}

}  // namespace
}  // namespace cairn::raft::testing
