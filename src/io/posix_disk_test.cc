#include "io/posix_disk.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>

namespace cairn::io {
namespace {

class PosixDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(dir_);
    ASSERT_TRUE(disk_.make_dir(dir_));
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  const std::string dir_ =
      (std::filesystem::temp_directory_path() / ("cairn_posix_disk_" + std::to_string(::getpid()))).string();
  PosixDisk disk_;
};

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST_F(PosixDiskTest, ReadsBackWhatWasWritten) {
  auto file = *disk_.open(dir_ + "/a", OpenMode::create);
  ASSERT_TRUE(file->write_at(5, bytes("hello")));
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(disk_.sync_dir(dir_));
  EXPECT_EQ(*file->size(), 10U);
  std::string into(20, 'x');
  EXPECT_EQ(*file->read_at(0, std::as_writable_bytes(std::span(into))), 10U);
  EXPECT_EQ(into.substr(0, 10), std::string(5, '\0') + "hello");
  ASSERT_TRUE(file->truncate(7));
  EXPECT_EQ(*file->size(), 7U);
}

TEST_F(PosixDiskTest, ErrorsNamePathAndReason) {
  const auto missing = disk_.open(dir_ + "/missing", OpenMode::read);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
  EXPECT_EQ(missing.error().message, "open " + dir_ + "/missing: No such file or directory");
  ASSERT_TRUE(disk_.open(dir_ + "/a", OpenMode::create));
  EXPECT_EQ(disk_.open(dir_ + "/a", OpenMode::create).error().code, Code::failed_precondition);
  EXPECT_EQ(disk_.list(dir_ + "/missing").error().code, Code::not_found);
  EXPECT_FALSE(disk_.make_dir(dir_ + "/a"));
  EXPECT_TRUE(disk_.make_dir(dir_));
}

TEST_F(PosixDiskTest, AFullDeviceIsResourceExhausted) {
  auto full = disk_.open("/dev/full", OpenMode::write);
  if (!full) GTEST_SKIP() << "no /dev/full here: " << full.error().message;
  EXPECT_EQ((*full)->write_at(0, bytes("x")).error().code, Code::resource_exhausted);
}

TEST_F(PosixDiskTest, RunningOutOfDescriptorsIsAShortageThatPasses) {
  const auto directory = disk_.open_dir(dir_);
  ASSERT_TRUE(directory);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto created = disk_.open(dir_ + "/a", OpenMode::create);
  const Status synced = disk_.sync_dir(dir_);
  const Status held = (*directory)->sync();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, kPassing);
  EXPECT_TRUE(is_shortage(created.error()));
  EXPECT_FALSE(synced);
  EXPECT_TRUE(held) << "a folder that is open already needs nothing";
  EXPECT_FALSE(*disk_.exists(dir_ + "/a"));
}

TEST_F(PosixDiskTest, ListsRenamesAndRemoves) {
  ASSERT_TRUE(disk_.make_dir(dir_ + "/folder"));
  ASSERT_TRUE(disk_.open(dir_ + "/b", OpenMode::create));
  ASSERT_TRUE(disk_.rename(dir_ + "/b", dir_ + "/a"));
  EXPECT_EQ(*disk_.list(dir_), (std::vector<std::string>{"a", "folder"}));
  EXPECT_TRUE(*disk_.exists(dir_ + "/a"));
  EXPECT_FALSE(*disk_.exists(dir_ + "/b"));
  ASSERT_TRUE(disk_.remove(dir_ + "/a"));
  ASSERT_TRUE(disk_.remove(dir_ + "/folder"));
  EXPECT_TRUE(disk_.list(dir_)->empty());
}

TEST_F(PosixDiskTest, ALargeFileThatIsRemovedIsHandedOverToBeFreed) {
  std::vector<std::unique_ptr<File>> removed;
  PosixDisk disk([&](std::unique_ptr<File> file) { removed.push_back(std::move(file)); });
  for (const char* name : {"/small", "/large"})
    ASSERT_TRUE((*disk.open(dir_ + name, OpenMode::create))->truncate(PosixDisk::kLargeBytes));
  ASSERT_TRUE((*disk.open(dir_ + "/large", OpenMode::write))->truncate(PosixDisk::kLargeBytes + 1));
  ASSERT_TRUE(disk.make_dir(dir_ + "/folder"));
  for (const char* name : {"/small", "/large", "/folder"}) ASSERT_TRUE(disk.remove(dir_ + name));
  EXPECT_TRUE(disk.list(dir_)->empty());
  ASSERT_EQ(removed.size(), 1U);
  EXPECT_EQ(*removed[0]->size(), PosixDisk::kLargeBytes + 1);
  EXPECT_TRUE(removed[0]->truncate(0));
  EXPECT_EQ(disk.remove(dir_ + "/large").error().code, Code::not_found);
  EXPECT_EQ(removed.size(), 1U);
}

TEST_F(PosixDiskTest, ASecondLockIsRefusedAndNamesTheHolder) {
  auto first = disk_.lock(dir_ + "/LOCK");
  ASSERT_TRUE(first);
  const auto second = disk_.lock(dir_ + "/LOCK");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::failed_precondition);
  EXPECT_NE(second.error().message.find("process " + std::to_string(::getpid())), std::string::npos);
  first->reset();
  EXPECT_TRUE(disk_.lock(dir_ + "/LOCK"));
}

}  // namespace
}  // namespace cairn::io
