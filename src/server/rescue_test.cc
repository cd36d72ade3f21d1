#include "server/rescue.h"

#include <gtest/gtest.h>

#include <initializer_list>

#include "mvcc/etcd_import.h"
#include "proto/command.pb.h"
#include "server/backup_file.h"
#include "server/restore.h"
#include "sim_disk/sim_disk.h"
#include "wal/wal.h"

namespace cairn::server {
namespace {

constexpr wal::Identity kOwner{7, 9};

raft::Entry put(std::uint64_t term, std::uint64_t index, const std::string& key) {
  command::Batch batch;
  auto* request = batch.add_commands()->mutable_put();
  request->set_key(key);
  request->set_value("v");
  return {raft::Term{term}, raft::Index{index}, raft::EntryType::command,
          make_bytes(batch.SerializeAsString())};
}

struct Rescue : testing::Test {
  Rescue() { EXPECT_TRUE(disk.make_dir("/srv")); }

  // The log of a member that was stopped.
  void write_log(std::initializer_list<std::vector<raft::Entry>> writes) {
    ASSERT_TRUE(disk.make_dir("/srv/n1"));
    wal::Options options;
    options.fresh = raft::Incarnation{5};
    auto opened = wal::Wal::open(disk, "/srv/n1", kOwner, raft::SnapshotMeta{}, options);
    ASSERT_TRUE(opened) << opened.error().message;
    for (const std::vector<raft::Entry>& entries : writes) {
      raft::LogWrite write;
      write.entries = entries;
      ASSERT_TRUE(opened->wal->append(write));
    }
    ASSERT_TRUE(opened->wal->sync());
    ASSERT_TRUE(opened->wal->close());
  }
  Result<Rescued> rescue_it() {
    bytes.clear();
    return rescue(disk, "/srv/n1", [this](std::string_view piece) {
      bytes += piece;
      return Status();
    });
  }
  // As `snapshot status` reads it.
  mvcc::EtcdFileFacts facts() {
    const auto file = disk.open("/srv/a.db", io::OpenMode::create);
    EXPECT_TRUE((*file)->write_at(0, std::as_bytes(std::span(bytes))));
    const auto backup = BackupFile::open(disk, "/srv/a.db", false);
    EXPECT_TRUE(backup) << backup.error().message;
    return *mvcc::facts_of(backup->get());
  }

  sim::SimDisk disk;
  std::string bytes;
};

TEST_F(Rescue, AllThatTheLogHoldsIsSaved) {
  write_log({{put(1, 1, "a"), put(1, 2, "b")}, {put(1, 3, "a")}});
  const auto rescued = rescue_it();
  ASSERT_TRUE(rescued) << rescued.error().message;
  EXPECT_EQ(rescued->term, raft::Term{1});
  EXPECT_EQ(rescued->index, raft::Index{3});
  EXPECT_EQ(rescued->revision, 4);
  EXPECT_TRUE(rescued->notes.empty());
  EXPECT_EQ(facts().keys, 2u);
}

TEST_F(Rescue, WhatALaterLeaderReplacedIsNot) {
  write_log({{put(1, 1, "a"), put(1, 2, "b"), put(1, 3, "c"), put(1, 4, "d")}, {put(2, 2, "x")}});
  const auto rescued = rescue_it();
  ASSERT_TRUE(rescued) << rescued.error().message;
  EXPECT_EQ(rescued->term, raft::Term{2});
  EXPECT_EQ(rescued->index, raft::Index{2});
  EXPECT_EQ(facts().keys, 2u) << "a and x";
}

TEST_F(Rescue, WhatCannotBeWrittenEndsIt) {
  write_log({{put(1, 1, "a")}});
  const auto rescued = rescue(disk, "/srv/n1", [](std::string_view) { return fail(io::kFull, "no room"); });
  ASSERT_FALSE(rescued);
  EXPECT_EQ(rescued.error().code, io::kFull);
}

TEST_F(Rescue, NobodyRunsInTheDirectoryMeanwhile) {
  write_log({{put(1, 1, "a")}});
  const auto lock = disk.lock("/srv/n1/LOCK");
  ASSERT_TRUE(lock);
  EXPECT_EQ(rescue_it().error().code, Code::failed_precondition);
}

TEST_F(Rescue, AFolderOfSomethingElseIsLeftAlone) {
  ASSERT_TRUE(disk.make_dir("/srv/n1"));
  EXPECT_EQ(rescue_it().error().code, Code::not_found);
  EXPECT_TRUE(disk.list("/srv/n1")->empty());
}

}  // namespace
}  // namespace cairn::server
