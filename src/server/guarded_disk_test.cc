#include "server/guarded_disk.h"

#include <gtest/gtest.h>

#include <future>

#include "sim_disk/sim_disk.h"

namespace cairn::server {
namespace {

constexpr GuardedDisk::Limits kOnlyByName{.check_interval = std::chrono::hours(1)};

struct Guarded {
  sim::SimDisk inner;
  std::vector<std::string> lost;
  GuardedDisk disk;

  explicit Guarded(const GuardedDisk::Limits& limits = kOnlyByName)
      : disk(
            inner, [this](const Error& error) { lost.push_back(error.message); }, limits) {
    inner.put("/data/IDENTITY", "n1");
    auto lock = inner.lock("/data/LOCK");
    EXPECT_TRUE(lock && (*lock)->watch("IDENTITY"));
    disk.hold(std::move(*lock));
  }
};

TEST(GuardedDisk, NothingIsSaidWhileAllIsInItsPlace) {
  Guarded guarded;
  EXPECT_TRUE(guarded.disk.open("/data/IDENTITY", io::OpenMode::read));
  EXPECT_TRUE(guarded.disk.open("/data/new", io::OpenMode::create));
  EXPECT_TRUE(guarded.disk.rename("/data/new", "/data/newer"));
  EXPECT_TRUE(guarded.lost.empty());
}

TEST(GuardedDisk, ADirectoryThatIsDeletedIsNoticedByWhateverGoesByNameNext) {
  const std::vector<std::function<bool(io::Disk&)>> all = {
      [](io::Disk& disk) { return disk.open("/data/a", io::OpenMode::create).has_value(); },
      [](io::Disk& disk) { return disk.make_dir("/data").has_value(); },
      [](io::Disk& disk) { return disk.list("/").has_value(); },
      [](io::Disk& disk) { return disk.exists("/data").has_value(); },
      [](io::Disk& disk) { return disk.rename("/other", "/data").has_value(); },
      [](io::Disk& disk) { return disk.remove("/other").has_value(); },
      [](io::Disk& disk) { return disk.sync_dir("/").has_value(); },
      [](io::Disk& disk) { return disk.open_dir("/").has_value(); },
      [](io::Disk& disk) { return disk.room_bytes("/").has_value(); }};
  for (const auto& operation : all) {
    Guarded guarded;
    guarded.inner.put("/other", "");
    guarded.inner.remove_tree("/data");
    EXPECT_FALSE(operation(guarded.disk));
    EXPECT_EQ(guarded.lost, std::vector<std::string>{"/data is gone"});
    EXPECT_TRUE(*guarded.inner.exists("/other")) << "nothing was changed";
  }
}

TEST(GuardedDisk, AnotherDirectoryInItsPlaceIsNoticedOnce) {
  Guarded guarded;
  ASSERT_TRUE(guarded.inner.rename("/data", "/elsewhere"));
  guarded.inner.put("/data/IDENTITY", "n1");
  EXPECT_FALSE(guarded.disk.open("/data/IDENTITY", io::OpenMode::read));
  EXPECT_FALSE(guarded.disk.open("/data/IDENTITY", io::OpenMode::read));
  ASSERT_EQ(guarded.lost.size(), 1U);
  EXPECT_NE(guarded.lost[0].find("/data is another"), std::string::npos) << guarded.lost[0];
}

TEST(GuardedDisk, AWatchedFileThatIsReplacedIsNoticed) {
  Guarded guarded;
  ASSERT_TRUE(guarded.inner.remove("/data/IDENTITY"));
  guarded.inner.put("/data/IDENTITY", "n1");
  EXPECT_FALSE(guarded.disk.exists("/data"));
  ASSERT_EQ(guarded.lost.size(), 1U);
  EXPECT_NE(guarded.lost[0].find("/data/IDENTITY"), std::string::npos) << guarded.lost[0];
}

TEST(GuardedDisk, WithoutAnythingThatGoesByNameItIsNoticedAfterTheInterval) {
  sim::SimDisk inner;
  inner.put("/data/IDENTITY", "n1");
  auto lock = inner.lock("/data/LOCK");
  ASSERT_TRUE(lock);
  inner.remove_tree("/data");
  std::promise<std::string> lost;
  GuardedDisk disk(inner, [&lost](const Error& error) { lost.set_value(error.message); },
                   {.check_interval = std::chrono::microseconds(1)});
  disk.hold(std::move(*lock));
  EXPECT_EQ(lost.get_future().get(), "/data is gone");
}

}  // namespace
}  // namespace cairn::server
