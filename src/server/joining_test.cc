#include "server/joining.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>  // tidy-allow(heavy): a port that is free
#include <boost/asio/ip/tcp.hpp>      // tidy-allow(heavy): likewise

#include "server/config.h"

namespace cairn::server {
namespace {

std::string free_port() {
  boost::asio::io_context io;
  const boost::asio::ip::tcp::acceptor any(io, {boost::asio::ip::address_v4::loopback(), 0});
  return std::to_string(any.local_endpoint().port());
}

// Who calls is shown by the end-to-end tests of changes of members.
TEST(Joining, WhomNobodyCallsFoundsAfterAWhile) {
  const auto config =
      parse({"--listen-peer-urls=http://127.0.0.1:" + free_port(), "--initial-cluster-wait=1"}, {});
  ASSERT_TRUE(config) << config.error().message;
  const auto alone = bootstrap_from(*config);
  ASSERT_TRUE(alone);
  const auto end = await_call_before_founding(*config, *alone, nullptr);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_FALSE(end->called.has_value());
  EXPECT_FALSE(end->interrupted);
}

}  // namespace
}  // namespace cairn::server
