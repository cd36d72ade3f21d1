// A core of a few members without a cluster around it: how a test of one step begins.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "raft/core.h"
#include "raft/state.h"

namespace cairn::raft::testing {

inline constexpr Time kStart{std::chrono::seconds(1)};

inline SnapshotMeta first_start(std::vector<std::uint64_t> voters) {
  SnapshotMeta meta;
  for (const std::uint64_t id : voters) meta.members.voters.push_back(NodeId{id});
  return meta;
}

// Member 1 of three leads term 1, by the vote of `voter`; its first entry is not written yet. Returns when.
inline Time elect(Core* core, std::initializer_list<NodeId> voters, Output* out) {
  const Time asks = core->deadline();
  const auto granted = [&](bool pre) {
    for (const NodeId voter : voters)
      core->step(asks, Received{Message{voter, NodeId{1}, Term{1}, VoteReply{pre, true}}}, out);
  };
  core->step(asks, Tick{}, out);
  granted(true);
  core->step(asks, Flush{}, out);
  core->step(asks, Persisted{out->write.back().seq}, out);
  granted(false);
  EXPECT_TRUE(is_leader(core->state()));
  return asks;
}
inline Time elect(Core* core, NodeId voter, Output* out) { return elect(core, {voter}, out); }

}  // namespace cairn::raft::testing
