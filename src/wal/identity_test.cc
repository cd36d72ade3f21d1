#include "wal/identity.h"

#include <gtest/gtest.h>

#include "sim_disk/sim_disk.h"
#include "wal/quarantine.h"

namespace cairn::wal {
namespace {

const IdentityFile kContent{.identity = {7, 9}, .created_unix_ms = 123, .bootstrap = std::string(70, 'b')};
constexpr std::uint64_t kCopyBits = (4096 + 65536) * 8;

struct Directory {
  sim::SimDisk disk;
  Directory() { disk.put("data/junk", ""); }
};

TEST(IdentityFile, IsWrittenOnceAndReadBack) {
  Directory d;
  EXPECT_EQ(read_identity(d.disk, "data").error().code, Code::not_found);
  ASSERT_TRUE(create_identity(d.disk, "data", kContent));
  const auto read = read_identity(d.disk, "data");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->identity.cluster_id, 7U);
  EXPECT_EQ(read->identity.member_id, 9U);
  EXPECT_EQ(read->created_unix_ms, 123U);
  EXPECT_EQ(read->bootstrap, kContent.bootstrap);
  EXPECT_EQ(create_identity(d.disk, "data", kContent).error().code, Code::failed_precondition);
}

TEST(IdentityFile, TakesTheLargestBootstrapAndNoLarger) {
  Directory d;
  IdentityFile content = kContent;
  content.bootstrap = std::string(kBootstrapBytesMax + 1, 'x');
  EXPECT_EQ(create_identity(d.disk, "data", content).error().code, Code::invalid_argument);
  content.bootstrap.pop_back();
  ASSERT_TRUE(create_identity(d.disk, "data", content));
  EXPECT_EQ(read_identity(d.disk, "data")->bootstrap, content.bootstrap);
}

TEST(IdentityFile, WhatIsFarTooLargeIsNotCopiedAsideButRefused) {
  Directory d;
  ASSERT_TRUE(create_identity(d.disk, "data", kContent));
  const auto file = d.disk.open("data/IDENTITY", io::OpenMode::write);
  ASSERT_TRUE((*file)->truncate(kCopiedAsideBytesMax));
  EXPECT_TRUE(renew_identity(d.disk, "data", kContent));
  ASSERT_TRUE((*d.disk.open("data/IDENTITY", io::OpenMode::write))->truncate(kCopiedAsideBytesMax + 1));
  const Status renewed = renew_identity(d.disk, "data", kContent);
  ASSERT_FALSE(renewed);
  EXPECT_EQ(renewed.error().code, io::kMisplaced);
  EXPECT_NE(renewed.error().message.find("move this away"), std::string::npos) << renewed.error().message;
}

TEST(IdentityFile, SurvivesOneDamagedCopyAndNamesTwo) {
  Directory d;
  ASSERT_TRUE(create_identity(d.disk, "data", kContent));
  for (std::uint64_t bit = 0; bit < 600; ++bit) {
    d.disk.flip_bit("data/IDENTITY", bit);
    const auto read = read_identity(d.disk, "data");
    ASSERT_TRUE(read) << bit;
    EXPECT_EQ(read->bootstrap, kContent.bootstrap);
    EXPECT_TRUE(read->is_damaged) << bit;
    d.disk.flip_bit("data/IDENTITY", kCopyBits + bit);
    const auto lost = read_identity(d.disk, "data");
    ASSERT_FALSE(lost) << bit;
    EXPECT_NE(lost.error().message.find("E_IDENTITY"), std::string::npos);
    d.disk.flip_bit("data/IDENTITY", bit);
    d.disk.flip_bit("data/IDENTITY", kCopyBits + bit);
  }
}

TEST(IdentityFile, RenewingItSurvivesACrashAtEveryChange) {
  Prng prng(6);
  for (std::uint64_t stop = 1;; ++stop) {
    Directory d;
    ASSERT_TRUE(create_identity(d.disk, "data", kContent));
    EXPECT_FALSE(read_identity(d.disk, "data")->is_damaged);
    d.disk.flip_bit("data/IDENTITY", kCopyBits + 77);
    const std::string damaged = d.disk.contents("data/IDENTITY");
    d.disk.stop_at_change(stop);
    const bool renewed = renew_identity(d.disk, "data", kContent).has_value();
    d.disk.crash(prng);
    const auto read = read_identity(d.disk, "data");
    ASSERT_TRUE(read) << stop;
    EXPECT_EQ(read->bootstrap, kContent.bootstrap);
    if (!renewed) continue;
    EXPECT_FALSE(read->is_damaged);
    EXPECT_EQ(d.disk.contents("data/quarantine/IDENTITY"), damaged);
    break;
  }
}

TEST(IdentityFile, ACrashLeavesAllOrNothing) {
  Prng prng(5);
  for (std::uint64_t stop = 1;; ++stop) {
    Directory d;
    d.disk.stop_at_change(stop);
    const bool created = create_identity(d.disk, "data", kContent).has_value();
    d.disk.crash(prng);
    const auto read = read_identity(d.disk, "data");
    if (!read) {
      EXPECT_EQ(read.error().code, Code::not_found);
      EXPECT_FALSE(created);
      EXPECT_TRUE(create_identity(d.disk, "data", kContent));
    }
    if (created) break;
  }
}

TEST(IdentityFile, AnotherMembersDirectoryIsRefused) {
  EXPECT_TRUE(check_identity("data", {7, 9}, {7, 9}));
  const Status other = check_identity("data", {7, 9}, {7, 10});
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("E_IDENTITY"), std::string::npos);
  EXPECT_NE(other.error().message.find("member 0000000000000009 of cluster 0000000000000007"),
            std::string::npos);
}

}  // namespace
}  // namespace cairn::wal
