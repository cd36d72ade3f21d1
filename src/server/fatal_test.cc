#include "server/fatal.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

#include "base/check.h"
#include "observe/log.h"
#include "server/data_dir.h"
#include "sim_disk/sim_disk.h"
#include "support/source_dir.h"

namespace cairn::server {
namespace {

// As the unit in docs/cli.md has it, which operators copy.
std::set<int> not_started_again() {
  std::ifstream file(std::string(test::kSourceDir) + "/docs/cli.md");
  std::set<int> statuses;
  for (std::string line; std::getline(file, line);) {
    const std::string key = "RestartPreventExitStatus=";
    if (!line.starts_with(key)) continue;
    std::istringstream numbers(line.substr(key.size()));
    for (int status = 0; numbers >> status;) statuses.insert(status);
  }
  return statuses;
}

int exit_of_a_start(const std::function<void(sim::SimDisk*)>& prepare) {
  const Bootstrap bootstrap{
      .cluster_id = 7, .self = 5, .members = {{.id = 5, .name = "n1", .peer_urls = {"http://a:1"}}}};
  const Start start{.bootstrap = bootstrap, .name = "n1", .random = 77, .unix_ms = 1};
  const wal::Options options{.segment_bytes = 64 << 10, .spare_segments = 1};
  sim::SimDisk disk;
  EXPECT_TRUE(open_data_dir(disk, "/n1", start, options));
  prepare(&disk);
  const Result<DataDir> data = open_data_dir(disk, "/n1", start, options);
  return data ? 0 : exit_after_opening(data.error());
}

// What somebody greps the log for has its form, whoever ends the process.
TEST(FatalDeathTest, WhatEndsTheProcessIsALineOfTheLog) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto start = [] {
    configure_log({.format = LogFormat::json, .sink = {}});
    set_log_member("00000000000000ab");
    log_before_aborting();
  };
  const std::string begins = R"(\{"level":"error","ts":"[^"]+","caller":"[^"]+","msg":"stopping: )";
  EXPECT_DEATH(
      {
        start();
        CHECK(1 > 2);
      },
      begins +
          R"(an invariant of this program is broken","local-member-id":"00000000000000ab","invariant":"1 > 2")");
  EXPECT_DEATH(
      {
        start();
        const auto lose = [] { throw std::runtime_error("lost"); };
        [&]() noexcept { lose(); }();
      },
      begins + R"(an exception that nobody caught","local-member-id":"00000000000000ab","error":"lost")");
}

TEST(ExitStatus, WhatMayPassIsStartedAgainAndWhatNeedsSomebodyIsNot) {
  const std::set<int> stays = not_started_again();
  EXPECT_EQ(stays, (std::set<int>{kExitUsage, kExitLocal, kExitLostDirectory, kExitRemoved}));
  for (const Code code : {Code::internal, io::kFull, io::kPassing}) {
    const int status = exit_of_a_start([code](sim::SimDisk* disk) { disk->fail_io(5, code, true); });
    EXPECT_EQ(status, kExitDisk) << static_cast<int>(code);
    EXPECT_FALSE(stays.contains(status));
  }
  for (const Code code : {Code::permission_denied, io::kMisplaced}) {
    const int status = exit_of_a_start([code](sim::SimDisk* disk) { disk->fail_io(5, code, true); });
    EXPECT_EQ(status, kExitLocal) << static_cast<int>(code);
  }
  EXPECT_EQ(exit_after_opening({Code::data_loss, "E_WAL_DAMAGED"}), kExitLocal);
  EXPECT_FALSE(stays.contains(kExitDiverged));
}

// "No space left on device" and "Operation not permitted" alone help nobody.
TEST(Fatal, AStartThatFailsSaysWhatToDo) {
  EXPECT_TRUE(way_out_of_opening({io::kFull, ""}).starts_with("make room on the disk"));
  const auto denied = [](const char* why) { return way_out_of_opening({Code::permission_denied, why}); };
  EXPECT_NE(denied("write n1/IDENTITY: Operation not permitted").find("immutable"), std::string::npos);
  EXPECT_NE(denied("open n1/LOCK: Read-only file system").find("for writing"), std::string::npos);
  EXPECT_EQ(denied("open n1/LOCK: Permission denied: it is of user 0"), "") << "that says itself what to do";
  EXPECT_NE(way_out_of_opening({io::kPassing, ""}), "");
  EXPECT_EQ(way_out_of_opening({Code::data_loss, "E_WAL_DAMAGED"}), "");
}

}  // namespace
}  // namespace cairn::server
