#include "server/data_dir.h"

#include <gtest/gtest.h>

#include "base/prng.h"
#include "sim_disk/sim_disk.h"

namespace cairn::server {
namespace {

constexpr wal::Options kSmallSegments{.segment_bytes = 64 << 10, .spare_segments = 1};

Bootstrap single_member(std::uint64_t self) {
  return {
      .cluster_id = 7, .self = self, .members = {{.id = self, .name = "n1", .peer_urls = {"http://a:1"}}}};
}

// Everything not synced is lost: files and names.
void cut_power(sim::SimDisk* disk) {
  Prng prng(1);
  disk->crash(prng, {.keep = 0, .lose = 1, .tear = 0, .names = sim::CrashOptions::Names::lose_all});
}

TEST(DataDir, SurvivesAPowerCutAfterItsFirstStartWithAllItsParents) {
  sim::SimDisk disk;
  ASSERT_TRUE(open_data_dir(disk, "/srv/cairn/n1", single_member(5), 1, kSmallSegments)->first_start);
  cut_power(&disk);
  const Result<DataDir> again = open_data_dir(disk, "/srv/cairn/n1", single_member(5), 2, kSmallSegments);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_FALSE(again->first_start);
  EXPECT_EQ(again->bootstrap, single_member(5));
}

constexpr raft::HardState kVote{raft::Term{3}, raft::NodeId{5}};

Status vote(DataDir* data) {
  raft::LogWrite write;
  write.seq = raft::WriteSeq{1};
  write.hard_state = kVote;
  TRY(data->log->append(write));
  return data->log->sync();
}

// Killed before each of its changes, started again and voting, and only then the power cut.
TEST(DataDir, SurvivesAPowerCutAfterAFirstStartThatWasKilled) {
  for (std::uint64_t change = 1;; ++change) {
    sim::SimDisk disk;
    disk.stop_at_change(change);
    if (open_data_dir(disk, "/srv/n1", single_member(5), 1, kSmallSegments))
      break;  // it makes no more changes than that
    disk.kill_process();
    disk.clear_faults();
    Result<DataDir> second = open_data_dir(disk, "/srv/n1", single_member(5), 2, kSmallSegments);
    ASSERT_TRUE(second) << second.error().message;
    ASSERT_TRUE(vote(&*second));
    cut_power(&disk);
    const Result<DataDir> third = open_data_dir(disk, "/srv/n1", single_member(5), 3, kSmallSegments);
    ASSERT_TRUE(third) << third.error().message;
    EXPECT_FALSE(third->first_start) << "killed before change " << change;
    EXPECT_EQ(third->recovered.raft.hard_state, kVote) << "killed before change " << change;
  }
}

TEST(DataDir, KeepsTheVoteThatTheLogMadeDurable) {
  sim::SimDisk disk;
  {
    Result<DataDir> data = open_data_dir(disk, "/n1", single_member(5), 1, kSmallSegments);
    ASSERT_TRUE(data);
    ASSERT_TRUE(vote(&*data));
  }
  cut_power(&disk);
  const Result<DataDir> again = open_data_dir(disk, "/n1", single_member(5), 2, kSmallSegments);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->recovered.raft.hard_state, kVote);
}

TEST(DataDir, OfAnotherMemberIsRefusedAndLeftAsItWas) {
  sim::SimDisk disk;
  ASSERT_TRUE(open_data_dir(disk, "/n1", single_member(5), 1, kSmallSegments));
  disk.kill_process();
  const Result<DataDir> other = open_data_dir(disk, "/n1", single_member(6), 2, kSmallSegments);
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("E_IDENTITY"), std::string::npos) << other.error().message;
  disk.kill_process();
  EXPECT_TRUE(open_data_dir(disk, "/n1", single_member(5), 3, kSmallSegments));
}

TEST(DataDir, InUseIsRefused) {
  sim::SimDisk disk;
  const Result<DataDir> first = open_data_dir(disk, "/n1", single_member(5), 1, kSmallSegments);
  ASSERT_TRUE(first);
  EXPECT_FALSE(open_data_dir(disk, "/n1", single_member(5), 2, kSmallSegments));
}

}  // namespace
}  // namespace cairn::server
