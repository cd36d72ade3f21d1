// The quorum functions against etcd-io/raft's recorded cases, and against properties that need no recording.
#include "raft/quorum.h"

#include <gtest/gtest.h>

#include "raft/testing/datadriven.h"

namespace cairn::raft::testing {
namespace {

struct Quorums {
  std::vector<NodeId> voters, old;
  bool joint = false;
  std::map<NodeId, std::uint64_t> values;
  std::map<NodeId, Tally> votes;
};

std::vector<NodeId> ids(const std::vector<std::string>& words) {
  std::vector<NodeId> list;
  for (const std::string& word : words) list.push_back(NodeId{std::stoull(word)});
  std::sort(list.begin(), list.end());
  return list;
}

// Values are given in order of first mention: those of cfg, then those only in cfgj.
Quorums parse(const Case& c) {
  Quorums q;
  std::vector<NodeId> order;
  const auto mention = [&](const std::string& key) {
    const auto at = c.options.find(key);
    if (at == c.options.end() || at->second == std::vector<std::string>{"zero"}) return std::vector<NodeId>{};
    for (const std::string& word : at->second) {
      const NodeId id{std::stoull(word)};
      if (std::find(order.begin(), order.end(), id) == order.end()) order.push_back(id);
    }
    return ids(at->second);
  };
  q.voters = mention("cfg");
  q.joint = c.options.count("cfgj") != 0;
  q.old = mention("cfgj");
  const auto given = [&](const char* key) {
    const auto at = c.options.find(key);
    return at == c.options.end() ? std::vector<std::string>{} : at->second;
  };
  const auto indexes = given("idx");
  for (std::size_t i = 0; i < indexes.size() && i < order.size(); ++i) {
    if (indexes[i] != "_") q.values[order[i]] = std::stoull(indexes[i]);
  }
  const auto votes = given("votes");
  for (std::size_t i = 0; i < votes.size() && i < order.size(); ++i) {
    if (votes[i] != "_") q.votes[order[i]] = votes[i] == "y" ? Tally::won : Tally::lost;
  }
  return q;
}

std::string last_line(const std::string& text) {
  std::string last;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) last = line;
  const std::size_t remark = last.rfind('>');  // "<empty majority quorum>" in front of the value
  return remark == std::string::npos ? last : last.substr(remark + 1);
}

std::string run(const Case& c) {
  const Quorums q = parse(c);
  if (c.command == "committed") {
    const ValueOf value = [&](NodeId id) { return q.values.count(id) != 0 ? q.values.at(id) : 0; };
    const std::uint64_t reached = joint_value(q.voters, q.old, value);
    EXPECT_EQ(reached, joint_value(q.old, q.voters, value)) << c.where();                       // symmetric
    EXPECT_EQ(majority_value(q.voters, value), joint_value(q.voters, {}, value)) << c.where();  // zero joint
    EXPECT_EQ(majority_value(q.voters, value), joint_value(q.voters, q.voters, value))
        << c.where();  // self joint
    for (const NodeId id :
         q.voters) {  // lowering what lies below the result changes nothing; above, to it neither
      const ValueOf overlay = [&](NodeId other) {
        if (other != id || !q.values.count(id)) return value(other);
        return value(id) < reached ? 0 : value(id) > reached ? reached : value(id);
      };
      EXPECT_EQ(reached, joint_value(q.voters, q.old, overlay)) << c.where();
    }
    return reached == kEverything ? "∞" : std::to_string(reached);
  }
  const VoteOf vote = [&](NodeId id) { return q.votes.count(id) != 0 ? q.votes.at(id) : Tally::pending; };
  const Tally tally = joint_vote(q.voters, q.old, vote);
  EXPECT_EQ(tally, joint_vote(q.old, q.voters, vote)) << c.where();
  EXPECT_EQ(majority_vote(q.voters, vote), joint_vote(q.voters, q.voters, vote)) << c.where();
  return tally == Tally::won ? "VoteWon" : tally == Tally::lost ? "VoteLost" : "VotePending";
}

TEST(Quorum, AgreesWithEtcd) {
  const auto files = text_files(oracle_folder("quorum"));
  if (files.empty()) GTEST_SKIP() << "skipped: no data in " << oracle_folder("quorum");
  int total = 0, same = 0;
  for (const auto& file : files) {
    for (const Case& c : read_cases(file)) {
      ++total;
      const std::string got = run(c);
      EXPECT_EQ(got, last_line(c.expected)) << c.where();
      same += got == last_line(c.expected) ? 1 : 0;
    }
  }
  std::printf("quorum %d/%d\n", same, total);
  EXPECT_EQ(total, 127);
}

TEST(Quorum, JointNeedsBothHalves) {
  const auto value = [](NodeId id) { return id.v <= 3 ? std::uint64_t{10} : std::uint64_t{4}; };
  const std::vector<NodeId> low{NodeId{1}, NodeId{2}, NodeId{3}}, high{NodeId{3}, NodeId{4}, NodeId{5}};
  EXPECT_EQ(majority_value(low, value), 10U);
  EXPECT_EQ(joint_value(low, high, value), 4U);
  EXPECT_EQ(joint_value({}, {}, value), kEverything);
}

}  // namespace
}  // namespace cairn::raft::testing
