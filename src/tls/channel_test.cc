// Secure channels over real sockets on one loop, with certificates made for the test.
#include "tls/channel.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <fstream>
#include <functional>
#include <vector>

#include "net/socket.h"  // tidy-allow(heavy): it makes them
#include "tls/pki_fixture.h"

namespace cairn::tls {
namespace {

namespace asio = boost::asio;
using std::chrono::hours;
using std::chrono::system_clock;

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
  // A channel keeps its user for as long as it is open and something is under way.
  ~SecureTest() override {
    for (const auto& each : started) each->close();
  }
  void connect(const std::string& server_name = "localhost") {
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    net::Socket here(io.get_executor()), there(io.get_executor());
    here.connect(acceptor.local_endpoint());
    acceptor.accept(there);
    raw_client = net::open_channel(std::move(here));
    const auto ended = [this](const std::string* why) {
      why == nullptr ? static_cast<void>(++handshakes) : refusals.push_back(*why);
    };
    client->channel =
        secure(io, raw_client, {*Context::load(Role::client, client_options), server_name, "\x02h2"});
    server->channel = secure(io, net::open_channel(std::move(there)),
                             {*Context::load(Role::server, server_options), "", "", among, ended, limits});
    start(server);
    start(client);
    server->channel->read();
    client->channel->read();
  }
  void start(const std::shared_ptr<Side>& side) {
    side->channel->start(side);
    started.push_back(side->channel);
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

  PkiFiles files;
  Options server_options, client_options;
  Limits limits;
  asio::io_context io{1};
  std::shared_ptr<net::Channel> raw_client;
  std::shared_ptr<Side> server = std::make_shared<Side>(), client = std::make_shared<Side>();
  std::vector<std::shared_ptr<net::Channel>> started;
  std::shared_ptr<Handshakes> among;
  std::vector<std::string> refusals;
  int handshakes = 0;
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
  EXPECT_EQ(refusal(), "no TLS with it: it shows no certificate, which is demanded here");
  EXPECT_EQ(client->ends[0].why, "no TLS with it: it demands a certificate, and was shown none");
  EXPECT_TRUE(client->ends[0].unheard) << "in TLS 1.3, a client learns of it after its own handshake";

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
    EXPECT_EQ(refusal(), "no TLS with it: the certificate of \"client\" is for nobody who is allowed here");
  }
}

TEST_F(SecureTest, WhoHasProvedTheirNameIsKnownByIt) {
  client_options = files.of("client");
  for (const bool demanded : {true, false}) {
    server = std::make_shared<Side>();
    client = std::make_shared<Side>();
    server_options.demands_certificate = demanded;
    connect();
    EXPECT_EQ(server->channel->common_name(), "") << "before they have";
    client->channel->write("hello");
    EXPECT_TRUE(run_until([&] { return server->received == "hello"; }));
    EXPECT_EQ(server->channel->common_name(), demanded ? "client" : "");
    EXPECT_EQ(client->channel->common_name(), "") << "who is called has a host's name";
  }
  server = std::make_shared<Side>();
  client = std::make_shared<Side>();
  server_options.demands_certificate = true;
  limits.common_name_bytes_max = 5;
  connect();
  EXPECT_EQ(refusal(), "no TLS with it: the name in its certificate is longer than 5 bytes");
}

TEST_F(SecureTest, WhatTheCaTookBackIsNotBelieved) {
  std::ifstream in(files.path("client.crt"));
  const std::string pem((std::istreambuf_iterator<char>(in)), {});
  files.write("revoked.crl", *revoke(files.ca, {pem}, order_for("")));
  client_options = files.of("client");
  server_options.demands_certificate = true;
  server_options.crl_file = files.path("revoked.crl");
  connect();
  EXPECT_EQ(refusal(), "no TLS with it: the certificate of \"client\" is revoked");
}

TEST_F(SecureTest, AClientBelievesNoOtherNameAndNoOtherCa) {
  connect("elsewhere");
  ASSERT_TRUE(run_until([&] { return !client->ends.empty(); }));
  EXPECT_EQ(
      client->ends[0].why,
      "no TLS with it: its certificate is for localhost, 127.0.0.1, and not for the name it was asked by");
  EXPECT_TRUE(client->ends[0].unheard);

  server = std::make_shared<Side>();
  client = std::make_shared<Side>();
  files.write("other.crt", make_ca(order_for("Another CA"))->certificate_pem);
  client_options.trusted_ca_file = files.path("other.crt");
  connect();
  ASSERT_TRUE(run_until([&] { return !client->ends.empty(); }));
  EXPECT_EQ(client->ends[0].why,
            "no TLS with it: the certificate of \"server\" is signed by no CA that is trusted here");
}

TEST_F(SecureTest, WhoBelievesAnybodyAsksNobody) {
  client_options.trusted_ca_file.clear();
  client_options.believes_anybody = true;
  connect("elsewhere");
  client->channel->write("hello");
  EXPECT_TRUE(run_until([&] { return server->received == "hello"; }));
}

TEST_F(SecureTest, AnAddressIsANameToo) {
  connect("127.0.0.1");
  client->channel->write("hello");
  EXPECT_TRUE(run_until([&] { return server->received == "hello"; }));
}

TEST_F(SecureTest, AListThatIsOverdueStillSaysWhomItsCaTookBack) {
  Order overdue = order_for("");
  overdue.from = system_clock::now() - hours(2);
  overdue.until = system_clock::now() - hours(1);
  std::ifstream in(files.path("client.crt"));
  const std::string pem((std::istreambuf_iterator<char>(in)), {});
  files.sign("another", order_for("another"));
  files.write("revoked.crl", *revoke(files.ca, {pem}, overdue));
  server_options.demands_certificate = true;
  server_options.crl_file = files.path("revoked.crl");
  client_options = files.of("another");
  connect();
  client->channel->write("hello");
  EXPECT_TRUE(run_until([&] { return server->received == "hello"; }));

  server = std::make_shared<Side>();
  client = std::make_shared<Side>();
  client_options = files.of("client");
  connect();
  EXPECT_EQ(refusal(), "no TLS with it: the certificate of \"client\" is revoked");
}

TEST_F(SecureTest, ACertificateThatHasExpiredIsNotBelieved) {
  Order expired = order_for("late", {"localhost"});
  expired.from = system_clock::now() - hours(2);
  expired.until = system_clock::now() - hours(1);
  files.sign("late", expired);
  server_options = files.of("late");
  connect();
  ASSERT_TRUE(run_until([&] { return !client->ends.empty(); }));
  EXPECT_EQ(client->ends[0].why, "no TLS with it: the certificate of \"late\" has expired");
  EXPECT_EQ(refusal(), "no TLS with it: it refuses the certificate that it was shown: that has expired");
}

// One side as it is over TCP, the other one a server over TLS.
struct RawTest : SecureTest {
  void connect_raw() {
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    net::Socket here(io.get_executor()), there(io.get_executor());
    here.connect(acceptor.local_endpoint());
    acceptor.accept(there);
    server = std::make_shared<Side>();
    client = std::make_shared<Side>();
    client->channel = net::open_channel(std::move(here));
    const auto ended = [this](const std::string* why) {
      if (why != nullptr) refusals.push_back(*why);
    };
    server->channel = secure(io, net::open_channel(std::move(there)),
                             {*Context::load(Role::server, server_options), "", "", among, ended, limits});
    start(server);
    start(client);
  }
};

TEST_F(RawTest, WhoForgetsTheSIsTold) {
  for (const std::string_view sent :
       {"GET / HTTP/1.1\r\n\r\n", "DELETE /v1/kv/a HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}) {
    refusals.clear();
    connect_raw();
    client->channel->write(sent);
    client->channel->read();
    EXPECT_EQ(refusal(), "no TLS with it: it speaks plaintext, as of http instead of https");
    EXPECT_EQ(client->received,
              "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
  }
}

TEST_F(RawTest, AClientIsToldOfAServerThatSpeaksPlaintext) {
  connect();
  const auto plain = std::make_shared<Side>();
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  net::Socket here(io.get_executor()), there(io.get_executor());
  here.connect(acceptor.local_endpoint());
  acceptor.accept(there);
  client = std::make_shared<Side>();
  client->channel = secure(io, net::open_channel(std::move(here)),
                           {*Context::load(Role::client, client_options), "localhost", ""});
  plain->channel = net::open_channel(std::move(there));
  start(plain);
  start(client);
  plain->channel->write("HTTP/1.1 400 Bad Request\r\n\r\n");
  ASSERT_TRUE(run_until([&] { return !client->ends.empty(); }));
  EXPECT_TRUE(client->ends[0].why.starts_with("no TLS with it: it speaks plaintext")) << client->ends[0].why;
  EXPECT_TRUE(client->ends[0].unheard);
}

TEST_F(RawTest, GarbageAndAnEndWithinTheHandshakeAreEnds) {
  for (const std::string_view sent :
       {"\x16\x03\x01\xff\xff garbage", "\x80garbage that is long enough", ""}) {
    connect_raw();
    if (!sent.empty()) client->channel->write(sent);
    client->channel->half_close();
    ASSERT_TRUE(run_until([&] { return !server->ends.empty(); }));
    EXPECT_TRUE(server->ends[0].why.starts_with("no TLS with it: ")) << server->ends[0].why;
    EXPECT_TRUE(server->received.empty());
  }
}

TEST_F(RawTest, WhoStallsWithinTheHandshakeIsLeft) {
  limits.handshake_timeout = std::chrono::milliseconds(1);
  connect_raw();
  client->channel->write(std::string_view("\x16\x03", 2));
  client->channel->read();
  EXPECT_EQ(refusal(), "no TLS with it: the handshake took too long");
  EXPECT_FALSE(server->channel->ready());
}

TEST_F(RawTest, TheOldestHandshakeMakesRoom) {
  Handshakes::Limits two;
  two.under_way_max = 2;
  among = std::make_shared<Handshakes>(two);
  connect_raw();
  const auto oldest = server;
  const auto oldest_client = client;
  connect_raw();
  const auto second = server;
  EXPECT_EQ(among->under_way(), 2u);
  const auto second_client = client;
  server = std::make_shared<Side>();
  client = std::make_shared<Side>();
  connect();  // one that goes on
  EXPECT_EQ(among->under_way(), 2u);
  ASSERT_EQ(refusals.size(), 1u);
  EXPECT_EQ(refusals[0], "no TLS with it: too many handshakes are under way, and this was the oldest");
  EXPECT_FALSE(oldest->channel->open());
  ASSERT_TRUE(run_until([&] { return handshakes == 1; }));
  EXPECT_TRUE(server->channel->ready());
  EXPECT_EQ(among->under_way(), 1u) << "it has left, being through";
  second->channel->close();
  EXPECT_EQ(among->under_way(), 0u);
}

TEST_F(SecureTest, VersionsAndCiphersAreThoseThatWereChosen) {
  server_options.lowest = Version::tls1_3;
  client_options.highest = Version::tls1_2;
  connect();
  EXPECT_NE(refusal().find("no version of TLS that is allowed"), std::string::npos) << refusal();
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
