#include <gtest/gtest.h>

#include <string>

#include "rpc/client.h"
#include "rpc/rpc_test_util.h"

namespace cairn::rpc {
namespace {

TEST(Grpc, AnswersAUnaryCall) {
  ServerFixture f;
  GrpcClient client(f.io, "127.0.0.1", f.port);
  const GrpcResult result = call_and_wait(f.io, client, "/test.Echo/Unary", "hello");
  EXPECT_EQ(result.code, Code::ok) << result.status_message;
  EXPECT_EQ(result.message, "hello");
}

TEST(Grpc, CarriesMessagesOfTheLargestSizeBothWays) {
  ServerFixture f;
  GrpcClient client(f.io, "127.0.0.1", f.port);
  std::string big(Limits{}.message_bytes_max, 'x');
  big[big.size() / 2] = 'y';
  const GrpcResult result = call_and_wait(f.io, client, "/test.Echo/Unary", big);
  EXPECT_EQ(result.code, Code::ok) << result.status_message;
  EXPECT_TRUE(result.message == big);
}

TEST(Grpc, SendsAnErrorWithItsMessage) {
  ServerFixture f;
  GrpcClient client(f.io, "127.0.0.1", f.port);
  const std::string text = "100% wrong: \xc3\xa9\n";
  const GrpcResult result = call_and_wait(f.io, client, "/test.Echo/Fail", text);
  EXPECT_EQ(result.code, Code::failed_precondition);
  EXPECT_EQ(result.status_message, text);
}

}  // namespace
}  // namespace cairn::rpc
