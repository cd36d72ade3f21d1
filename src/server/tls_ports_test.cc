#include "server/tls_ports.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>

#include "net/socket.h"  // tidy-allow(heavy): it makes them
#include "observe/log.h"
#include "tls/pki_fixture.h"

namespace cairn::server {
namespace {

namespace asio = boost::asio;

struct Quiet final : net::Channel::User {
  std::span<char> room() override { return buffer; }
  void on_bytes(std::size_t) override {}
  void on_written() override {}
  void on_end(const net::Channel::End& end) override { ended = end.why; }
  std::vector<char> buffer = std::vector<char>(100);
  std::shared_ptr<net::Channel> channel;
  std::string ended;
};

struct TlsPortsTest : testing::Test {
  TlsPortsTest() {
    configure_log({.level = LogLevel::info, .format = LogFormat::text, .sink = [this](std::string_view line) {
                     const std::lock_guard lock(mutex);
                     log.append(line).append("\n");
                   }});
    clients.on = true;
    clients.shown = pki.of("server");
    peers.on = true;
    peers.shown = peers.dialing = pki.of("server");
    peers.shown.demands_certificate = true;
  }
  // A channel keeps its user for as long as it is open and something is under way.
  ~TlsPortsTest() override {
    for (const auto& each : started) each->close();
    configure_log({.sink = {}});
  }

  std::unique_ptr<TlsPorts> open() {
    auto opened = TlsPorts::open(clients, peers, &metrics, limits);
    EXPECT_TRUE(opened) << opened.error().message;
    return *std::move(opened);
  }
  bool says(const std::string& words) {
    const std::lock_guard lock(mutex);
    return log.find(words) != std::string::npos;
  }
  // Two ends of a connection, each through a layer.
  void connect(const net::Layer& accepted, const net::Layer& dialed) {
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    net::Socket here(io.get_executor()), there(io.get_executor());
    here.connect(acceptor.local_endpoint());
    acceptor.accept(there);
    server = std::make_shared<Quiet>();
    client = std::make_shared<Quiet>();
    server->channel = accepted(io, net::open_channel(std::move(there)), "10.0.0.7:4711");
    client->channel = net::open_channel(std::move(here));
    if (dialed) client->channel = dialed(io, std::move(client->channel), "localhost");
    server->channel->start(server);
    client->channel->start(client);
    started.insert(started.end(), {server->channel, client->channel});
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

  tls::PkiFiles pki;
  PortTls clients, peers;
  Metrics metrics;
  TlsPorts::Limits limits;
  asio::io_context io{1};
  std::shared_ptr<Quiet> server, client;
  std::vector<std::shared_ptr<net::Channel>> started;
  std::mutex mutex;
  std::string log;
};

TEST_F(TlsPortsTest, PortsWithoutTlsHaveNoLayers) {
  clients.on = peers.on = false;
  const auto ports = open();
  EXPECT_FALSE(ports->clients() || ports->peers() || ports->dialed());
}

TEST_F(TlsPortsTest, FilesThatCannotBeUsedAreRefused) {
  peers.dialing.key_file = pki.path("none");
  const auto opened = TlsPorts::open(clients, peers, &metrics, limits);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find(pki.path("none")), std::string::npos) << opened.error().message;
}

TEST_F(TlsPortsTest, MembersMeetAndAreCounted) {
  const auto ports = open();
  connect(ports->peers(), ports->dialed());
  ASSERT_TRUE(run_until([&] { return server->channel->ready() && client->channel->ready(); }));
  const std::string shown = metrics.render();
  for (const char* const line : {"cairn_tls_handshakes_total{port=\"peer\",outcome=\"done\"} 1",
                                 "cairn_tls_handshakes_total{port=\"peer-calls\",outcome=\"done\"} 1",
                                 "cairn_tls_certificate_expiry_seconds{port=\"client\"}"})
    EXPECT_NE(shown.find(line), std::string::npos) << line << " in " << shown;
}

TEST_F(TlsPortsTest, RefusalsAreSaidOnceAMinuteForEachWhoCalls) {
  limits.logged.interval = std::chrono::hours(1);
  limits.channel.handshake_timeout = std::chrono::milliseconds(1);
  const auto ports = open();
  for (int i = 0; i < 3; ++i) {
    connect(ports->peers(), nullptr);
    ASSERT_TRUE(run_until([&] { return !server->ended.empty(); }));
  }
  EXPECT_TRUE(says("no TLS with it: the handshake took too long"));
  const std::lock_guard lock(mutex);
  EXPECT_EQ(log.find("a connection was refused"), log.rfind("a connection was refused")) << log;
  EXPECT_NE(metrics.render().find("cairn_tls_handshakes_total{port=\"peer\",outcome=\"refused\"} 3"),
            std::string::npos);
}

TEST_F(TlsPortsTest, TheOldestHandshakeOfAThreadMakesRoom) {
  limits.handshakes.under_way_max = 1;
  const auto ports = open();
  connect(ports->clients(), nullptr);
  const auto oldest = server;
  const auto kept = client;
  connect(ports->clients(), nullptr);
  EXPECT_NE(oldest->ended.find("too many handshakes"), std::string::npos) << oldest->ended;
  EXPECT_TRUE(server->channel->open());
}

TEST_F(TlsPortsTest, AThreadReadsFilesAgain) {
  limits.look_interval = std::chrono::milliseconds(1);
  const auto ports = open();
  ports->start();
  const std::string before = [&] {
    std::ifstream in(pki.path("server.crt"));
    return std::string((std::istreambuf_iterator<char>(in)), {});
  }();
  pki.write("server.crt", "nothing");
  EXPECT_TRUE(run_until([&] { return says("cannot be used: those of before stay in force"); }));
  pki.write("server.crt", before);
  EXPECT_TRUE(run_until([&] { return says("connections that begin now go by them"); }));
  connect(ports->peers(), ports->dialed());
  EXPECT_TRUE(run_until([&] { return server->channel->ready(); }));
}

TEST_F(TlsPortsTest, ACertificateThatEndsSoonIsSpokenOf) {
  limits.expiry_warned = std::chrono::hours(0);
  open();
  EXPECT_FALSE(says("a certificate ends soon"));
  limits.expiry_warned = std::chrono::hours(24);  // it is made for one
  open();
  EXPECT_TRUE(says("a certificate ends soon"));
}

}  // namespace
}  // namespace cairn::server
