#include "client/endpoint.h"

#include <gtest/gtest.h>

namespace cairn::client {
namespace {

TEST(Endpoint, HasHostAndPort) {
  const auto named = parse_endpoint("http://localhost:2379");
  ASSERT_TRUE(named.has_value());
  EXPECT_EQ(named->host, "localhost");
  EXPECT_EQ(named->port, 2379);
  const auto six = parse_endpoint("http://[::1]:65535");
  ASSERT_TRUE(six.has_value());
  EXPECT_EQ(six->host, "::1");
  EXPECT_EQ(six->port, 65535);
  EXPECT_FALSE(six->secure);
  const auto secure = parse_endpoint("https://a:1");
  ASSERT_TRUE(secure.has_value());
  EXPECT_TRUE(secure->secure);
  EXPECT_EQ(secure->host, "a");
}

TEST(Endpoint, AnythingElseIsRefused) {
  for (const char* text : {"", "localhost:2379", "ftp://a:1", "http://a", "http://:1", "http://a:0",
                           "http://a:65536", "http://a:1x", "http://a:", "http://a/b:1", "http://a b:1"})
    EXPECT_FALSE(parse_endpoint(text).has_value()) << text;
}

}  // namespace
}  // namespace cairn::client
