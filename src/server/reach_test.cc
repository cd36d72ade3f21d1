#include "server/reach.h"

#include <gtest/gtest.h>

#include "raft/members.h"

namespace cairn::server {
namespace {

using peer::PeerAddress;
using raft::NodeId;

constexpr NodeId kSelf{1};

void add(raft::Members* members, std::uint64_t id, const std::string& url) {
  members->voters.emplace_back(id);
  if (!url.empty())
    raft::describe(members, {NodeId{id}, about_text({id, "name", {url, "http://second:1"}, {}})});
}

raft::Position at(std::uint64_t term, std::uint64_t index) { return {raft::Term{term}, raft::Index{index}}; }

using Also = decltype(PeerAddress::also);

TEST(Reach, MembersAreWhereTheNewestConfigurationSays) {
  raft::Members older, newer;
  add(&older, 1, "http://one:1");
  add(&older, 2, "http://two:2");
  add(&older, 3, "http://three:3");
  add(&newer, 1, "http://one:10");
  add(&newer, 2, "http://two:20");
  add(&newer, 4, "");
  const Reach reach = reach_of(kSelf, {{at(1, 1), older}, {at(2, 9), newer}}, {});
  // Who would be a member again, were the newer one lost, is reached as well.
  EXPECT_EQ(reach.peers, (std::vector<PeerAddress>{{NodeId{2}, "two", 20, Also{{"second", 1}}},
                                                   {NodeId{4}, "", 0, {}},
                                                   {NodeId{3}, "three", 3, Also{{"second", 1}}}}));
  EXPECT_EQ(reach.standing.self, (PeerAddress{kSelf, "one", 10, Also{{"second", 1}}}));
  EXPECT_EQ(reach.standing.newest, at(2, 9));
  const std::map<NodeId, raft::Position> named{
      {NodeId{2}, at(2, 9)}, {NodeId{4}, at(2, 9)}, {NodeId{3}, at(1, 1)}};
  EXPECT_EQ(reach.standing.named_at, named);
}

TEST(Reach, WhoIsInNoConfigurationIntroducesItselfByNone) {
  raft::Members members;
  add(&members, 2, "http://two:2");
  add(&members, 3, "http://three:3");
  const Reach reach = reach_of(kSelf, {{at(1, 1), members}}, {});
  EXPECT_EQ(reach.peers.size(), 2u);
  EXPECT_TRUE(reach.standing.named_at.empty());
  EXPECT_EQ(reach.standing.self.port, 0);
}

TEST(Reach, WhatTheFirstStartSaidCountsWhereNoConfigurationSaysAnything) {
  raft::Members members;
  members.voters = {kSelf, NodeId{2}, NodeId{3}};
  raft::describe(&members, {NodeId{3}, "no message"});
  const Reach reach =
      reach_of(kSelf, {{at(1, 1), members}},
               {{1, "a", {"http://one:1"}}, {2, "b", {"http://two:2"}}, {3, "c", {"http://three:3"}}});
  EXPECT_EQ(reach.peers, (std::vector<PeerAddress>{{NodeId{2}, "two", 2, {}}, {NodeId{3}, "three", 3, {}}}));
  EXPECT_EQ(reach.standing.self.port, 1);
}

}  // namespace
}  // namespace cairn::server
