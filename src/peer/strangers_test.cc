// Who is not believed: those who are no member, and what no member says.
#include <boost/asio/steady_timer.hpp>
#include <functional>

#include "peer/peers_fixture.h"

namespace cairn::peer {
namespace {

using StrangersTest = PeersTest;

TEST_F(StrangersTest, MessagesInAnotherMembersNameAreRefused) {
  Member a(io, 1);
  a.peers->set_peers({{NodeId(2), "127.0.0.1", 1}, {NodeId(3), "127.0.0.1", 1}});
  Stranger liar(io, a);
  liar.hello({.cluster_id = kCluster, .from = NodeId(2), .to = a.self});
  liar.message(
      {.from = NodeId(3), .to = a.self, .term = raft::Term(9), .body = raft::TimeoutNow{}, .life = kLife});
  ASSERT_TRUE(reached([&] { return liar.closed; }));
  ASSERT_EQ(a.recorder.refused.size(), 1u);
  EXPECT_EQ(a.recorder.refused[0].reason, Refused::identity);
  EXPECT_EQ(a.recorder.refused[0].who, NodeId(2));
  EXPECT_TRUE(a.recorder.messages.empty());
}

TEST_F(StrangersTest, WhoIsNoMemberIsNotHeardAndLearnsNoId) {
  Member a(io, 0xaaaa, 0xbbbb);
  Stranger before(io, a);  // set_peers() has not been called: nobody is known yet
  before.hello({.cluster_id = 0xbbbb, .from = NodeId(2), .to = a.self});
  ASSERT_TRUE(reached([&] { return before.closed; }));
  a.peers->set_peers({{NodeId(2), "127.0.0.1", 1}});
  const Hello wrong[] = {{.cluster_id = 0xbbbb, .from = NodeId(9), .to = a.self},
                         {.cluster_id = 0xbbbb, .from = NodeId(2), .to = NodeId(9)},
                         {.cluster_id = 9, .from = NodeId(2), .to = a.self},
                         {.cluster_id = 0xbbbb, .from = a.self, .to = a.self},
                         {.cluster_id = 0xbbbb, .from = NodeId(0), .to = a.self}};
  for (const Hello& hello : wrong) {
    Stranger stranger(io, a);
    stranger.hello(hello);
    stranger.message(
        {.from = hello.from, .to = a.self, .term = raft::Term(9), .body = raft::TimeoutNow{}, .life = kLife});
    ASSERT_TRUE(reached([&] { return stranger.closed; }));
    // What a stranger is told says nothing that it did not know: not even which of the three was wrong.
    EXPECT_EQ(stranger.heard, before.heard);
    EXPECT_EQ(stranger.heard.find("aaaa"), std::string::npos);
    EXPECT_EQ(stranger.heard.find("bbbb"), std::string::npos);
  }
  EXPECT_TRUE(a.recorder.messages.empty());
  EXPECT_EQ(a.peers->refused(Refused::hello), 6u);
}

TEST_F(StrangersTest, WhoIsNoMemberAnyMoreIsNotHeardAnyMore) {
  Member a(io, 1);
  a.peers->set_peers({{NodeId(2), "127.0.0.1", 1}});
  Stranger member(io, a);
  member.hello({.cluster_id = kCluster, .from = NodeId(2), .to = a.self});
  ASSERT_TRUE(reached([&] { return !member.heard.empty(); }));
  EXPECT_FALSE(member.closed);
  a.peers->set_peers({{NodeId(3), "127.0.0.1", 1}});
  EXPECT_TRUE(reached([&] { return member.closed; }));
}

// What this member of 1, 2 and 3 hears when it has been away, and its cluster is 1, 4 and 5 now.
struct IntroductionsTest : PeersTest {
  IntroductionsTest() { back_from_absence(); }
  void back_from_absence() {
    lagging.peers->set_peers({{NodeId(2), "127.0.0.1", 1}, {NodeId(3), "127.0.0.1", 1}},
                             {.newest = {raft::Term(5), raft::Index(100)}, .self = lagging.address()});
  }
  void sees_the_change(Member& member, std::uint64_t index) {
    const raft::Position at{raft::Term(5), raft::Index(index)};
    member.peers->set_peers({lagging.address(), four.address(), five.address()},
                            {.newest = at,
                             .self = member.address(),
                             .named_at = {{lagging.self, at}, {four.self, at}, {five.self, at}}});
  }
  static bool is_dialled(const Member& by, const Member& other) {
    const std::vector<PeerStats> all = by.peers->stats();
    return std::any_of(all.begin(), all.end(),
                       [&](const PeerStats& each) { return each.id == other.self && each.connected; });
  }
  static raft::Message message(const Member& from, const Member& to) {
    return {
        .from = from.self, .to = to.self, .term = raft::Term(1), .body = raft::TimeoutNow{}, .life = kLife};
  }

  Member lagging{io, 1}, four{io, 4}, five{io, 5};
};

TEST_F(IntroductionsTest, ALaterConfigurationMakesStrangersHeardAndAnswered) {
  sees_the_change(four, 101);
  sees_the_change(five, 101);
  four.peers->send(message(four, lagging));
  ASSERT_TRUE(reached([&] { return lagging.recorder.messages.size() == 1; }));
  EXPECT_EQ(lagging.recorder.introduced.at(0).v / 2, 2u);  // one of the two
  lagging.peers->send(message(lagging, four));
  ASSERT_TRUE(reached([&] { return four.recorder.messages.size() == 1; }));
  EXPECT_TRUE(four.recorder.introduced.empty());  // it knows this member
  // Its log has got there: the two are members, and their connections stay.
  ASSERT_TRUE(reached([&] { return lagging.recorder.introduced.size() == 2; }));
  sees_the_change(lagging, 101);
  four.peers->send(message(four, lagging));
  ASSERT_TRUE(reached([&] { return lagging.recorder.messages.size() == 2; }));
  EXPECT_TRUE(four.recorder.lost.empty());
  EXPECT_TRUE(lagging.recorder.lost.empty());
  EXPECT_EQ(lagging.recorder.introduced.size(), 2u);
}

TEST_F(IntroductionsTest, AMemberThatHasMovedIsAnsweredWhereItIs) {
  Member moved{io, 2};  // here it is known at an address where nobody is
  const raft::Position at{raft::Term(5), raft::Index(101)};
  moved.peers->set_peers({lagging.address()},
                         {.newest = at, .self = moved.address(), .named_at = {{lagging.self, at}}});
  ASSERT_TRUE(reached([&] { return is_dialled(lagging, moved); }));
  lagging.peers->send(message(lagging, moved));
  ASSERT_TRUE(reached([&] { return moved.recorder.messages.size() == 1; }));
  EXPECT_TRUE(lagging.recorder.introduced.empty()) << "it is no stranger";
}

// The very entry that says where it is to be has to reach it where it is.
TEST_F(IntroductionsTest, AMemberThatIsAboutToMoveIsReachedWhereItIs) {
  sees_the_change(four, 101);
  sees_the_change(lagging, 101);
  four.peers->send(message(four, lagging));
  ASSERT_TRUE(reached([&] { return lagging.recorder.messages.size() == 1; }));
  const PeerAddress there{lagging.self, "127.0.0.1", 1};
  const raft::Position at{raft::Term(5), raft::Index(102)};
  four.peers->set_peers({there, five.address()},
                        {.newest = at, .self = four.address(), .named_at = {{lagging.self, at}}});
  four.peers->send(message(four, lagging));  // over the connection that is there
  EXPECT_TRUE(reached([&] { return lagging.recorder.messages.size() == 2; }));

  // It is cut off for a moment, and has still not moved.
  lagging.peers->set_peers({}, {.newest = at, .self = there});
  ASSERT_TRUE(reached([&] { return !is_dialled(four, lagging); }));
  lagging.peers->set_peers({four.address(), five.address()}, {.newest = at, .self = there});
  ASSERT_TRUE(reached([&] { return is_dialled(four, lagging); }));

  // Where it is to be it is not any more: it has moved on.
  Member moved{io, 1};
  moved.peers->set_peers({four.address()},
                         {.newest = at, .self = moved.address(), .named_at = {{four.self, at}}});
  four.peers->set_peers({moved.address(), five.address()}, {.newest = at, .self = four.address()});
  lagging.peers->close();
  ASSERT_TRUE(reached([&] {
    four.peers->send(message(four, moved));
    return !moved.recorder.messages.empty();
  }));
}

TEST_F(IntroductionsTest, AnEarlierConfigurationIntroducesNobody) {
  sees_the_change(four, 99);
  four.peers->send(message(four, lagging));
  ASSERT_TRUE(reached([&] { return lagging.peers->refused(Refused::hello) > 0; }));
  EXPECT_TRUE(lagging.recorder.messages.empty());
}

TEST_F(IntroductionsTest, LastUntilTheOwnLogSaysOtherwise) {
  sees_the_change(four, 101);
  ASSERT_TRUE(reached([&] { return lagging.recorder.introduced.size() == 1; }));
  lagging.peers->set_peers({{NodeId(2), "127.0.0.1", 1}},
                           {.newest = {raft::Term(5), raft::Index(101)}, .self = lagging.address()});
  ASSERT_TRUE(reached([&] { return lagging.peers->refused(Refused::hello) > 0; }));
  EXPECT_EQ(lagging.recorder.lost, std::vector{four.self});  // should it have led, that is to be noticed
}

TEST_F(IntroductionsTest, AreRefusedWhileALeaderIsHeardThatIsKnown) {
  lagging.recorder.strangers_from = std::chrono::steady_clock::now() + std::chrono::hours(1);
  sees_the_change(four, 101);
  ASSERT_TRUE(reached([&] { return lagging.peers->refused(Refused::hello) > 0; }));
  EXPECT_TRUE(lagging.recorder.introduced.empty());
  lagging.recorder.strangers_from = Time::min();
  ASSERT_TRUE(reached([&] { return lagging.recorder.introduced.size() == 1; }));
  EXPECT_EQ(lagging.recorder.introduced_from.at(0).find("127.0.0.1:"), 0u);
  lagging.recorder.strangers_from = std::chrono::steady_clock::now() + std::chrono::hours(1);
  EXPECT_TRUE(reached([&] { return lagging.recorder.lost == std::vector{four.self}; }));
}

TEST_F(IntroductionsTest, EndForWhoeverIsNotBelieved) {
  sees_the_change(four, 101);
  ASSERT_TRUE(reached([&] { return lagging.recorder.introduced.size() == 1; }));
  lagging.peers->disbelieve(NodeId(2), "it says what cannot be");  // a member: that is said, and no more
  ASSERT_TRUE(reached([&] { return lagging.peers->refused(Refused::disbelieved) == 1; }));
  EXPECT_EQ(lagging.recorder.refused.back().who, NodeId(2));
  EXPECT_TRUE(lagging.recorder.lost.empty());
  lagging.peers->disbelieve(four.self, "it lies");
  ASSERT_TRUE(reached([&] { return lagging.peers->refused(Refused::disbelieved) == 2; }));
  EXPECT_NE(lagging.recorder.refused.back().why.find("it is not believed: it lies"), std::string::npos);
  EXPECT_EQ(lagging.recorder.refused.back().who, four.self);
}

TEST_F(IntroductionsTest, AreBoundedInNumber) {
  Config config;
  config.introduced_max = 2;
  Member a(io, 1, kCluster, config);
  std::vector<std::unique_ptr<Stranger>> strangers;
  for (std::uint64_t id = 11; id <= 13; ++id) {
    strangers.push_back(std::make_unique<Stranger>(io, a));
    strangers.back()->hello({.cluster_id = kCluster,
                             .from = NodeId(id),
                             .to = a.self,
                             .introduction = Introduction{{raft::Term(1), raft::Index(1)}, "127.0.0.1", 1}});
    ASSERT_TRUE(reached([&] { return a.recorder.introduced.size() == id - 10; }));
    EXPECT_EQ(a.peers->stats().size(), std::min<std::size_t>(2, id - 10));
  }
  ASSERT_TRUE(reached([&] { return strangers[0]->closed; }));
  EXPECT_FALSE(strangers[1]->closed);
  EXPECT_EQ(a.peers->refused(Refused::crowded), 1u);
  // With the connection the introduction ends.
  strangers.clear();
  EXPECT_TRUE(reached([&] { return a.peers->stats().empty(); }));
}

TEST_F(StrangersTest, AnImplausibleMessageClosesTheConnectionBeforeItIsDelivered) {
  Member a(io, 1);
  a.peers->set_peers({{NodeId(2), "127.0.0.1", 1}});
  Stranger liar(io, a);
  liar.hello({.cluster_id = kCluster, .from = NodeId(2), .to = a.self});
  liar.message({.from = NodeId(2),
                .to = a.self,
                .term = raft::Term(~std::uint64_t{0}),
                .body = raft::VoteRequest{},
                .life = kLife});
  liar.message(
      {.from = NodeId(2), .to = a.self, .term = raft::Term(1), .body = raft::VoteRequest{}, .life = kLife});
  ASSERT_TRUE(reached([&] { return liar.closed; }));
  EXPECT_TRUE(a.recorder.messages.empty());
  EXPECT_EQ(a.peers->refused(Refused::implausible), 1u);
  EXPECT_NE(a.recorder.refused.at(0).why.find("term 18446744073709551615"), std::string::npos)
      << a.recorder.refused.at(0).why;
}

TEST_F(StrangersTest, TheTermAtTheStartSaysHowFarOthersMayBe) {
  Config config;
  config.term_at_start = raft::Term(100);
  config.limits.term_jump_max = 10;
  config.limits.terms_per_second_max = 0;
  Member a(io, 1, kCluster, config);
  a.recorder.term = raft::Term(100);
  a.peers->set_peers({{NodeId(2), "127.0.0.1", 1}});
  Stranger other(io, a);
  other.hello({.cluster_id = kCluster, .from = NodeId(2), .to = a.self});
  for (const std::uint64_t term : {110, 111}) {
    other.message({.from = NodeId(2),
                   .to = a.self,
                   .term = raft::Term(term),
                   .body = raft::VoteRequest{},
                   .life = kLife});
  }
  ASSERT_TRUE(reached([&] { return other.closed; }));
  ASSERT_EQ(a.recorder.messages.size(), 1U);
  EXPECT_EQ(a.recorder.messages[0].term, raft::Term(110));
}

TEST_F(StrangersTest, OnlyAnAcceptedHelloReplacesAnOlderConnection) {
  Member a(io, 1);
  a.peers->set_peers({{NodeId(2), "127.0.0.1", 1}});
  Stranger first(io, a);
  first.hello({.cluster_id = kCluster, .from = NodeId(2), .to = a.self});
  ASSERT_TRUE(reached([&] { return !first.heard.empty(); }));
  Stranger refused(io, a);
  refused.hello({.cluster_id = kCluster + 1, .from = NodeId(2), .to = a.self});
  ASSERT_TRUE(reached([&] { return refused.closed; }));
  EXPECT_FALSE(first.closed);
  Stranger other_kind(io, a);
  other_kind.hello(
      {.kind = ConnectionKind::snapshot, .cluster_id = kCluster, .from = NodeId(2), .to = a.self});
  ASSERT_TRUE(reached([&] { return !other_kind.heard.empty(); }));
  EXPECT_FALSE(first.closed);
  Stranger second(io, a);
  second.hello({.cluster_id = kCluster, .from = NodeId(2), .to = a.self});
  EXPECT_TRUE(reached([&] { return first.closed; }));
  EXPECT_FALSE(other_kind.closed);
}

TEST_F(StrangersTest, SilentConnectionsKeepNoMemberOut) {
  Config config;
  config.ungreeted_max = 3;
  Member a(io, 1, kCluster, config), b(io, 2);
  std::vector<std::unique_ptr<Stranger>> strangers;
  for (std::size_t i = 0; i < 5; ++i) {
    strangers.push_back(std::make_unique<Stranger>(io, a));
    const std::size_t gone = i < 3 ? 0 : i - 2;
    ASSERT_TRUE(reached([&] {
      return a.peers->refused(Refused::crowded) == gone && (gone == 0 || strangers[gone - 1]->closed);
    }));
  }
  EXPECT_FALSE(strangers[2]->closed);
  introduce(a, b);
  EXPECT_TRUE(connected(b));
  EXPECT_TRUE(connected(a));
}

TEST_F(StrangersTest, AByteNowAndThenIsNoHello) {
  Config config;
  config.heartbeat_interval = std::chrono::milliseconds(5);
  config.hello_timeout = std::chrono::milliseconds(60);
  Member a(io, 1, kCluster, config);
  Stranger slow(io, a);
  std::string hello;
  put_hello(&hello, {.cluster_id = kCluster, .from = NodeId(2), .to = a.self});
  asio::steady_timer timer(io);
  std::size_t at = 0;
  const std::function<void()> drip = [&] {
    timer.expires_after(std::chrono::milliseconds(2));
    timer.async_wait([&](boost::system::error_code error) {
      if (error || slow.closed || at + 1 == hello.size()) return;
      boost::system::error_code ignored;
      asio::write(slow.socket, asio::buffer(&hello[at++], 1), ignored);
      drip();
    });
  };
  drip();
  // The hello would take longer than that and be whole at last.
  EXPECT_TRUE(reached([&] { return slow.closed; }));
  EXPECT_LT(at + 1, hello.size());
}

}  // namespace
}  // namespace cairn::peer
