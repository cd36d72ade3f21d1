// cairn status, over members that say of themselves what the test wants.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "api/api.h"
#include "api/member_fixture.h"
#include "cli/cli.h"
#include "rpc/server.h"

namespace cairn::cli {
namespace {

using Json = nlohmann::json;

// One of two members, at a real socket.
struct Server {
  explicit Server(std::uint64_t id) : name("n" + std::to_string(id)) { member.self = id; }
  ~Server() {
    boost::asio::post(io, [this] { server.close(); });
    io.stop();
    if (thread.joinable()) thread.join();
  }
  std::string listen() {
    const auto port = server.listen("127.0.0.1", 0);
    EXPECT_TRUE(port) << port.error().message;
    thread = std::thread([this] { io.run(); });
    return "http://127.0.0.1:" + std::to_string(*port);
  }

  std::string name;
  boost::asio::io_context io;
  api::FakeMember member{mvcc::Limits{}};
  api::Api handler{{.name = name}, member};
  rpc::Server server{io, rpc::Limits{}, handler};
  std::thread thread;
};

struct StatusTest : testing::Test {
  Server n1{1}, n2{2};

  struct Finished {
    int code = 0;
    std::string out;
  };
  Finished status(std::vector<std::string> more = {}) {
    std::vector<std::string> args = {"status", "--endpoints", n1.listen() + "," + n2.listen()};
    args.insert(args.end(), more.begin(), more.end());
    std::istringstream in;
    std::ostringstream out, err;
    Finished result;
    result.code = run_cli(args, in, out, err, {});
    result.out = out.str();
    return result;
  }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_F(StatusTest, IsHealthyWhereAllSaySo) {
  const Finished done = status();
  EXPECT_EQ(done.code, kExitOk) << done.out;
  EXPECT_TRUE(done.out.starts_with("2 members, healthy, tolerates 0 failures\n")) << done.out;
}

// A leader may learn of it later than whoever asks the member itself.
TEST_F(StatusTest, IsNotHealthyAboveARowThatSaysOtherwise) {
  n2.member.full = false;
  const Finished done = status();
  EXPECT_EQ(done.code, kExitNegative) << done.out;
  EXPECT_TRUE(done.out.starts_with("2 members, n2 does not count yet, though leader n1 hears all members"))
      << done.out;
  EXPECT_TRUE(has(done.out, "follower, does not count")) << done.out;
  EXPECT_TRUE(has(done.out, "\nn2 does not count yet: it is being taken in\n")) << done.out;
}

TEST_F(StatusTest, SaysTheSameInJson) {
  n2.member.full = false;
  const Finished done = status({"-w", "json"});
  EXPECT_EQ(done.code, kExitNegative);
  const Json json = Json::parse(done.out);
  EXPECT_EQ(json["healthy"], false);
  EXPECT_TRUE(has(json["summary"], "n2 does not count yet")) << json["summary"];
}

// Of a quota of 70 bytes it uses 60, and 20 of these are history.
struct NearQuota : StatusTest {
  struct Ignore final : node::WriteResponder {
    void done(mvcc::Outcome) override {}
  };
  NearQuota() {
    n1.member.quota_bytes = 70;
    etcdserverpb::PutRequest put;
    put.set_key("k");
    write(node::CommandKind::put, put);
  }
  void write(node::CommandKind kind, const google::protobuf::MessageLite& message) {
    n1.member.write({.kind = kind,
                     .request = message.SerializeAsString(),
                     .idempotency_key = {},
                     .deadline = {},
                     .responder = std::make_unique<Ignore>()});
  }
};

TEST_F(NearQuota, IsToldWhichCompactionWouldHelp) {
  const Finished done = status();
  EXPECT_TRUE(has(done.out, ", 20 B of it history: a compaction would free that (etcdctl compaction 2)"))
      << done.out;
}

TEST_F(NearQuota, IsAdvisedNoCompactionOfWhatIsCompactedAlready) {
  etcdserverpb::CompactionRequest compaction;
  compaction.set_revision(2);
  write(node::CommandKind::compaction, compaction);
  const Finished done = status();
  EXPECT_TRUE(has(done.out,
                  ", 20 B of it history that has been compacted already, and is freed once nobody "
                  "reads it any more: look again"))
      << done.out;
  EXPECT_FALSE(has(done.out, "etcdctl compaction")) << done.out;
}

// It has published nothing, so nobody can ask it.
TEST_F(StatusTest, IsNotHealthyWhereOneCannotBeAsked) {
  for (Server* each : {&n1, &n2}) {
    each->member.self = 1;
    each->member.publish(2, {});
  }
  n2.name = "n1";
  const Finished done = status();
  EXPECT_EQ(done.code, kExitNegative) << done.out;
  EXPECT_FALSE(has(done.out, "healthy")) << done.out;
}

}  // namespace
}  // namespace cairn::cli
