// Channels over real sockets on one loop.
#include "net/channel.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <vector>

#include "net/socket.h"

namespace cairn::net {
namespace {

namespace asio = boost::asio;

struct Side final : Channel::User {
  std::span<char> room() override { return buffer; }
  void on_bytes(std::size_t count) override {
    received.append(buffer.data(), count);
    if (keep_reading) channel->read();
  }
  void on_written() override { ++written; }
  void on_end(const Channel::End& end) override { ends.push_back(end); }

  std::vector<char> buffer = std::vector<char>(1000);
  std::shared_ptr<Channel> channel;
  std::string received;
  bool keep_reading = true;
  int written = 0;
  std::vector<Channel::End> ends;
};

struct Pair : testing::Test {
  Pair() {
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    Socket here(io.get_executor()), there(io.get_executor());
    here.connect(acceptor.local_endpoint());
    acceptor.accept(there);
    give(a, std::move(here));
    give(b, std::move(there));
  }
  static void give(const std::shared_ptr<Side>& side, Socket&& socket) {
    side->channel = open_channel(std::move(socket));
    side->channel->start(side);
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

  asio::io_context io{1};
  std::shared_ptr<Side> a = std::make_shared<Side>(), b = std::make_shared<Side>();
};

TEST_F(Pair, CarriesBytesWhenAskedForThem) {
  EXPECT_TRUE(a->channel->write("one "));
  run_what_is_ready();
  EXPECT_EQ(b->received, "");
  b->channel->read();
  ASSERT_TRUE(run_until([&] { return b->received == "one "; }));
  b->keep_reading = false;
  EXPECT_TRUE(a->channel->write("two"));
  ASSERT_TRUE(run_until([&] { return b->received == "one two"; }));
  EXPECT_TRUE(a->channel->write("three"));
  run_what_is_ready();
  EXPECT_EQ(b->received, "one two") << "it has not asked again";
}

TEST_F(Pair, WhatTheOtherSideDoesNotTakeWaits) {
  const std::string much(std::size_t{32} << 20, 'x');
  EXPECT_FALSE(a->channel->write(much));
  EXPECT_TRUE(a->channel->stuck_since().has_value());
  EXPECT_EQ(a->written, 0);
  b->buffer.resize(1 << 20);
  b->channel->read();
  ASSERT_TRUE(run_until([&] { return b->received.size() == much.size(); }));
  ASSERT_TRUE(run_until([&] { return a->written == 1; }));
  EXPECT_FALSE(a->channel->stuck_since().has_value());
  EXPECT_TRUE(b->received == much);
}

TEST_F(Pair, AHalfClosedOneStillReads) {
  a->channel->read();
  b->channel->read();
  EXPECT_TRUE(a->channel->write("the last"));
  a->channel->half_close();
  ASSERT_TRUE(run_until([&] { return b->ends.size() == 1; }));
  EXPECT_EQ(b->received, "the last");
  EXPECT_TRUE(b->ends[0].by_other_side);
  EXPECT_FALSE(b->channel->open());
  EXPECT_TRUE(run_until([&] { return a->ends.size() == 1; }));
}

TEST_F(Pair, NobodyIsToldAfterClose) {
  a->channel->read();
  const std::string much(std::size_t{32} << 20, 'x');
  EXPECT_FALSE(a->channel->write(much));
  a->channel->close();
  EXPECT_FALSE(a->channel->open());
  EXPECT_FALSE(a->channel->write("more"));
  a->channel->close();
  b->channel->read();
  ASSERT_TRUE(run_until([&] { return b->ends.size() == 1; }));
  EXPECT_EQ(a->ends.size(), 0u);
  EXPECT_EQ(a->written, 0);
}

TEST_F(Pair, WhatArrivedIsReadBeforeAFailedWriteIsToldOf) {
  EXPECT_TRUE(a->channel->write("why"));
  a->channel->close();
  ASSERT_TRUE(run_until([&] { return !b->channel->write("x"); })) << "the first tells that nobody is there";
  EXPECT_EQ(b->ends.size(), 0u) << "never from inside write()";
  b->channel->read();
  ASSERT_TRUE(run_until([&] { return b->ends.size() == 1; }));
  EXPECT_EQ(b->received, "why");
  EXPECT_TRUE(b->ends[0].by_other_side);
  EXPECT_NE(b->ends[0].why, "End of file") << "the reason is that of the write";
}

TEST_F(Pair, AFailedWriteEndsAChannelThatNobodyReads) {
  a->channel->close();
  ASSERT_TRUE(run_until([&] { return !b->channel->write("x"); }));
  ASSERT_TRUE(run_until([&] { return b->ends.size() == 1; }));
}

TEST_F(Pair, LivesAsLongAsAnOperationIsUnderWay) {
  const std::weak_ptr<Side> watched = a;
  a->channel->read();
  const std::shared_ptr<Channel> channel = a->channel;
  a.reset();
  EXPECT_FALSE(watched.expired());
  channel->close();
  ASSERT_TRUE(run_until([&] { return watched.expired(); }));
}

}  // namespace
}  // namespace cairn::net
