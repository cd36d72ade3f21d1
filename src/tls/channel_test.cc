// Secure channels over real sockets on one loop, with certificates made for the test.
#include "tls/channel.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <vector>

#include "net/socket.h"  // tidy-allow(heavy): it makes them
#include "tls/issue.h"

namespace cairn::tls {
namespace {

namespace asio = boost::asio;
using std::chrono::hours;
using std::chrono::system_clock;

Order order_for(const std::string& name, std::vector<std::string> hosts = {}) {
  Order order;
  order.common_name = name;
  order.hosts = std::move(hosts);
  order.from = system_clock::now() - hours(1);
  order.until = system_clock::now() + hours(1);
  return order;
}

// A CA and what it has signed, in files.
struct Files {
  Files() : folder(std::filesystem::path(testing::TempDir()) / ("tls" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder);
    ca = *make_ca(order_for("Cairn's test CA"));
    write("ca.crt", ca.certificate_pem);
    sign("server", order_for("server", {"localhost", "127.0.0.1"}));
    sign("client", order_for("client"));
  }
  ~Files() { std::filesystem::remove_all(folder); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  std::string path(const std::string& name) const { return (folder / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
  }
  void sign(const std::string& name, const Order& order) {
    const Issued issued = *issue(ca, order);
    write(name + ".crt", issued.certificate_pem);
    write(name + ".key", issued.key_pem);
  }
  Options of(const std::string& name) const {
    Options options;
    options.certificate_file = path(name + ".crt");
    options.key_file = path(name + ".key");
    options.trusted_ca_file = path("ca.crt");
    return options;
  }

  std::filesystem::path folder;
  Issued ca;
};

struct Side final : net::Channel::User {
  std::span<char> room() override { return buffer; }
  void on_bytes(std::size_t count) override {
    received.append(buffer.data(), count);
    if (keep_reading) channel->read();
  }
  void on_written() override { ++written; }
  void on_end(const net::Channel::End& end) override { ends.push_back(end); }

  std::vector<char> buffer = std::vector<char>(1000);
  std::shared_ptr<net::Channel> channel;
  std::string received;
  bool keep_reading = true;
  int written = 0;
  std::vector<net::Channel::End> ends;
};

struct SecureTest : testing::Test {
  SecureTest() : server_options(files.of("server")), client_options(files.of("client")) {
    client_options.certificate_file = client_options.key_file = "";
  }
  void connect(const std::string& server_name = "localhost") {
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    net::Socket here(io.get_executor()), there(io.get_executor());
    here.connect(acceptor.local_endpoint());
    acceptor.accept(there);
    raw_client = net::open_channel(std::move(here));
    const auto refused = [this](const std::string& why) { refusals.push_back(why); };
    client->channel = secure(
        io, raw_client, {*Context::load(Role::client, client_options), server_name, "\x02h2", nullptr, {}});
    server->channel = secure(io, net::open_channel(std::move(there)),
                             {*Context::load(Role::server, server_options), "", "", refused, limits});
    server->channel->start(server);
    client->channel->start(client);
    server->channel->read();
    client->channel->read();
  }
  bool run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      io.restart();
      io.run_one_for(std::chrono::milliseconds(20));
    }
    return true;
  }
  void run_what_is_ready() {
    io.restart();
    io.poll();
  }
  // Both sides hear of it: why the server let nobody in.
  std::string refusal() {
    EXPECT_TRUE(run_until([&] { return !server->ends.empty() && !client->ends.empty(); }));
    return refusals.empty() ? "" : refusals[0];
  }

  Files files;
  Options server_options, client_options;
  Limits limits;
  asio::io_context io{1};
  std::shared_ptr<net::Channel> raw_client;
  std::shared_ptr<Side> server = std::make_shared<Side>(), client = std::make_shared<Side>();
  std::vector<std::string> refusals;
};

TEST_F(SecureTest, CarriesWhatIsWrittenBeforeAndAfterTheHandshake) {
  connect();
  EXPECT_FALSE(client->channel->write("early ")) << "it waits";
  EXPECT_TRUE(client->channel->stuck_since().has_value());
  ASSERT_TRUE(run_until([&] { return server->received == "early "; }));
  EXPECT_EQ(client->written, 1);
  EXPECT_FALSE(client->channel->stuck_since().has_value());
  EXPECT_TRUE(client->channel->write("late"));
  EXPECT_TRUE(server->channel->write("answer"));
  ASSERT_TRUE(run_until([&] { return server->received == "early late" && client->received == "answer"; }));
}

TEST_F(SecureTest, CarriesMuchBothWaysAtOnceWhateverThePieces) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}, std::size_t{64} << 10}) {
    limits.piece_bytes = piece;
    server = std::make_shared<Side>();
    client = std::make_shared<Side>();
    connect();
    std::string much;
    for (int i = 0; much.size() < (piece == 1 ? 10'000U : 5'000'000U); ++i) much += std::to_string(i) + ",";
    client->channel->write(much);
    server->channel->write(much);
    ASSERT_TRUE(run_until([&] { return server->received == much && client->received == much; })) << piece;
  }
}

TEST_F(SecureTest, NobodyIsGivenMoreThanWasAskedFor) {
  connect();
  server->keep_reading = false;
  client->channel->write("one");
  ASSERT_TRUE(run_until([&] { return server->received == "one"; }));
  client->channel->write("two");
  for (int i = 0; i < 10; ++i) run_what_is_ready();
  EXPECT_EQ(server->received, "one");
  server->channel->read();
  ASSERT_TRUE(run_until([&] { return server->received == "onetwo"; }));
  // Of one record, more than the room: the rest is there without another byte from the network.
  server->buffer.resize(2);
  client->channel->write("three");
  server->channel->read();
  ASSERT_TRUE(run_until([&] { return server->received == "onetwoth"; }));
  server->channel->read();
  ASSERT_TRUE(run_until([&] { return server->received == "onetwothre"; }));
}

TEST_F(SecureTest, AnEndThatIsSaidIsToldFromOneThatIsNot) {
  connect();
  client->channel->write("all");
  ASSERT_TRUE(run_until([&] { return server->received == "all"; }));
  client->channel->half_close();
  ASSERT_TRUE(run_until([&] { return !server->ends.empty(); }));
  EXPECT_TRUE(server->ends[0].orderly);

  server = std::make_shared<Side>();
  client = std::make_shared<Side>();
  connect();
  client->channel->write("part");
  ASSERT_TRUE(run_until([&] { return server->received == "part"; }));
  raw_client->close();
  ASSERT_TRUE(run_until([&] { return !server->ends.empty(); }));
  EXPECT_TRUE(server->ends[0].by_other_side);
  EXPECT_FALSE(server->ends[0].orderly) << "it may have been cut short";
}

TEST_F(SecureTest, AClientSaysWhoItIsWhereThatIsDemanded) {
  server_options.demands_certificate = true;
  connect();
  EXPECT_NE(refusal().find("peer did not return a certificate"), std::string::npos) << refusal();

  server = std::make_shared<Side>();
  client = std::make_shared<Side>();
  client_options = files.of("client");
  connect();
  client->channel->write("hello");
  EXPECT_TRUE(run_until([&] { return server->received == "hello"; }));
}

TEST_F(SecureTest, OnlyWhoIsAllowedIsLetIn) {
  client_options = files.of("client");
  server_options.demands_certificate = true;
  server_options.allowed_common_names = {"another", "client"};
  connect();
  client->channel->write("hello");
  EXPECT_TRUE(run_until([&] { return server->received == "hello"; }));
  for (const bool by_host : {false, true}) {
    server = std::make_shared<Side>();
    client = std::make_shared<Side>();
    refusals.clear();
    server_options.allowed_common_names.assign(by_host ? 0 : 1, "another");
    server_options.allowed_hostnames.assign(by_host ? 1 : 0, "client.example");
    connect();
    EXPECT_EQ(refusal(), "no TLS with it: the certificate is for nobody who is allowed here");
  }
}

TEST_F(SecureTest, WhatTheCaTookBackIsNotBelieved) {
  std::ifstream in(files.path("client.crt"));
  const std::string pem((std::istreambuf_iterator<char>(in)), {});
  files.write("revoked.crl", *revoke(files.ca, {pem}, order_for("")));
  client_options = files.of("client");
  server_options.demands_certificate = true;
  server_options.crl_file = files.path("revoked.crl");
  connect();
  EXPECT_EQ(refusal(), "no TLS with it: certificate revoked");
}

TEST_F(SecureTest, AClientBelievesNoOtherNameAndNoOtherCa) {
  connect("elsewhere");
  ASSERT_TRUE(run_until([&] { return !client->ends.empty(); }));
  EXPECT_EQ(client->ends[0].why, "no TLS with it: hostname mismatch");

  server = std::make_shared<Side>();
  client = std::make_shared<Side>();
  files.write("other.crt", make_ca(order_for("Another CA"))->certificate_pem);
  client_options.trusted_ca_file = files.path("other.crt");
  connect();
  ASSERT_TRUE(run_until([&] { return !client->ends.empty(); }));
  EXPECT_EQ(client->ends[0].why, "no TLS with it: unable to get local issuer certificate");
}

TEST_F(SecureTest, AnAddressIsANameToo) {
  connect("127.0.0.1");
  client->channel->write("hello");
  EXPECT_TRUE(run_until([&] { return server->received == "hello"; }));
}

TEST_F(SecureTest, WhoForgetsTheSIsTold) {
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  net::Socket here(io.get_executor()), there(io.get_executor());
  here.connect(acceptor.local_endpoint());
  acceptor.accept(there);
  client->channel = net::open_channel(std::move(here));
  server->channel = secure(io, net::open_channel(std::move(there)),
                           {*Context::load(Role::server, server_options), "", "", nullptr, {}});
  server->channel->start(server);
  client->channel->start(client);
  client->channel->write("GET / HTTP/1.1\r\n\r\n");
  client->channel->read();
  ASSERT_TRUE(run_until([&] { return !client->ends.empty(); }));
  EXPECT_EQ(client->received,
            "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
}

TEST_F(SecureTest, GarbageAndAnEndWithinTheHandshakeAreEnds) {
  for (const std::string_view sent :
       {"\x16\x03\x01\xff\xff garbage", "\x80garbage that is long enough", ""}) {
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    net::Socket here(io.get_executor()), there(io.get_executor());
    here.connect(acceptor.local_endpoint());
    acceptor.accept(there);
    const auto raw = std::make_shared<Side>();
    server = std::make_shared<Side>();
    raw->channel = net::open_channel(std::move(here));
    server->channel = secure(io, net::open_channel(std::move(there)),
                             {*Context::load(Role::server, server_options), "", "", nullptr, {}});
    server->channel->start(server);
    raw->channel->start(raw);
    if (!sent.empty()) raw->channel->write(sent);
    raw->channel->half_close();
    ASSERT_TRUE(run_until([&] { return !server->ends.empty(); }));
    EXPECT_TRUE(server->ends[0].why.starts_with("no TLS with it: ")) << server->ends[0].why;
    EXPECT_TRUE(server->received.empty());
  }
}

TEST_F(SecureTest, VersionsAndCiphersAreThoseThatWereChosen) {
  server_options.lowest = Version::tls1_3;
  client_options.highest = Version::tls1_2;
  connect();
  EXPECT_NE(refusal().find("unsupported protocol"), std::string::npos) << refusal();
  EXPECT_TRUE(knows_cipher_suite("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"));
  EXPECT_TRUE(knows_cipher_suite("ECDHE-ECDSA-AES256-GCM-SHA384"));
  EXPECT_TRUE(knows_cipher_suite("TLS_CHACHA20_POLY1305_SHA256"));
  EXPECT_FALSE(knows_cipher_suite("TLS_NO_SUCH_SUITE"));
}

TEST_F(SecureTest, FilesThatAreNoneAreNamed) {
  const auto why = [&](const std::function<void(Options*)>& change) {
    Options options = files.of("server");
    change(&options);
    const auto loaded = Context::load(Role::server, options);
    return loaded ? "it is taken" : loaded.error().message;
  };
  files.write("empty", "");
  EXPECT_NE(why([&](Options* o) { o->certificate_file = files.path("missing"); }).find("missing"),
            std::string::npos);
  EXPECT_NE(why([&](Options* o) { o->key_file = files.path("empty"); }).find("cannot use the key in "),
            std::string::npos);
  EXPECT_NE(why([&](Options* o) { o->key_file = files.path("client.key"); }).find("key"), std::string::npos);
  EXPECT_NE(why([&](Options* o) { o->trusted_ca_file = files.path("empty"); }).find("cannot use the CA in "),
            std::string::npos);
  EXPECT_NE(why([&](Options* o) { o->crl_file = files.path("empty"); }).find("revoked"), std::string::npos);
  EXPECT_NE(why([&](Options* o) { o->cipher_suites = {"none"}; }).find("'none'"), std::string::npos);
  EXPECT_NE(why([](Options* o) { o->certificate_file = ""; }).find("needs a certificate"), std::string::npos);
  const auto loaded = Context::load(Role::server, files.of("server"));
  ASSERT_TRUE(loaded);
  EXPECT_GT(*(*loaded)->expires(), system_clock::now());
}

TEST(Issue, RefusesWhatItCannotSign) {
  const Issued ca = *make_ca(order_for("CA"));
  EXPECT_FALSE(issue(ca, order_for("x", {"a,DNS:b"})));
  EXPECT_FALSE(issue(ca, order_for("x", {"with space"})));
  const Issued leaf = *issue(ca, order_for("x"));
  EXPECT_EQ(issue(leaf, order_for("y")).error().message, "that certificate is not one of a CA");
  EXPECT_FALSE(issue({ca.certificate_pem, leaf.key_pem}, order_for("y")));
  EXPECT_FALSE(issue({"", ""}, order_for("y")));
  EXPECT_TRUE(self_signed(order_for("z", {"::1"})));
}

}  // namespace
}  // namespace cairn::tls
