#include "io/posix_disk.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

// Also with the lock file deleted: the folder is locked as well, and whoever is refused creates nothing.
TEST_F(PosixDiskTest, ALockWithoutItsFileIsStillHeld) {
  const auto first = disk_.lock(dir_ + "/LOCK");
  ASSERT_TRUE(first);
  ASSERT_TRUE(disk_.remove(dir_ + "/LOCK"));
  const auto second = disk_.lock(dir_ + "/LOCK");
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("held by another process"), std::string::npos);
  EXPECT_FALSE(*disk_.exists(dir_ + "/LOCK"));
}

TEST_F(PosixDiskTest, WhoHoldsALockIsToldWithoutTakingIt) {
  EXPECT_EQ(lock_holder(dir_ + "/LOCK"), "");
  EXPECT_FALSE(*disk_.exists(dir_ + "/LOCK")) << "asking creates nothing";
  auto lock = disk_.lock(dir_ + "/LOCK");
  EXPECT_EQ(lock_holder(dir_ + "/LOCK"), "process " + std::to_string(::getpid()));
  ASSERT_TRUE(disk_.remove(dir_ + "/LOCK"));
  EXPECT_EQ(lock_holder(dir_ + "/LOCK"), "another process") << "the folder is locked as well";
  lock->reset();
  EXPECT_EQ(lock_holder(dir_ + "/LOCK"), "");
}

class PosixLockTest : public PosixDiskTest {
 protected:
  void SetUp() override {
    PosixDiskTest::SetUp();
    ASSERT_TRUE(disk_.open(dir_ + "/watched", OpenMode::create));
    lock_ = std::move(*disk_.lock(dir_ + "/LOCK"));
    ASSERT_TRUE(lock_->watch("watched"));
    ASSERT_TRUE(lock_->check());
  }
  void TearDown() override {
    std::filesystem::remove_all(dir_ + ".moved");
    PosixDiskTest::TearDown();
  }
  std::string said() {
    const Status held = lock_->check();
    if (held) return "";
    EXPECT_EQ(held.error().code, Code::data_loss);
    return held.error().message;
  }

  std::unique_ptr<DirectoryLock> lock_;
};

TEST_F(PosixLockTest, SaysWhichOfItsPathsIsGone) {
  std::filesystem::remove(dir_ + "/watched");
  EXPECT_EQ(said(), dir_ + "/watched is gone");
  std::filesystem::remove(dir_ + "/LOCK");
  EXPECT_EQ(said(), dir_ + "/LOCK is gone");
  std::filesystem::remove_all(dir_);
  EXPECT_EQ(said(), dir_ + " is gone");
}

TEST_F(PosixLockTest, KnowsItsFolderFromACopy) {
  std::filesystem::rename(dir_, dir_ + ".moved");
  EXPECT_EQ(said(), dir_ + " is gone");
  std::filesystem::copy(dir_ + ".moved", dir_);
  EXPECT_NE(said().find(dir_ + " is another folder"), std::string::npos) << said();
  std::filesystem::remove_all(dir_);
  std::filesystem::rename(dir_ + ".moved", dir_);
  EXPECT_EQ(said(), "") << "it is back";
}

// A number of an inode that is free again is often given to the next file that is made.
TEST_F(PosixLockTest, KnowsAFileFromAnotherThatIsMadeInItsPlace) {
  std::filesystem::remove(dir_ + "/watched");
  ASSERT_TRUE(disk_.open(dir_ + "/watched", OpenMode::create));
  EXPECT_NE(said().find(dir_ + "/watched is another file"), std::string::npos) << said();
}

TEST_F(PosixLockTest, CannotWatchWhatIsNotThere) { EXPECT_FALSE(lock_->watch("missing")); }

// What is in the way is said, and how to get it out of there; none of it is taken for a file that is missing.
class MisplacedTest : public PosixDiskTest {
 protected:
  void SetUp() override {
    PosixDiskTest::SetUp();
    ASSERT_TRUE(disk_.make_dir(dir_ + "/folder"));
    ASSERT_TRUE(disk_.open(dir_ + "/file", OpenMode::create));
    std::filesystem::create_symlink("/nowhere/at/all", dir_ + "/link");
    ASSERT_EQ(::mkfifo((dir_ + "/pipe").c_str(), 0600), 0);
  }
  template <class T>
  void expect(const Result<T>& done, const std::string& said) {
    ASSERT_FALSE(done) << said;
    EXPECT_EQ(done.error().code, kMisplaced) << done.error().message;
    EXPECT_NE(done.error().message.find(said), std::string::npos) << done.error().message;
    EXPECT_NE(done.error().message.find("; "), std::string::npos) << "what to do";
  }
};

TEST_F(MisplacedTest, AFolderWhereAFileBelongs) {
  const std::string said = dir_ + "/folder: it is a folder, where a file belongs; put back";
  expect(disk_.open(dir_ + "/folder", OpenMode::read), "open " + said);
  expect(disk_.open(dir_ + "/folder", OpenMode::write), "open " + said);
  expect(disk_.lock(dir_ + "/folder"), "open lock " + said);
}

TEST_F(MisplacedTest, AFileWhereAFolderBelongs) {
  const std::string said = dir_ + "/file: it is a file, where a folder belongs; put back";
  expect(disk_.make_dir(dir_ + "/file"), "mkdir " + said);
  expect(disk_.list(dir_ + "/file"), "list " + said);
  expect(disk_.open_dir(dir_ + "/file"), "open directory " + said);
  expect(disk_.open(dir_ + "/file/a", OpenMode::read),
         "as " + dir_ + "/file is a file, where a folder belongs");
  expect(disk_.exists(dir_ + "/file/a"), "as " + dir_ + "/file is a file, where a folder belongs");
}

TEST_F(MisplacedTest, ALinkThatLeadsNowhere) {
  const std::string said = "is a symbolic link to /nowhere/at/all, which is not there; bring that back";
  expect(disk_.open(dir_ + "/link", OpenMode::read), "open " + dir_ + "/link: it " + said);
  expect(disk_.exists(dir_ + "/link"), "stat " + dir_ + "/link: it " + said);
  expect(disk_.exists(dir_ + "/link/a"), "stat " + dir_ + "/link/a: " + dir_ + "/link " + said);
  expect(disk_.make_dir(dir_ + "/link"), "mkdir " + dir_ + "/link: it " + said);
  expect(disk_.list(dir_ + "/link"), "list " + dir_ + "/link: it " + said);
}

TEST_F(MisplacedTest, APipeWhereAFileBelongsLetsNobodyWait) {
  expect(disk_.open(dir_ + "/pipe", OpenMode::read), "it is a named pipe, where a file belongs");
  expect(disk_.lock(dir_ + "/pipe"), "it is a named pipe, where a file belongs");
}

TEST_F(MisplacedTest, ASocketWhereAFileBelongs) {
  ASSERT_EQ(::mknod((dir_ + "/socket").c_str(), S_IFSOCK | 0600, 0), 0);
  expect(disk_.open(dir_ + "/socket", OpenMode::read), "it is a socket, where a file belongs");
  expect(disk_.open(dir_ + "/socket", OpenMode::write), "it is a socket, where a file belongs");
}

TEST_F(MisplacedTest, LinksInACircle) {
  std::filesystem::create_symlink(dir_ + "/circle", dir_ + "/circle");
  expect(disk_.open(dir_ + "/circle", OpenMode::read), "Too many levels of symbolic links");
}

TEST_F(PosixDiskTest, WhoIsDeniedIsToldWhoMay) {
  ASSERT_TRUE(disk_.make_dir(dir_ + "/closed"));
  ASSERT_TRUE(disk_.open(dir_ + "/closed/a", OpenMode::create));
  std::filesystem::permissions(dir_ + "/closed", std::filesystem::perms::none);
  std::filesystem::permissions(dir_, std::filesystem::perms::all);
  const uid_t before = ::geteuid();
  if (before == 0) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const auto opened = disk_.open(dir_ + "/closed/a", OpenMode::read);
  const std::string self = std::to_string(::geteuid());
  ASSERT_EQ(::seteuid(before), 0);
  std::filesystem::permissions(dir_ + "/closed", std::filesystem::perms::owner_all);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::permission_denied);
  const std::string& said = opened.error().message;
  EXPECT_NE(said.find("; " + dir_ + "/closed is of user " + std::to_string(before) + " with mode 0000"),
            std::string::npos)
      << said;
  EXPECT_NE(said.find("runs as user " + self), std::string::npos) << said;
}

}  // namespace
}  // namespace cairn::io
