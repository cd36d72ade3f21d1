#include "server/restore.h"

#include <gtest/gtest.h>

#include "archive/writer.h"
#include "base/prng.h"
#include "base/sha256.h"
#include "raft/members.h"
#include "server/backup_file.h"
#include "server/data_dir.h"
#include "sim_disk/sim_disk.h"

namespace cairn::server {
namespace {

constexpr char kTwo[] = "a=http://h1:2380,b=http://h2:2380";

// A backup of a state with members of its own and nothing else.
std::string backup() {
  mvcc::StateMachine machine({{9, "old", {"http://old:1"}, {}}});
  const auto view = machine.view();
  const auto file = view->etcd_file();
  while (!file->measure()) {
  }
  std::string bytes;
  while (!file->finished()) file->read(1 << 20, &bytes);
  Sha256 hash;
  hash.update(bytes);
  return bytes + hash.digest();
}

void write(sim::SimDisk* disk, const std::string& path, const std::string& bytes) {
  const auto file = disk->open(path, io::OpenMode::create);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_TRUE((*file)->write_at(0, std::as_bytes(std::span(bytes))));
  ASSERT_TRUE((*file)->sync());
}

struct Restore : testing::Test {
  Restore() {
    EXPECT_TRUE(disk.make_dir("/srv"));
    write(&disk, "/srv/a.db", backup());
    EXPECT_TRUE(disk.sync_dir("/srv"));
  }
  static RestoreOrder order(const std::string& name, const std::string& dir) {
    return {.file = "/srv/a.db",
            .data_dir = dir,
            .name = name,
            .initial_cluster = kTwo,
            .initial_cluster_token = "new",
            .initial_advertise_peer_urls = "",
            .unix_ms = 5};
  }
  Result<DataDir> open(const RestoreOrder& of, const Restored& restored) {
    return open_data_dir(disk, of.data_dir,
                         {.bootstrap = restored.bootstrap, .name = of.name, .random = 77, .unix_ms = 6});
  }
  void cut_power() {
    Prng prng(1);
    disk.crash(prng, {.keep = 0, .lose = 1, .tear = 0, .names = sim::CrashOptions::Names::lose_all});
  }
  sim::SimDisk disk;
};

TEST_F(Restore, IsAFoundedMemberThatHasForgottenNothing) {
  const RestoreOrder a = order("a", "/srv/x/a");
  const Result<Restored> restored = restore(disk, a);
  ASSERT_TRUE(restored) << restored.error().message;
  cut_power();
  const Result<DataDir> data = open(a, *restored);
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_TRUE(data->notes.empty()) << data->notes[0];
  EXPECT_FALSE(data->first_start);
  EXPECT_EQ(data->report.lost, "");
  const raft::Recovered& raft = data->recovered.raft;
  EXPECT_TRUE(raft.hard_state.life.full);
  EXPECT_EQ(raft.hard_state.term, raft::Term{1});
  EXPECT_EQ(raft.snapshot.index, raft::Index{1});
  EXPECT_NE(raft.snapshot.chain, 0U);
  const raft::Recorded* const mine =
      raft::recorded(raft.snapshot.members, raft::NodeId{restored->bootstrap.self});
  ASSERT_NE(mine, nullptr);
  EXPECT_EQ(mine->incarnation, raft.hard_state.life.incarnation);
  EXPECT_TRUE(mine->founding);
  EXPECT_EQ(data->recovered.machine->applied_index(), 1U);
  // The new members, and not those of the backup.
  ASSERT_EQ(data->recovered.machine->members()->size(), 2U);
  EXPECT_EQ(data->recovered.machine->members()->count(9), 0U);
}

TEST_F(Restore, AllMembersAreAlikeAndAnotherClustersAreNot) {
  const RestoreOrder a = order("a", "/srv/a"), b = order("b", "/srv/b");
  RestoreOrder other = order("a", "/srv/other");
  other.initial_cluster_token = "newer";
  RestoreOrder bumped = order("a", "/srv/bumped");
  bumped.import.bump_revision = 5;
  RestoreOrder gone_back = order("a", "/srv/gone-back");
  gone_back.import.revision = 1;
  std::vector<raft::SnapshotMeta> metas;
  std::vector<std::uint64_t> hashes;
  for (const RestoreOrder& each : {a, b, other, bumped, gone_back}) {
    const auto restored = restore(disk, each);
    ASSERT_TRUE(restored) << restored.error().message;
    const auto data = open(each, *restored);
    ASSERT_TRUE(data) << data.error().message;
    metas.push_back(data->recovered.raft.snapshot);
    hashes.push_back(data->recovered.machine->state_hash());
  }
  EXPECT_EQ(metas[0], metas[1]);
  EXPECT_EQ(hashes[0], hashes[1]);
  EXPECT_NE(metas[0].members.incarnations, metas[2].members.incarnations);
  for (const std::size_t another : {std::size_t{3}, std::size_t{4}})
    for (std::size_t i = 0; i < 2; ++i)
      EXPECT_NE(metas[0].members.incarnations[i].incarnation,
                metas[another].members.incarnations[i].incarnation);
}

TEST_F(Restore, LeavesNothingBehindWhenItFails) {
  std::string damaged = backup();
  damaged[5000] ^= 1;
  write(&disk, "/srv/damaged.db", damaged);
  RestoreOrder each = order("a", "/srv/a");
  each.file = "/srv/damaged.db";
  const auto refused = restore(disk, each);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("E_BACKUP_DAMAGED"), std::string::npos);
  EXPECT_FALSE(disk.exists("/srv/a").value());
  // Its digest fits, and it makes no sense.
  Sha256 hash;
  std::string nonsense(8192, 'x');
  hash.update(nonsense);
  write(&disk, "/srv/nonsense.db", nonsense + hash.digest());
  each.file = "/srv/nonsense.db";
  const auto senseless = restore(disk, each);
  ASSERT_FALSE(senseless);
  EXPECT_NE(senseless.error().message.find("no bbolt file"), std::string::npos) << senseless.error().message;
  EXPECT_FALSE(disk.exists("/srv/a").value());
  EXPECT_FALSE(disk.exists("/srv/a.restoring").value());
  each.file = "/srv/a.db";
  EXPECT_TRUE(restore(disk, each));
}

TEST_F(Restore, TakesNoDirectoryThatSomebodyLivesIn) {
  ASSERT_TRUE(restore(disk, order("a", "/srv/a")));
  const auto again = restore(disk, order("a", "/srv/a/"));
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message.find("not empty"), std::string::npos);
  EXPECT_EQ(restore(disk, order("stranger", "/srv/s")).error().code, Code::invalid_argument);
}

// Archives behind the backup, which is at revision 1: each of one put, the second of another value.
std::string record_of(std::int64_t revision, const std::string& value) {
  // A KeyValue: key, create revision, mod revision, version, value.
  std::string record = "\x0a\x01k\x10\x02\x18";
  record += static_cast<char>(revision);
  record += "\x20";
  record += static_cast<char>(revision - 1);
  record += "\x2a\x01" + value;
  return record;
}
std::string archive_of(io::Disk* disk, const std::string& name, std::int64_t after, std::uint64_t lineage,
                       const std::string& value) {
  const auto writer = archive::Writer::create(
      *disk, "/srv", name,
      {.lineage = lineage, .cluster_id = 1, .after = after, .created_ms = 1, .base = "a.db"});
  EXPECT_TRUE(writer);
  const std::string record = record_of(after + 1, value);
  EXPECT_TRUE((*writer)->changes(2, {{false, record}}));
  EXPECT_TRUE((*writer)->sync());
  return "/srv/" + name;
}

TEST_F(Restore, GoesOnThroughArchivesToARevisionBehindTheBackup) {
  const std::string first = archive_of(&disk, "1", 1, 7, "x"), second = archive_of(&disk, "2", 2, 7, "y");
  const std::string otherwise = archive_of(&disk, "3", 2, 7, "z");
  std::vector<raft::Incarnation> incarnations;
  const auto lay_down = [&](const std::string& dir, std::vector<std::string> archives,
                            std::int64_t revision) {
    RestoreOrder each = order("a", dir);
    each.archives = std::move(archives);
    each.import.revision = revision;
    const Result<Restored> restored = restore(disk, each);
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_EQ(restored->facts.revision, revision);
    EXPECT_EQ(restored->facts.records, static_cast<std::uint64_t>(revision - 1));
    EXPECT_EQ(restored->facts.keys, 1U);
    const Result<DataDir> data = open(each, *restored);
    ASSERT_TRUE(data) << data.error().message;
    EXPECT_EQ(data->recovered.machine->revision(), revision);
    incarnations.push_back(data->recovered.raft.snapshot.members.incarnations[0].incarnation);
  };
  lay_down("/srv/x/1", {first, second}, 2);
  lay_down("/srv/x/2", {first, second}, 3);
  lay_down("/srv/x/3", {first, otherwise}, 3);
  ASSERT_EQ(incarnations.size(), 3U);
  EXPECT_NE(incarnations[0], incarnations[1]);
  EXPECT_NE(incarnations[1], incarnations[2]) << "another history is another cluster";
}

TEST_F(Restore, ArchivesThatDoNotFollowOneAnotherAreRefused) {
  const std::string first = archive_of(&disk, "1", 1, 7, "x");
  RestoreOrder each = order("a", "/srv/a");
  each.archives = {first, archive_of(&disk, "2", 2, 8, "y")};
  each.import.revision = 3;
  EXPECT_NE(restore(disk, each).error().message.find("/srv/2 does not go on where"), std::string::npos);
  each.archives[1] = archive_of(&disk, "3", 3, 7, "y");
  EXPECT_EQ(restore(disk, each).error().code, Code::data_loss);
  each.archives.pop_back();
  each.import.revision = 0;
  EXPECT_EQ(restore(disk, each).error().code, Code::invalid_argument);
  EXPECT_FALSE(disk.exists("/srv/a").value());
  EXPECT_FALSE(disk.exists("/srv/a.restoring").value());
}

TEST_F(Restore, ADatabaseWithoutADigestIsReadWhenAskedFor) {
  const std::string whole = backup();
  write(&disk, "/srv/db", whole.substr(0, whole.size() - Sha256::kBytes));
  EXPECT_NE(BackupFile::open(disk, "/srv/db", false).error().message.find("no digest"), std::string::npos);
  const auto file = BackupFile::open(disk, "/srv/db", true);
  ASSERT_TRUE(file);
  EXPECT_EQ((*file)->size(), whole.size() - Sha256::kBytes);
  std::string damaged = whole;
  damaged.back() ^= 1;
  write(&disk, "/srv/wrong", damaged);
  EXPECT_FALSE(BackupFile::open(disk, "/srv/wrong", false));
  EXPECT_TRUE(BackupFile::open(disk, "/srv/wrong", true));
}

}  // namespace
}  // namespace cairn::server
