#include "api/slow_requests.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api/grpc_methods.h"
#include "api/member_fixture.h"
#include "observe/log.h"

namespace cairn::api {
namespace {

struct SlowRequestsTest : testing::Test {
  SlowRequestsTest() {
    configure_log(
        {.format = LogFormat::text, .sink = [this](std::string_view line) { lines.emplace_back(line); }});
  }
  ~SlowRequestsTest() override { configure_log({}); }
  rpc::GrpcEnd put(std::string_view beginning, Duration ago) const {
    return {.method = *find_method("/etcdserverpb.KV/Put"),
            .code = Code::deadline_exceeded,
            .begun = member.now() - ago,
            .beginning = beginning};
  }
  bool said(const std::string& text) const {
    return !lines.empty() && lines.back().find(text) != std::string::npos;
  }

  std::vector<std::string> lines;
  FakeMember member;
  SlowRequests slow{{.slow = std::chrono::milliseconds(300)}, member};
};

TEST_F(SlowRequestsTest, SayWhichCallOfWhichKeyTookHowLong) {
  slow.ended(put("\x0a\x03key\x12\x01v", std::chrono::milliseconds(299)), member.now());
  EXPECT_TRUE(lines.empty());
  slow.ended(put("\x0a\x03key\x12\x01v", std::chrono::milliseconds(1234)), member.now());
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(said("warn  slow requests longest-ms=1234")) << lines[0];
  EXPECT_TRUE(said("/etcdserverpb.KV/Put of key, ended with DeadlineExceeded")) << lines[0];
  EXPECT_TRUE(said("leader=0000000000000001")) << lines[0];
  slow.ended(put("\x0a\x03key", std::chrono::seconds(9)), member.now());
  EXPECT_EQ(lines.size(), 1U) << "once a minute";
}

TEST_F(SlowRequestsTest, LongAndStrangeKeysAreShortened) {
  const std::string request = "\x0a\xc8\x01" + std::string("\x01") + std::string(61, 'k');
  slow.ended(put(request.substr(0, 64), std::chrono::seconds(1)), member.now());
  EXPECT_TRUE(said("of ?" + std::string(47, 'k') + "..., ended")) << lines[0];
  EXPECT_EQ(shortened("a\nb"), "a?b");
  for (const std::string_view cut : {"\x0a", "\x0a\x80", "\x0a\xff", "\x0a\x05", ""})
    slow.ended(put(cut, std::chrono::hours(1)), member.now());
}

TEST_F(SlowRequestsTest, RequestsOfRestToo) {
  slow.ended({"PUT", "/v1/kv/a", {}, ""}, member.now() - std::chrono::seconds(2), 503, 17);
  EXPECT_TRUE(said("PUT /v1/kv/a, answered 503, 17 bytes")) << lines[0];
}

TEST_F(SlowRequestsTest, AtLevelDebugEveryOneIsSaid) {
  set_log_level(LogLevel::debug);
  slow.ended({"GET", "/v1/kv/a", {}, ""}, member.now(), 200, 1);
  EXPECT_TRUE(said("debug a request has ended request=\"GET /v1/kv/a, answered 200, 1 bytes\" took-ms=0"));
}

}  // namespace
}  // namespace cairn::api
