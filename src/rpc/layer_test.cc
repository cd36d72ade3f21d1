// Both protocols through a layer, as TLS is one, on one port; and clients of whom the server wants nothing.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <thread>

#include "rpc/client.h"
#include "rpc/rpc_fixture.h"
#include "tls/pki_fixture.h"

namespace cairn::rpc {
namespace {

struct LayerTest : testing::Test {
  LayerTest() : pki() {
    tls::Options shown = pki.of("server");
    shown.trusted_ca_file.clear();
    port = *fixture.server.listen("127.0.0.1", 0, tls::layer_of(tls::Role::server, shown));
    shown = pki.of("server");
    shown.demands_certificate = true;
    demanding_port = *fixture.server.listen("127.0.0.1", 0, tls::layer_of(tls::Role::server, shown));
    believes.trusted_ca_file = pki.path("ca.crt");
  }
  GrpcClient::Options grpc_options() const {
    GrpcClient::Options options;
    options.layer = tls::layer_of(tls::Role::client, believes, "\x02h2");
    return options;
  }
  HttpClient::Options http_options() const {
    HttpClient::Options options;
    options.layer = tls::layer_of(tls::Role::client, believes, "\x08http/1.1");
    return options;
  }

  tls::PkiFiles pki;
  tls::Options believes;
  ServerFixture fixture;
  std::uint16_t port = 0, demanding_port = 0;
};

// The client blocks, so the server has a thread of its own.
struct LayerOnAThread : LayerTest {
  ~LayerOnAThread() override {
    fixture.io.stop();
    thread.join();
  }
  std::thread thread{[this] { fixture.io.run(); }};
};

TEST_F(LayerTest, GrpcIsSpokenThroughIt) {
  for (const char* const host : {"127.0.0.1", "localhost"}) {
    GrpcClient client(fixture.io, host, port, grpc_options());
    const GrpcResult result = call_and_wait(fixture.io, client, "/test.Echo/Unary", "hello");
    EXPECT_EQ(result.code, Code::ok) << result.status_message;
    EXPECT_EQ(result.message, "hello");
  }
}

TEST_F(LayerTest, AGrpcClientLearnsWhyItIsRefused) {
  GrpcClient client(fixture.io, "127.0.0.1", demanding_port, grpc_options());
  const GrpcResult result = call_and_wait(fixture.io, client, "/test.Echo/Unary", "hello");
  EXPECT_EQ(result.code, Code::unavailable);
  EXPECT_NE(result.status_message.find("it demands a certificate"), std::string::npos)
      << result.status_message;
}

TEST_F(LayerTest, AGrpcCallKnowsTheNameInTheCertificate) {
  std::vector<std::string> names;
  fixture.handler.observe = [&names](GrpcCall& call) { names.emplace_back(call.common_name()); };
  believes = pki.of("client");
  for (const std::uint16_t at : {port, demanding_port}) {
    GrpcClient client(fixture.io, "127.0.0.1", at, grpc_options());
    EXPECT_EQ(call_and_wait(fixture.io, client, "/test.Echo/Unary", "hello").code, Code::ok);
  }
  EXPECT_EQ(names, std::vector<std::string>({"", "client"})) << "who was not asked has proved nothing";
}

TEST_F(LayerTest, HowLongAHandshakeMayTakeIsTheLayers) {
  EchoHandler handler;
  Limits limits;
  limits.preface_timeout = std::chrono::milliseconds(1);
  Server server(fixture.io, limits, handler);
  tls::Options shown = pki.of("server");
  const auto secure = *server.listen("127.0.0.1", 0, tls::layer_of(tls::Role::server, shown));
  const auto plain = *server.listen("127.0.0.1", 0);
  using Tcp = boost::asio::ip::tcp;
  Tcp::socket first(fixture.io), second(fixture.io);
  first.connect({boost::asio::ip::address_v4::loopback(), secure});
  ASSERT_TRUE(run_until(fixture.io, [&] { return server.connections() == 1; }));
  second.connect({boost::asio::ip::address_v4::loopback(), plain});
  ASSERT_TRUE(run_until(fixture.io, [&] { return server.connections() == 2; }));
  ASSERT_TRUE(run_until(fixture.io, [&] { return server.connections() == 1; })) << "that of plaintext ends";
  char byte = 0;
  boost::system::error_code ended;
  second.read_some(boost::asio::buffer(&byte, 1), ended);
  EXPECT_TRUE(ended);
}

TEST_F(LayerOnAThread, Http1IsSpokenThroughIt) {
  HttpClient client("localhost", port, http_options());
  for (int i = 0; i < 3; ++i) {
    const auto reply = client.request({"PUT", "/k", {}, std::string(100'000, 'v')});
    ASSERT_TRUE(reply) << reply.error.message;
    EXPECT_EQ(reply.response->body.size(), 100'007u);
  }
}

TEST_F(LayerOnAThread, AnHttpCallKnowsTheNameInTheCertificate) {
  believes = pki.of("client");
  HttpClient known("localhost", demanding_port, http_options());
  const auto reply = known.request({"GET", "/name", {}, ""});
  ASSERT_TRUE(reply) << reply.error.message;
  EXPECT_EQ(reply.response->body, "client");
}

TEST_F(LayerOnAThread, AnHttpClientLearnsWhyNothingWasSent) {
  HttpClient refused("localhost", demanding_port, http_options());
  const auto reply = refused.request({"PUT", "/k", {}, "v"});
  ASSERT_FALSE(reply);
  EXPECT_TRUE(reply.error.nothing_sent());
  EXPECT_NE(reply.error.message.find("it demands a certificate"), std::string::npos) << reply.error.message;

  HttpClient plain("localhost", fixture.port, http_options());
  const auto spoken = plain.request({"PUT", "/k", {}, "v"});
  ASSERT_FALSE(spoken);
  EXPECT_TRUE(spoken.error.nothing_sent());
  EXPECT_NE(spoken.error.message.find("it speaks plaintext"), std::string::npos) << spoken.error.message;
}

}  // namespace
}  // namespace cairn::rpc
