#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <string>
#include <thread>

#include "rpc/client.h"
#include "rpc/rpc_fixture.h"

namespace cairn::rpc {
namespace {

using namespace std::chrono_literals;
using Tcp = boost::asio::ip::tcp;

// The client blocks, so the server has a thread of its own.
struct ServerThread {
  ServerThread() : server(fixture), thread([this] { server.io.run(); }) {}
  ~ServerThread() {
    server.io.stop();
    thread.join();
  }
  ServerFixture fixture;
  ServerFixture& server;
  std::thread thread;
};

// Accepts one connection after the other and answers each with fixed bytes, then closes it.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::vector<std::string> answers)
      : acceptor_(io_, {boost::asio::ip::address_v4::loopback(), 0}),
        thread_([this, script = std::move(answers)] {
          for (const std::string& answer : script) {
            Tcp::socket socket(io_);
            boost::system::error_code ignored;
            if (acceptor_.accept(socket, ignored)) return;
            std::string request;
            boost::asio::read_until(socket, boost::asio::dynamic_buffer(request), "\r\n\r\n", ignored);
            boost::asio::write(socket, boost::asio::buffer(answer), ignored);
          }
        }) {}
  ~ScriptedServer() {
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);  // ends an accept that still waits
    thread_.join();
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  boost::asio::io_context io_;
  Tcp::acceptor acceptor_;
  std::thread thread_;
};

TEST(HttpClient, AsksAndIsAnsweredOnAKeptConnection) {
  ServerThread s;
  HttpClient client("127.0.0.1", s.fixture.port);
  for (int i = 0; i < 3; ++i) {
    const auto reply = client.request({"PUT", "/k" + std::to_string(i), {{"x-name", "v"}}, "body"});
    ASSERT_TRUE(reply) << reply.error.message;
    EXPECT_EQ(reply.response->status, 200);
    EXPECT_EQ(reply.response->body, "PUT /k" + std::to_string(i) + " body");
    EXPECT_EQ(reply.response->headers.front().first, "content-type");
  }
  const auto head = client.request({"HEAD", "/h", {}, ""});
  ASSERT_TRUE(head) << head.error.message;
  EXPECT_EQ(head.response->body, "");
  std::promise<std::size_t> connections;  // the server belongs to its own thread
  boost::asio::post(s.fixture.io, [&] { connections.set_value(s.fixture.server.connections()); });
  EXPECT_EQ(connections.get_future().get(), 1u);
}

TEST(HttpClient, ResolvesAName) {
  ServerThread s;
  HttpClient client("localhost", s.fixture.port);
  const auto reply = client.request({"GET", "/", {}, ""});
  EXPECT_TRUE(reply) << reply.error.message;
}

// The kernel takes connections for it, as many as wait, and nobody answers.
struct SilentServer {
  SilentServer() {
    acceptor.open(Tcp::v4());
    acceptor.bind({boost::asio::ip::address_v4::loopback(), 0});
    acceptor.listen(0);
  }
  std::uint16_t port() const { return acceptor.local_endpoint().port(); }
  boost::asio::io_context io;
  Tcp::acceptor acceptor{io};
};

TEST(HttpClient, WithoutAnAnswerInTimeTheOutcomeIsUnknown) {
  SilentServer server;
  HttpClient client("127.0.0.1", server.port(), {.request_timeout = 20ms});
  const auto reply = client.request({"GET", "/", {}, ""});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error.failure, HttpClient::Failure::timeout);
  EXPECT_FALSE(reply.error.nothing_sent());
}

TEST(HttpClient, WithoutAConnectionInTimeNothingWasSent) {
  SilentServer server;
  Tcp::socket waiting(server.io);
  waiting.connect({boost::asio::ip::address_v4::loopback(), server.port()});  // there is room for one
  HttpClient client("127.0.0.1", server.port(), {.connect_timeout = 20ms});
  const auto reply = client.request({"GET", "/", {}, ""});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error.failure, HttpClient::Failure::connect_timeout) << reply.error.message;
  EXPECT_TRUE(reply.error.nothing_sent());
}

TEST(HttpClient, RefusedMeansNothingWasSent) {
  std::uint16_t port = 0;
  {
    ServerFixture f;
    port = f.port;
  }
  HttpClient client("127.0.0.1", port);
  const auto reply = client.request({"PUT", "/", {}, "x"});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error.failure, HttpClient::Failure::unreachable);
  EXPECT_TRUE(reply.error.nothing_sent());
}

TEST(HttpClient, NoAnswerInTimeMeansUnknown) {
  ServerThread s;
  HttpClient client("127.0.0.1", s.fixture.port);
  const auto reply = client.request({"PUT", "/hold", {}, "x"}, 50ms);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error.failure, HttpClient::Failure::timeout);
  EXPECT_FALSE(reply.error.nothing_sent());
  const auto next = client.request({"GET", "/next", {}, ""});
  ASSERT_TRUE(next) << next.error.message;
  EXPECT_EQ(next.response->body, "GET /next ");
}

TEST(HttpClient, ClosedWithoutAnAnswerMeansUnknown) {
  ServerThread s;
  HttpClient client("127.0.0.1", s.fixture.port);
  const auto reply = client.request({"PUT", "/drop", {}, "x"});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error.failure, HttpClient::Failure::disconnected);
  EXPECT_FALSE(reply.error.nothing_sent());
}

TEST(HttpClient, ADeadKeptConnectionIsReplacedForAGetOnly) {
  const std::string kept = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1";  // says keep, but closes
  {
    ScriptedServer server({kept, kept});
    HttpClient client("127.0.0.1", server.port());
    ASSERT_TRUE(client.request({"GET", "/", {}, ""}));
    EXPECT_TRUE(client.request({"GET", "/", {}, ""}));
  }
  ScriptedServer server({kept});
  HttpClient client("127.0.0.1", server.port());
  ASSERT_TRUE(client.request({"GET", "/", {}, ""}));
  const auto put = client.request({"PUT", "/", {}, "x"});
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error.failure, HttpClient::Failure::disconnected);
}

TEST(HttpClient, AnAnswerCutShortIsNoAnswer) {
  ScriptedServer server({"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n123", "garbage\r\n\r\n"});
  HttpClient client("127.0.0.1", server.port());
  const auto cut = client.request({"GET", "/", {}, ""});
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error.failure, HttpClient::Failure::disconnected);
  const auto garbage = client.request({"GET", "/", {}, ""});
  ASSERT_FALSE(garbage);
  EXPECT_EQ(garbage.error.failure, HttpClient::Failure::bad_response);
}

TEST(HttpClient, AnAnswerOverTheLimitIsRefused) {
  ServerThread s;
  HttpClient::Options options;
  options.response_bytes_max = 100;
  HttpClient client("127.0.0.1", s.fixture.port, options);
  const auto reply = client.request({"PUT", "/", {}, std::string(200, 'x')});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error.failure, HttpClient::Failure::bad_response);
}

}  // namespace
}  // namespace cairn::rpc
