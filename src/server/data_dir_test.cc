#include "server/data_dir.h"

#include <gtest/gtest.h>

#include "base/prng.h"
#include "sim_disk/sim_disk.h"

namespace cairn::server {
namespace {

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
  ASSERT_TRUE(open_data_dir(disk, "/srv/cairn/n1", single_member(5), 1)->first_start);
  cut_power(&disk);
  const Result<DataDir> again = open_data_dir(disk, "/srv/cairn/n1", single_member(5), 2);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_FALSE(again->first_start);
  EXPECT_EQ(again->bootstrap, single_member(5));
}

// Killed before each of its changes, started again, and only then the power cut.
TEST(DataDir, SurvivesAPowerCutAfterAFirstStartThatWasKilled) {
  for (std::uint64_t change = 1;; ++change) {
    sim::SimDisk disk;
    disk.stop_at_change(change);
    ASSERT_FALSE(open_data_dir(disk, "/srv/n1", single_member(5), 1));
    disk.kill_process();
    disk.clear_faults();
    const Result<DataDir> second = open_data_dir(disk, "/srv/n1", single_member(5), 2);
    ASSERT_TRUE(second) << second.error().message;
    if (!second->first_start) break;  // from here on the identity was durable before the kill
    cut_power(&disk);
    const Result<DataDir> third = open_data_dir(disk, "/srv/n1", single_member(5), 3);
    ASSERT_TRUE(third) << third.error().message;
    EXPECT_FALSE(third->first_start) << "killed before change " << change;
  }
}

TEST(DataDir, KeepsTheVoteThatTheLogMadeDurable) {
  sim::SimDisk disk;
  {
    Result<DataDir> data = open_data_dir(disk, "/n1", single_member(5), 1);
    ASSERT_TRUE(data);
    raft::LogWrite write;
    write.seq = raft::WriteSeq{1};
    write.hard_state = raft::HardState{raft::Term{3}, raft::NodeId{5}};
    ASSERT_TRUE(data->log->append(write));
    ASSERT_TRUE(data->log->sync());
  }
  cut_power(&disk);
  const Result<DataDir> again = open_data_dir(disk, "/n1", single_member(5), 2);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->recovered.raft.hard_state, (raft::HardState{raft::Term{3}, raft::NodeId{5}}));
}

TEST(DataDir, OfAnotherMemberIsRefusedAndLeftAsItWas) {
  sim::SimDisk disk;
  ASSERT_TRUE(open_data_dir(disk, "/n1", single_member(5), 1));
  disk.kill_process();
  const Result<DataDir> other = open_data_dir(disk, "/n1", single_member(6), 2);
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("E_IDENTITY"), std::string::npos) << other.error().message;
  disk.kill_process();
  EXPECT_TRUE(open_data_dir(disk, "/n1", single_member(5), 3));
}

TEST(DataDir, InUseIsRefused) {
  sim::SimDisk disk;
  const Result<DataDir> first = open_data_dir(disk, "/n1", single_member(5), 1);
  ASSERT_TRUE(first);
  EXPECT_FALSE(open_data_dir(disk, "/n1", single_member(5), 2));
}

}  // namespace
}  // namespace cairn::server
