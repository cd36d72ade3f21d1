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

Start start_of(std::uint64_t self, std::int64_t unix_ms) {
  return {.bootstrap = single_member(self), .name = "n1", .random = 77, .unix_ms = unix_ms};
}

// Everything not synced is lost: files and names.
void cut_power(sim::SimDisk* disk) {
  Prng prng(1);
  disk->crash(prng, {.keep = 0, .lose = 1, .tear = 0, .names = sim::CrashOptions::Names::lose_all});
}

TEST(DataDir, SurvivesAPowerCutAfterItsFirstStartWithAllItsParents) {
  sim::SimDisk disk;
  ASSERT_TRUE(open_data_dir(disk, "/srv/cairn/n1", start_of(5, 1), kSmallSegments)->first_start);
  cut_power(&disk);
  const Result<DataDir> again = open_data_dir(disk, "/srv/cairn/n1", start_of(5, 2), kSmallSegments);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_FALSE(again->first_start);
  EXPECT_EQ(again->bootstrap, single_member(5));
}

constexpr raft::HardState kVote{raft::Term{3}, raft::NodeId{5}};

bool has_voted(const DataDir& data) {
  const raft::HardState& found = data.recovered.raft.hard_state;
  return found.term == kVote.term && found.vote == kVote.vote;
}

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
    if (open_data_dir(disk, "/srv/n1", start_of(5, 1), kSmallSegments))
      break;  // it makes no more changes than that
    disk.kill_process();
    disk.clear_faults();
    Result<DataDir> second = open_data_dir(disk, "/srv/n1", start_of(5, 2), kSmallSegments);
    ASSERT_TRUE(second) << second.error().message;
    ASSERT_TRUE(vote(&*second));
    cut_power(&disk);
    const Result<DataDir> third = open_data_dir(disk, "/srv/n1", start_of(5, 3), kSmallSegments);
    ASSERT_TRUE(third) << third.error().message;
    EXPECT_FALSE(third->first_start) << "killed before change " << change;
    EXPECT_TRUE(has_voted(*third)) << "killed before change " << change;
  }
}

// Of one that takes the place of a lost one: else its founders, all lost, would found their cluster anew.
TEST(DataDir, KnowsFromItsFirstStartOnThatItWasThereBefore) {
  for (const bool was_there : {false, true}) {
    sim::SimDisk disk;
    Start start = start_of(5, 1);
    start.was_there = was_there;
    for (int time = 0; time < 2; ++time) {
      const Result<DataDir> data = open_data_dir(disk, "/srv/n1", start, kSmallSegments);
      ASSERT_TRUE(data) << data.error().message;
      EXPECT_EQ(data->recovered.raft.hard_state.has_forgotten, was_there);
      start.was_there = false;
    }
  }
}

TEST(DataDir, KeepsTheVoteThatTheLogMadeDurable) {
  sim::SimDisk disk;
  {
    Result<DataDir> data = open_data_dir(disk, "/n1", start_of(5, 1), kSmallSegments);
    ASSERT_TRUE(data);
    ASSERT_TRUE(vote(&*data));
  }
  cut_power(&disk);
  const Result<DataDir> again = open_data_dir(disk, "/n1", start_of(5, 2), kSmallSegments);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(has_voted(*again));
}

Start start_in_cluster(std::uint64_t self, const std::string& name) {
  Start start = start_of(self, 1);
  start.bootstrap = Bootstrap{.cluster_id = 7,
                              .self = self,
                              .members = {{.id = 5, .name = "n5", .peer_urls = {"http://a:1"}},
                                          {.id = 6, .name = "n6", .peer_urls = {"http://b:1"}}}};
  start.name = name;
  return start;
}

TEST(DataDir, OfAnotherMemberIsRefusedAndLeftAsItWas) {
  sim::SimDisk disk;
  ASSERT_TRUE(open_data_dir(disk, "/n5", start_in_cluster(5, "n5"), kSmallSegments));
  disk.kill_process();
  const Result<DataDir> other = open_data_dir(disk, "/n5", start_in_cluster(6, "n6"), kSmallSegments);
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("E_IDENTITY"), std::string::npos) << other.error().message;
  EXPECT_NE(other.error().message.find("belongs to member n5"), std::string::npos) << other.error().message;
  disk.kill_process();
  EXPECT_TRUE(open_data_dir(disk, "/n5", start_in_cluster(5, "n5"), kSmallSegments));
}

TEST(DataDir, OfAnEtcdIsRefusedAndLeftAsItWas) {
  for (const char* part : {"/e/member/wal", "/e/member/snap"}) {
    sim::SimDisk disk;
    for (const char* made : {"/e", "/e/member", part}) ASSERT_TRUE(disk.make_dir(made));
    const Result<DataDir> etcds = open_data_dir(disk, "/e", start_of(5, 1), kSmallSegments);
    ASSERT_FALSE(etcds) << part;
    EXPECT_EQ(etcds.error().code, Code::failed_precondition);
    EXPECT_NE(etcds.error().message.find("E_ETCD: /e holds the data of an etcd"), std::string::npos);
    EXPECT_EQ(*disk.list("/e"), std::vector<std::string>{"member"});
  }
}

TEST(DataDir, GoesByTheFlagsOfTheFirstStartAlone) {
  sim::SimDisk disk;
  ASSERT_TRUE(open_data_dir(disk, "/n1", start_of(5, 1), kSmallSegments)->notes.empty());
  disk.kill_process();
  Start changed = start_of(9, 2);
  Result<DataDir> later = open_data_dir(disk, "/n1", changed, kSmallSegments);
  ASSERT_TRUE(later) << later.error().message;
  EXPECT_EQ(later->bootstrap, single_member(5));
  ASSERT_EQ(later->notes.size(), 1U);
  EXPECT_NE(later->notes[0].find("ignored"), std::string::npos);
  later = tl::unexpected(Error{});
  disk.kill_process();
  changed.bootstrap = fail(Code::invalid_argument, "nonsense");
  EXPECT_TRUE(open_data_dir(disk, "/n1", changed, kSmallSegments));
  const Result<DataDir> first = open_data_dir(disk, "/n2", changed, kSmallSegments);
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().message, "nonsense");
  EXPECT_FALSE(*disk.exists("/n2"));
}

TEST(DataDir, DamagedIdentityIsMendedFromItsOtherCopyOrTheFlags) {
  constexpr std::uint64_t kCopyBits = (4096 + 65536) * 8;
  for (const std::string what : {"one copy", "both copies", "the file"}) {
    sim::SimDisk disk;
    {
      Result<DataDir> data = open_data_dir(disk, "/n5", start_in_cluster(5, "n5"), kSmallSegments);
      ASSERT_TRUE(data) << data.error().message;
      ASSERT_TRUE(vote(&*data));
    }
    const std::string before = disk.contents("/n5/IDENTITY");
    if (what == "the file") {
      ASSERT_TRUE(disk.remove("/n5/IDENTITY"));
    }
    if (what != "the file") disk.flip_bit("/n5/IDENTITY", 300);
    if (what == "both copies") disk.flip_bit("/n5/IDENTITY", kCopyBits + 300);
    // Whoever comes by with other flags changes nothing.
    disk.kill_process();
    const Result<DataDir> other = open_data_dir(disk, "/n5", start_in_cluster(6, "n6"), kSmallSegments);
    EXPECT_NE(other.error().message.find("E_IDENTITY"), std::string::npos) << other.error().message;
    disk.kill_process();
    {
      const Result<DataDir> data = open_data_dir(disk, "/n5", start_in_cluster(5, "n5"), kSmallSegments);
      ASSERT_TRUE(data) << what << ": " << data.error().message;
      EXPECT_EQ(data->recovered.raft.hard_state.term, kVote.term);
      EXPECT_FALSE(data->first_start);
    }
    EXPECT_EQ(disk.contents("/n5/IDENTITY"), before) << what;
    disk.kill_process();
    EXPECT_TRUE(open_data_dir(disk, "/n5", start_in_cluster(5, "n5"), kSmallSegments)->notes.empty());
  }
}

TEST(DataDir, StartsFromTheOlderSnapshotWhenTheNewestCannotBeRead) {
  for (const std::string file : {"MANIFEST", "chunks"}) {
    for (const bool missing : {false, true}) {
      sim::SimDisk disk;
      {
        Result<DataDir> data = open_data_dir(disk, "/n5", start_in_cluster(5, "n5"), kSmallSegments);
        ASSERT_TRUE(data) << data.error().message;
        ASSERT_TRUE(vote(&*data));
        raft::LogWrite write;
        for (std::uint64_t index = 1; index <= 3; ++index) {
          write.entries.push_back({raft::Term{3}, raft::Index{index}, raft::EntryType::noop, nullptr});
          data->recovered.machine->apply({index, 1}, {}, nullptr);
          const raft::SnapshotMeta meta{raft::Index{index}, raft::Term{3}, raft_members(data->bootstrap)};
          const auto writer = data->snapshots->create(meta);
          ASSERT_TRUE(writer && data->recovered.machine->view()->save(writer->get()) && (*writer)->publish());
        }
        ASSERT_TRUE(data->log->append(write) && data->log->sync());
      }
      const std::string name = "00000000000000000003-00000000000000000003";
      const std::string path = "/n5/snap/" + name + "/" + file;
      disk.flip_bit(path, 70);
      if (missing) {
        ASSERT_TRUE(disk.remove(path));
      }
      disk.kill_process();
      const Result<DataDir> data = open_data_dir(disk, "/n5", start_in_cluster(5, "n5"), kSmallSegments);
      ASSERT_TRUE(data) << data.error().message;
      EXPECT_EQ(data->recovered.raft.snapshot.index, raft::Index{2});
      ASSERT_FALSE(data->recovered.raft.entries.empty());
      EXPECT_EQ(data->recovered.raft.entries.back().index, raft::Index{3}) << "the log has the rest";
      EXPECT_TRUE(data->report.lost.empty()) << data->report.lost;
      EXPECT_FALSE(data->notes.empty());
      EXPECT_FALSE(*disk.exists("/n5/snap/" + name));
      EXPECT_TRUE(*disk.exists("/n5/quarantine/snap-" + name));
    }
  }
}

TEST(DataDir, ThatHasDivergedStartsWithNothing) {
  sim::SimDisk disk;
  {
    Result<DataDir> data = open_data_dir(disk, "/n5", start_in_cluster(5, "n5"), kSmallSegments);
    ASSERT_TRUE(data) << data.error().message;
    ASSERT_TRUE(vote(&*data));
    EXPECT_EQ(note_divergence(disk, "/n5", "the state at index 7 differs"), "/n5/quarantine/diverged");
  }
  cut_power(&disk);
  // Killed before each of its changes, it goes on at the next start.
  for (std::uint64_t change = 1;; ++change) {
    disk.stop_at_change(change);
    const Result<DataDir> data = open_data_dir(disk, "/n5", start_in_cluster(5, "n5"), kSmallSegments);
    disk.kill_process();
    disk.clear_faults();
    if (!data) continue;
    EXPECT_TRUE(data->recovered.raft.entries.empty());
    EXPECT_EQ(data->recovered.raft.hard_state.term, raft::Term{3}) << "what it voted stays true";
    EXPECT_FALSE(data->recovered.raft.hard_state.life.full);
    EXPECT_TRUE(data->recovered.raft.hard_state.has_forgotten) << "or it could found a cluster";
    EXPECT_TRUE(*disk.exists("/n5/quarantine/diverged/wal"));
    EXPECT_FALSE(*disk.exists("/n5/DIVERGED"));
    break;
  }
}

// Should a majority have put its data aside, somebody has to be able to go back.
TEST(DataDir, WhatLiesAsideOfOneThatHasDivergedIsAllThereWas) {
  sim::SimDisk disk;
  raft::Life life;
  {
    Result<DataDir> data = open_data_dir(disk, "/n5", start_in_cluster(5, "n5"), kSmallSegments);
    ASSERT_TRUE(data && vote(&*data));
    raft::LogWrite write;
    life = data->recovered.raft.hard_state.life;
    life.full = true;
    write.hard_state = raft::HardState{kVote.term, kVote.vote, {}, life};
    write.entries.push_back({kVote.term, raft::Index{1}, raft::EntryType::noop, nullptr});
    ASSERT_TRUE(data->log->append(write) && data->log->sync());
    ASSERT_TRUE(note_divergence(disk, "/n5", "the state at index 7 differs"));
  }
  const Result<DataDir> forgot = open_data_dir(disk, "/n5", start_in_cluster(5, "n5"), kSmallSegments);
  ASSERT_TRUE(forgot && !forgot->recovered.raft.hard_state.life.full);
  disk.kill_process();
  for (const char* name : {"hardstate", "watermark", "wal", "snap"})
    disk.remove_tree(std::string("n5/") + name);
  const std::string aside = "n5/quarantine/diverged/";
  for (const std::string& file : disk.files())
    if (file.starts_with(aside)) disk.put("n5/" + file.substr(aside.size()), disk.contents(file));
  const Result<DataDir> back = open_data_dir(disk, "/n5", start_in_cluster(5, "n5"), kSmallSegments);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_TRUE(has_voted(*back));
  EXPECT_TRUE(back->recovered.raft.hard_state.life.full);
  EXPECT_EQ(back->recovered.raft.hard_state.life.incarnation, life.incarnation);
  EXPECT_EQ(back->recovered.raft.entries.size(), 1U);
}

// Founded alone, it has no more than its flags to go by once its snapshots are put aside; but somebody
// contradicted it.
TEST(DataDir, ThatHasDivergedAsksTheOthersThoughItWasFoundedAlone) {
  sim::SimDisk disk;
  Start start = start_in_cluster(5, "n5");
  start.bootstrap->members.pop_back();
  {
    Result<DataDir> data = open_data_dir(disk, "/n5", start, kSmallSegments);
    ASSERT_TRUE(data) << data.error().message;
    ASSERT_TRUE(vote(&*data));
    ASSERT_TRUE(note_divergence(disk, "/n5", "the state at index 7 differs"));
  }
  cut_power(&disk);
  for (std::uint64_t change = 1;; ++change) {
    disk.stop_at_change(change);
    const Result<DataDir> data = open_data_dir(disk, "/n5", start, kSmallSegments);
    disk.kill_process();
    disk.clear_faults();
    if (!data) continue;
    EXPECT_TRUE(data->recovered.raft.hard_state.has_forgotten);
    EXPECT_FALSE(*disk.exists("/n5/DIVERGED"));
    break;
  }
}

// Two members of a cluster, and one of another with the same names.
class OneFileOfAnother : public testing::Test {
 protected:
  void SetUp() override {
    for (const std::uint64_t self : {5U, 6U}) {
      const std::string name = "n" + std::to_string(self);
      Result<DataDir> data = open_data_dir(disk, "/" + name, start_in_cluster(self, name), kSmallSegments);
      ASSERT_TRUE(data && vote(&*data) && write_entry(&*data));
    }
    Result<DataDir> data = open_data_dir(disk, "/other", other_cluster(), kSmallSegments);
    ASSERT_TRUE(data && vote(&*data) && write_entry(&*data));
    data->recovered.machine->apply({1, 1}, {}, nullptr);
    const raft::SnapshotMeta meta{raft::Index{1}, raft::Term{3}, raft_members(data->bootstrap)};
    const auto writer = data->snapshots->create(meta);
    ASSERT_TRUE(writer && data->recovered.machine->view()->save(writer->get()) && (*writer)->publish());
  }
  static Status write_entry(DataDir* data) {
    raft::LogWrite write;
    write.entries.push_back({kVote.term, raft::Index{1}, raft::EntryType::noop, nullptr});
    TRY(data->log->append(write));
    return data->log->sync();
  }
  static Start other_cluster() {
    Start start = start_in_cluster(5, "n5");
    start.bootstrap->cluster_id = 8;
    start.bootstrap->self = 50;
    start.bootstrap->members[0].id = 50;
    start.bootstrap->members[1].id = 60;
    return start;
  }
  void put(const std::string& from, const std::string& to) {
    const std::string bytes = disk.contents(from);
    disk.remove_tree(to);
    disk.put(to, bytes);
  }
  // What the refusal of n5 says; another start finds all as it was.
  std::string refused(const Start& start = start_in_cluster(5, "n5")) {
    disk.kill_process();
    const auto files = disk.files();
    const Result<DataDir> data = open_data_dir(disk, "/n5", start, kSmallSegments);
    EXPECT_FALSE(data);
    EXPECT_EQ(disk.files(), files);
    return data ? "" : data.error().message;
  }
  void starts_with_its_own() {
    disk.kill_process();
    const Result<DataDir> data = open_data_dir(disk, "/n5", start_in_cluster(5, "n5"), kSmallSegments);
    ASSERT_TRUE(data) << data.error().message;
    EXPECT_TRUE(has_voted(*data));
    EXPECT_TRUE(data->report.lost.empty()) << data->report.lost;
  }

  sim::SimDisk disk;
};

TEST_F(OneFileOfAnother, IsNamedAndSoIsItsOwner) {
  for (const std::string name :
       {"/hardstate", "/watermark", "/wal/00000000000000000001-00000000000000000001.seg"}) {
    for (const auto& [from, owner] :
         {std::pair<std::string, std::string>{"/n6", "member n6 of this cluster"},
          std::pair<std::string, std::string>{"/other", "a member of another cluster"}}) {
      put("/n5" + name, "/kept");
      put(from + name, "/n5" + name);
      const std::string said = refused();
      EXPECT_TRUE(
          said.starts_with("E_IDENTITY: /n5" + name + " is of " + owner +
                           ", in the directory of member n5: put back what is of member n5, or move away"))
          << said;
      put("/kept", "/n5" + name);
      starts_with_its_own();
    }
  }
}

TEST_F(OneFileOfAnother, MovedAwayCountsAsLost) {
  put("/n6/hardstate", "/n5/hardstate");
  EXPECT_NE(refused().find("E_IDENTITY"), std::string::npos);
  disk.remove_tree("/n5/hardstate");
  disk.kill_process();
  const Result<DataDir> data = open_data_dir(disk, "/n5", start_in_cluster(5, "n5"), kSmallSegments);
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_FALSE(data->recovered.raft.hard_state.life.full);
}

TEST_F(OneFileOfAnother, IdentityIsToldFromAWholeDiskOfAnother) {
  put("/n5/IDENTITY", "/kept");
  put("/n6/IDENTITY", "/n5/IDENTITY");
  const std::string of_this_cluster = refused();
  EXPECT_NE(of_this_cluster.find(
                "E_IDENTITY: /n5/IDENTITY is of member n6 of this cluster, and all else in /n5 of member "
                "n5: put back"),
            std::string::npos)
      << of_this_cluster;
  put("/other/IDENTITY", "/n5/IDENTITY");
  const std::string of_another = refused();
  EXPECT_NE(of_another.find(
                "E_IDENTITY: this start is of member n5 of cluster 0000000000000008, but /n5/hardstate, "),
            std::string::npos)
      << of_another;
  EXPECT_NE(of_another.find("of member n5 of cluster 0000000000000007, which the flags describe"),
            std::string::npos)
      << of_another;
  EXPECT_NE(of_another.find("IDENTITY alone is another's, move it away"), std::string::npos) << of_another;
  disk.remove_tree("/n5/IDENTITY");
  starts_with_its_own();
  put("/kept", "/n5/IDENTITY");
  starts_with_its_own();
}

TEST_F(OneFileOfAnother, ASnapshotOfAnotherClusterIsNamed) {
  const std::string folder = "/snap/00000000000000000001-00000000000000000003";
  for (const std::string file : {"/MANIFEST", "/chunks"})
    put("/other" + folder + file, "/n5" + folder + file);
  const std::string said = refused();
  EXPECT_TRUE(said.starts_with("E_IDENTITY: /n5" + folder + " is of another cluster")) << said;
  EXPECT_NE(said.find("move it away"), std::string::npos) << said;
  disk.remove_tree("/n5" + folder);
  starts_with_its_own();
}

// By somebody's hands: what is wrong, and what to do. Nothing else is changed, and once that is done it
// starts.
TEST(DataDir, AFolderWhereAFileBelongsIsRefusedAndNamed) {
  sim::SimDisk disk;
  {
    Result<DataDir> data = open_data_dir(disk, "/n5", start_in_cluster(5, "n5"), kSmallSegments);
    ASSERT_TRUE(data && vote(&*data));
  }
  for (const std::string name :
       {"IDENTITY", "hardstate", "watermark", "wal/00000000000000000001-00000000000000000001.seg"}) {
    disk.kill_process();
    const std::string path = "/n5/" + name;
    ASSERT_TRUE(disk.rename(path, "/kept") && disk.make_dir(path));
    const Result<DataDir> refused = open_data_dir(disk, "/n5", start_in_cluster(5, "n5"), kSmallSegments);
    ASSERT_FALSE(refused) << name;
    const std::string& said = refused.error().message;
    EXPECT_TRUE(said.starts_with("E_MISPLACED: /n5 cannot be used: open " + path + ":")) << said;
    EXPECT_NE(said.find("moved away counts as lost"), std::string::npos) << said;
    disk.kill_process();
    ASSERT_TRUE(disk.remove(path) && disk.rename("/kept", path));
    const Result<DataDir> again = open_data_dir(disk, "/n5", start_in_cluster(5, "n5"), kSmallSegments);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_TRUE(has_voted(*again));
    EXPECT_TRUE(again->report.lost.empty()) << again->report.lost;
  }
}

TEST(DataDir, AFileWhereAFolderBelongsIsRefusedAndNamed) {
  for (const std::string name : {"", "/wal", "/snap"}) {
    sim::SimDisk disk;
    disk.put("/n5" + name, "");
    const Result<DataDir> refused = open_data_dir(disk, "/n5", start_in_cluster(5, "n5"), kSmallSegments);
    ASSERT_FALSE(refused) << name;
    EXPECT_TRUE(refused.error().message.starts_with("E_MISPLACED: ")) << refused.error().message;
    EXPECT_NE(refused.error().message.find(" /n5" + name + ":"), std::string::npos)
        << refused.error().message;
  }
}

TEST(DataDir, InUseIsRefused) {
  sim::SimDisk disk;
  const Result<DataDir> first = open_data_dir(disk, "/n1", start_of(5, 1), kSmallSegments);
  ASSERT_TRUE(first);
  EXPECT_FALSE(open_data_dir(disk, "/n1", start_of(5, 2), kSmallSegments));
}

}  // namespace
}  // namespace cairn::server
