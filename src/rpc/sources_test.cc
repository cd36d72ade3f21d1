#include "rpc/sources.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/address.hpp>

namespace cairn::rpc {
namespace {

std::string source(const char* address) { return source_of(boost::asio::ip::make_address(address)); }

TEST(Sources, OneAddressIsOneHoweverItIsWritten) {
  EXPECT_EQ(source("10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(source("::ffff:10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(source("::1"), "::/64");
  EXPECT_EQ(source("2001:db8::1:2:3:4"), source("2001:db8::ffff:0:0:1")) << "a host has 2^64 of them";
  EXPECT_NE(source("2001:db8::1"), source("2001:db8:0:1::1"));
}

TEST(Sources, EachHasItsOwnLimit) {
  Sources sources(2);
  EXPECT_TRUE(sources.enter("a"));
  EXPECT_TRUE(sources.enter("a"));
  EXPECT_FALSE(sources.enter("a"));
  EXPECT_TRUE(sources.enter("b"));
  sources.leave("a");
  EXPECT_TRUE(sources.enter("a"));
}

}  // namespace
}  // namespace cairn::rpc
