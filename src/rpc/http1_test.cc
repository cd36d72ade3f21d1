#include <gtest/gtest.h>

#include <string>

#include "rpc/rpc_test_util.h"

namespace cairn::rpc {
namespace {

TEST(Http1, AnswersAGet) {
  ServerFixture f;
  RawClient client(f.io, f.port);
  client.send("GET /v1/kv/a%2Fb?x=1 HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(client.wait_for("GET /v1/kv/a%2Fb?x=1 "));
  EXPECT_TRUE(client.received().starts_with("HTTP/1.1 200 OK\r\n")) << client.received();
}

}  // namespace
}  // namespace cairn::rpc
