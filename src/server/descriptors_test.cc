#include "server/descriptors.h"

#include <gtest/gtest.h>

namespace cairn::server {
namespace {

TEST(Descriptors, TooFewAreRefusedWithWhatToDo) {
  const auto shares = share_out(183);
  ASSERT_FALSE(shares.has_value());
  EXPECT_EQ(shares.error().code, Code::unavailable);
  EXPECT_NE(shares.error().message.find("may open 183 files, and needs 184"), std::string::npos);
  EXPECT_NE(shares.error().message.find("ulimit -n"), std::string::npos);
}

TEST(Descriptors, WhateverThereIsTheLogAndTheMembersHaveTheirs) {
  const DescriptorLimits limits;
  for (std::size_t all = 184; all < 30000; all += 7) {
    const auto shares = share_out(all);
    ASSERT_TRUE(shares.has_value());
    EXPECT_LE(shares->clients + shares->ungreeted_peers + limits.own + limits.peers, all);
    EXPECT_GE(shares->clients, limits.clients_min);
    EXPECT_GE(shares->ungreeted_peers, limits.ungreeted_peers_min);
  }
}

TEST(Descriptors, OfManyClientsHaveAsManyAsTheirLimit) {
  const auto shares = share_out(1U << 20U);
  ASSERT_TRUE(shares.has_value());
  EXPECT_EQ(shares->clients, DescriptorLimits{}.clients_max);
  EXPECT_EQ(shares->ungreeted_peers, DescriptorLimits{}.ungreeted_peers_max);
}

}  // namespace
}  // namespace cairn::server
