#include "sim_disk/sim_disk.h"

#include <gtest/gtest.h>

namespace cairn::sim {
namespace {

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

std::unique_ptr<io::File> make(SimDisk& disk, const std::string& path) {
  auto file = disk.open(path, io::OpenMode::create);
  EXPECT_TRUE(file.has_value());
  return std::move(*file);
}

constexpr CrashOptions kLoseAll{.keep = 0, .lose = 1, .tear = 0, .names = CrashOptions::Names::lose_all};

TEST(SimDisk, LosesWhatWasNotSynced) {
  SimDisk disk;
  Prng prng(1);
  auto file = make(disk, "a");
  ASSERT_TRUE(file->write_at(0, bytes("durable")));
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(disk.sync_dir(""));
  ASSERT_TRUE(file->write_at(0, bytes("CACHED!!")));
  disk.crash(prng, kLoseAll);
  EXPECT_EQ(disk.contents("a"), "durable");
  EXPECT_FALSE(file->sync());
}

TEST(SimDisk, DropsNamesThatNoSyncDirCovered) {
  SimDisk disk;
  Prng prng(1);
  ASSERT_TRUE(make(disk, "a")->sync());
  disk.crash(prng, kLoseAll);
  EXPECT_FALSE(*disk.exists("a"));
}

TEST(SimDisk, ARenameIsAtomicAtACrash) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimDisk disk;
    Prng prng(seed);
    disk.put("a", "1");
    disk.put("b", "2");
    ASSERT_TRUE(disk.rename("a", "b"));
    disk.crash(prng);
    const std::string b = disk.contents("b");
    EXPECT_TRUE((b == "1" && !*disk.exists("a")) || (b == "2" && disk.contents("a") == "1"));
  }
}

TEST(SimDisk, TearsAtSectors) {
  SimDisk disk;
  disk.put("a", std::string(8192, 'a'));
  Prng prng(7);
  auto file = *disk.open("a", io::OpenMode::write);
  ASSERT_TRUE(file->write_at(0, bytes(std::string(8192, 'b'))));
  disk.crash(prng, {.keep = 0, .lose = 0, .tear = 1});
  const std::string content = disk.contents("a");
  EXPECT_NE(content.find('a'), std::string::npos);
  EXPECT_NE(content.find('b'), std::string::npos);
  for (std::size_t sector = 0; sector < content.size(); sector += 512) {
    EXPECT_EQ(content.substr(sector, 512), std::string(512, content[sector]));
  }
}

TEST(SimDisk, AFailedSyncForgetsTheWrites) {
  SimDisk disk;
  disk.put("a", "old");
  Prng prng(1);
  auto file = *disk.open("a", io::OpenMode::write);
  ASSERT_TRUE(file->write_at(0, bytes("new")));
  disk.fail_io(1, Code::internal, false);
  EXPECT_FALSE(file->sync());
  EXPECT_TRUE(file->sync());  // lies, as Linux does
  EXPECT_EQ(disk.contents("a"), "new");
  disk.crash(prng, {.keep = 1, .lose = 0, .tear = 0});
  EXPECT_EQ(disk.contents("a"), "old");
}

TEST(SimDisk, IsFullAtItsCapacity) {
  SimDisk disk;
  auto file = make(disk, "a");
  disk.set_capacity(10);
  ASSERT_TRUE(file->write_at(0, bytes("0123456789")));
  const Status full = file->write_at(10, bytes("x"));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::resource_exhausted);
  EXPECT_TRUE(file->write_at(0, bytes("abc")));
  ASSERT_TRUE(disk.remove("a"));
  EXPECT_EQ(disk.used_bytes(), 0U);
}

TEST(SimDisk, ALostWriteReportsSuccessAndGoesNowhere) {
  SimDisk disk;
  disk.put("a", std::string(1024, 'a'));
  auto file = *disk.open("a", io::OpenMode::write);
  disk.lose_write(1);
  ASSERT_TRUE(file->write_at(0, bytes("lost")));
  ASSERT_TRUE(file->write_at(4, bytes("kept")));
  EXPECT_EQ(disk.contents("a").substr(0, 8), "aaaakept");
}

TEST(SimDisk, AMisdirectedWriteLandsElsewhere) {
  SimDisk disk;
  disk.put("a", std::string(1024, 'a'));
  auto file = *disk.open("a", io::OpenMode::write);
  disk.misdirect_write(1, 512);
  ASSERT_TRUE(file->write_at(0, bytes("stray")));
  EXPECT_EQ(disk.contents("a").substr(0, 5), "aaaaa");
  EXPECT_EQ(disk.contents("a").substr(512, 5), "stray");
}

TEST(SimDisk, AMisdirectedWriteStaysWithinItsFile) {
  SimDisk disk;
  disk.put("a", std::string(1024, 'a'));
  auto file = *disk.open("a", io::OpenMode::write);
  disk.misdirect_write(1, 1024 + 700);
  ASSERT_TRUE(file->write_at(0, bytes(std::string(600, 'b'))));
  EXPECT_EQ(disk.contents("a"), std::string(512, 'a') + std::string(512, 'b'));
}

TEST(SimDisk, AMisplacedWriteMayArriveLate) {
  for (const bool is_lost : {true, false}) {
    SimDisk disk;
    Prng prng(1);
    disk.put("a", std::string(1024, 'a'));
    auto file = *disk.open("a", io::OpenMode::write);
    is_lost ? disk.lose_write(1) : disk.misdirect_write(1, 512);
    ASSERT_TRUE(file->write_at(0, bytes("late")));
    ASSERT_TRUE(file->sync());
    ASSERT_TRUE(file->write_at(100, bytes("next")));
    EXPECT_EQ(disk.misplaced(), is_lost ? "4 bytes at 0 of a" : "4 bytes at 0 of a, written at 512");
    disk.place_late();
    EXPECT_EQ(disk.misplaced(), "");
    disk.crash(prng, {.keep = 0, .lose = 1, .tear = 0});
    EXPECT_EQ(disk.contents("a"), "late" + std::string(1020, 'a'));
  }
}

TEST(SimDisk, WhatWasWrittenSinceIsNotUndoneByALateWrite) {
  SimDisk disk;
  disk.put("a", std::string(1024, 'a'));
  auto file = *disk.open("a", io::OpenMode::write);
  disk.misdirect_write(1, 512);
  ASSERT_TRUE(file->write_at(0, bytes("old")));
  ASSERT_TRUE(file->write_at(0, bytes("new")));
  ASSERT_TRUE(file->write_at(512, bytes("new")));
  disk.place_late();
  EXPECT_EQ(disk.contents("a").substr(0, 4), "newa");
  EXPECT_EQ(disk.contents("a").substr(512, 4), "newa");
}

TEST(SimDisk, ACopyIsWhatWasDurableAndCanBeRolledBackTo) {
  SimDisk disk;
  disk.put("dir/a", "old");
  auto file = *disk.open("dir/a", io::OpenMode::write);
  ASSERT_TRUE(file->write_at(0, bytes("new")));
  const auto copy = disk.copy();
  ASSERT_TRUE(file->sync());
  disk.remove_tree("dir");
  EXPECT_TRUE(disk.files().empty());
  EXPECT_EQ(disk.used_bytes(), 0U);
  disk.restore(*copy);
  EXPECT_EQ(disk.contents("dir/a"), "old");
  disk.cut_file("dir/a", 1);
  EXPECT_EQ(disk.contents("dir/a"), "o");
  disk.restore(*copy);
  EXPECT_EQ(disk.contents("dir/a"), "old");
}

TEST(SimDisk, ASecondLockIsRefusedUntilTheFirstGoesOrCrashes) {
  SimDisk disk;
  Prng prng(1);
  auto first = disk.lock("LOCK");
  ASSERT_TRUE(first);
  EXPECT_FALSE(disk.lock("LOCK"));
  disk.crash(prng);
  auto second = disk.lock("LOCK");
  ASSERT_TRUE(second);
  first->reset();
  EXPECT_FALSE(disk.lock("LOCK"));
}

}  // namespace
}  // namespace cairn::sim
