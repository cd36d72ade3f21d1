#include "peer/first_call.h"

#include "peer/peers_fixture.h"

namespace cairn::peer {
namespace {

const FirstCall::Config kConfig{.from = {{"10.0.0.1", 2380}, {"10.0.0.2", 2380}}, .connections_max = 2};

Hello believable() {
  return {.kind = ConnectionKind::messages,
          .cluster_id = kCluster,
          .from = NodeId{1},
          .to = NodeId{4},
          .introduction = Introduction{{raft::Term(2), raft::Index(9)}, "10.0.0.2", 2380}};
}

TEST(CalledBy, AHelloTellsWhoIsCalledAndOfWhichCluster) {
  const auto called = called_by(believable(), kConfig);
  ASSERT_TRUE(called) << called.error().message;
  EXPECT_EQ(called->cluster_id, kCluster);
  EXPECT_EQ(called->self, NodeId{4});
  EXPECT_EQ(called->by, NodeId{1});
}

TEST(CalledBy, WhoIsNotBelievedIsToldApart) {
  const auto why = [](const std::function<void(Hello*)>& change) {
    Hello hello = believable();
    change(&hello);
    const auto called = called_by(hello, kConfig);
    return called ? "" : called.error().message;
  };
  const auto says = [](const std::string& text, const char* what) {
    return text.find(what) != std::string::npos;
  };
  EXPECT_PRED2(says, why([](Hello* hello) { hello->version = 99; }), "run one release on all members");
  for (const auto& change : std::vector<std::function<void(Hello*)>>{
           [](Hello* hello) { hello->cluster_id = 0; }, [](Hello* hello) { hello->to = NodeId{0}; },
           [](Hello* hello) { hello->from = NodeId{0}; }, [](Hello* hello) { hello->from = hello->to; }})
    EXPECT_PRED2(says, why(change), "without the ids");
  EXPECT_PRED2(says, why([](Hello* hello) { hello->introduction.reset(); }), "does not introduce itself");
  EXPECT_PRED2(says, why([](Hello* hello) { hello->introduction->port = 1; }),
               "10.0.0.2:1: --initial-cluster does not name a member there");
  EXPECT_PRED2(says, why([](Hello* hello) { hello->introduction->host = "10.0.0.3"; }), "10.0.0.3:2380");
}

TEST(CalledBy, WhoWouldFoundIsCalledByAnybodyWhoKnowsItAsAMember) {
  FirstCall::Config config;
  config.as = {kCluster, NodeId{4}};
  Hello hello = believable();
  const auto is_believed = [&](std::uint64_t cluster, std::uint64_t to, std::uint64_t founded) {
    hello.cluster_id = cluster;
    hello.to = NodeId{to};
    hello.founded = founded;
    return called_by(hello, config).has_value();
  };
  EXPECT_TRUE(is_believed(kCluster, 4, 7));
  EXPECT_FALSE(is_believed(kCluster, 4, 0)) << "nobody has founded it";
  EXPECT_FALSE(is_believed(kCluster, 5, 7));
  EXPECT_FALSE(is_believed(kCluster + 1, 4, 7));
  hello.introduction->by = {};
  EXPECT_FALSE(is_believed(kCluster, 4, 7)) << "it has lost its log, and knows of no later member";
  hello.introduction.reset();
  EXPECT_FALSE(is_believed(kCluster, 4, 7));
}

struct FirstCallTest : testing::Test {
  asio::io_context io;
  std::vector<FirstCall::Called> called;
  std::vector<FirstCall::Refusal> refused;
  explicit FirstCallTest(FirstCall::Config with = kConfig) : config(std::move(with)) {}

  const FirstCall::Config config;
  FirstCall calls{io, config, [this](const FirstCall::Called& by) { called.push_back(by); },
                  [this](const FirstCall::Refusal& refusal) { refused.push_back(refusal); }};
  const std::uint16_t port = *calls.listen("127.0.0.1", 0);

  std::unique_ptr<tcp::socket> connect() {
    auto socket = std::make_unique<tcp::socket>(io);
    socket->connect({asio::ip::address_v4::loopback(), port});
    return socket;
  }
  // What is answered until the other side closes.
  std::string say(const std::string& bytes) {
    const auto socket = connect();
    asio::write(*socket, asio::buffer(bytes));
    return heard(*socket);
  }
  std::string heard(tcp::socket& socket) {
    std::string all(4096, 0);
    std::optional<std::size_t> size;
    asio::async_read(socket, asio::buffer(all),
                     [&size](boost::system::error_code, std::size_t count) { size = count; });
    io.restart();
    while (!size && io.run_one_for(std::chrono::seconds(10)) > 0) {
    }
    EXPECT_TRUE(size.has_value());  // it was closed
    all.resize(size.value_or(0));
    return all;
  }
};

TEST_F(FirstCallTest, TheFirstThatIsBelievedIsToldAndAskedToCallAgain) {
  std::string hello;
  put_hello(&hello, believable());
  EXPECT_NE(say(hello).find("call again"), std::string::npos);
  ASSERT_EQ(called.size(), 1u);
  EXPECT_EQ(called[0].self, NodeId{4});
  EXPECT_TRUE(refused.empty());
}

TEST_F(FirstCallTest, OthersAreRefusedAndNamedAndItGoesOnListening) {
  std::string stranger, hello;
  Hello of = believable();
  of.introduction->port = 7;
  put_hello(&stranger, of);
  EXPECT_NE(say(stranger).find("refused"), std::string::npos);
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].who, NodeId{1});
  std::string no_hello;
  put_frame(&no_hello, FrameType::heartbeat, {});
  EXPECT_NE(say(no_hello).find("refused"), std::string::npos);
  ASSERT_EQ(refused.size(), 2u);
  EXPECT_EQ(refused[1].who, NodeId{0});
  EXPECT_NE(refused[1].why.find("no hello"), std::string::npos);
  EXPECT_EQ(say("GET / HTTP/1.1\r\nHost: somebody\r\n\r\n"), "");
  EXPECT_TRUE(called.empty());
  put_hello(&hello, believable());
  say(hello);
  EXPECT_EQ(called.size(), 1u);
}

struct FoundingTest : FirstCallTest {
  static FirstCall::Config founding() {
    FirstCall::Config config;
    config.as = {kCluster, NodeId{4}};
    return config;
  }
  FoundingTest() : FirstCallTest(founding()) {}
};

// They are started one after the other, by hand: nothing is wrong, and nobody is told that something was.
TEST_F(FoundingTest, FoundersThatCallEachOtherAreLeftToCallAgain) {
  Hello of = believable();
  std::string early, later;
  put_hello(&early, of);
  EXPECT_EQ(say(early), "");
  EXPECT_TRUE(called.empty());
  EXPECT_TRUE(refused.empty());
  of.founded = 7;
  put_hello(&later, of);
  EXPECT_NE(say(later).find("call again"), std::string::npos);
  EXPECT_EQ(called.size(), 1u);
}

TEST_F(FirstCallTest, OfMoreThanTheLimitThatSayNothingTheOldestIsClosed) {
  const auto first = connect(), second = connect(), third = connect();
  EXPECT_EQ(heard(*first), "");
  std::string hello;
  put_hello(&hello, believable());
  asio::write(*third, asio::buffer(hello));  // which is still open
  EXPECT_NE(heard(*third).find("call again"), std::string::npos);
  EXPECT_EQ(called.size(), 1u);
}

TEST_F(FirstCallTest, WhatCannotBeListenedOnSaysWhy) {
  const auto taken = calls.listen("127.0.0.1", port);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Code::unavailable);
  EXPECT_NE(taken.error().message.find("the port is in use"), std::string::npos);
  const auto nowhere = calls.listen("no-such-host.invalid", 1);
  ASSERT_FALSE(nowhere);
  EXPECT_NE(nowhere.error().message.find("no such address here"), std::string::npos);
  EXPECT_TRUE(calls.listen("localhost", 0));
}

}  // namespace
}  // namespace cairn::peer
