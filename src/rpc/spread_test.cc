// Several servers behind one port. Their loops, which are threads elsewhere, take turns here.
#include <array>

#include "rpc/rpc_fixture.h"

namespace cairn::rpc {
namespace {

struct Spread {
  explicit Spread(Limits limits = {}) {
    for (auto& part : parts) part = std::make_unique<Part>(limits);
    parts[0]->server.spread_over({&parts[0]->server, &parts[1]->server});
    const auto listening = parts[0]->server.listen("127.0.0.1", 0);
    EXPECT_TRUE(listening.has_value());
    port = listening.value_or(0);
  }
  // Closes the connections before any of the loops goes.
  ~Spread() {
    for (auto& part : parts) part->server.close();
    turn();
  }

  void turn() {
    for (auto& part : parts) {
      part->io.restart();
      part->io.poll();
    }
  }
  bool until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + kTestPatience;
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      turn();
    }
    return true;
  }
  std::unique_ptr<RawClient> connect() {
    auto client = std::make_unique<RawClient>(client_io, port);
    client->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    return client;
  }
  bool answered(RawClient& client) {
    return until([&] { return client.pump() && client.received().find("GET / ") != std::string::npos; });
  }
  std::unique_ptr<RawClient> served() {
    auto client = connect();
    EXPECT_TRUE(answered(*client));
    return client;
  }
  std::array<std::size_t, 2> connections() const {
    return {parts[0]->server.connections(), parts[1]->server.connections()};
  }

  struct Part {
    explicit Part(Limits limits) : server(io, limits, handler) {}
    boost::asio::io_context io;
    EchoHandler handler;
    Server server;
  };
  boost::asio::io_context client_io;
  std::array<std::unique_ptr<Part>, 2> parts;
  std::uint16_t port = 0;
};

using Counts = std::array<std::size_t, 2>;

TEST(SpreadServers, AConnectionGoesWhereFewestAre) {
  Spread spread;
  std::array<std::unique_ptr<RawClient>, 4> clients;
  for (auto& client : clients) client = spread.served();
  EXPECT_EQ(spread.connections(), (Counts{2, 2}));
  EXPECT_EQ(spread.parts[0]->handler.http_calls, 2);
  EXPECT_EQ(spread.parts[1]->handler.http_calls, 2);
  // Both of one server go: the next two take their places, however the turns fell before.
  clients[1].reset();
  clients[3].reset();
  ASSERT_TRUE(spread.until([&] { return spread.connections() == Counts{2, 0}; }));
  spread.turn();
  // One accept may have chosen its place already.
  clients[1] = spread.served();
  clients[3] = spread.served();
  const auto extra = spread.served();
  EXPECT_EQ(spread.connections()[0] + spread.connections()[1], 5u);
  EXPECT_LE(spread.connections()[0], 3u);
}

TEST(SpreadServers, TheLimitOfConnectionsHoldsForAllTogether) {
  Limits limits;
  limits.connections_max = 2;
  Spread spread(limits);
  auto first = spread.served();
  const auto second = spread.served();
  EXPECT_EQ(spread.connections(), (Counts{1, 1}));
  const auto third = spread.connect();
  for (int i = 0; i < 10; ++i) {
    third->pump();
    spread.turn();
  }
  EXPECT_EQ(spread.connections(), (Counts{1, 1}));
  EXPECT_EQ(third->received(), "");
  first.reset();
  EXPECT_TRUE(spread.answered(*third));
}

TEST(SpreadServers, ADrainedServerTakesNoMoreConnections) {
  Spread spread;
  const auto first = spread.served();
  spread.parts[1]->server.drain();
  const auto second = spread.connect();  // meant for the drained one
  EXPECT_TRUE(spread.until([&] { return second->pump() && second->closed(); }));
  EXPECT_EQ(spread.connections(), (Counts{1, 0}));
}

TEST(SpreadServers, OneAddressHasNoMoreThanItsShare) {
  Limits limits;
  limits.connections_per_source_max = 3;
  Spread spread(limits);
  std::string told;
  spread.parts[0]->server.on_crowding([&](const std::string& source) { told = source; });
  std::array<std::unique_ptr<RawClient>, 3> clients;
  for (auto& client : clients) client = spread.served();
  auto more = spread.connect();
  EXPECT_TRUE(spread.until([&] { return more->pump() && more->closed(); }));
  EXPECT_EQ(more->received(), "");
  EXPECT_EQ(told, "127.0.0.1");
  clients[1].reset();
  ASSERT_TRUE(spread.until([&] { return spread.connections() == Counts{2, 0}; }));
  spread.turn();
  clients[1] = spread.served();
}

}  // namespace
}  // namespace cairn::rpc
