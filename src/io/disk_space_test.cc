#include "io/disk_space.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace cairn::io {
namespace {

TEST(DiskSpace, AFolderTakesWhatItsFilesTake) {
  const std::string dir = testing::TempDir() + "disk_space_test";
  std::filesystem::remove_all(dir);
  std::filesystem::create_directories(dir + "/below");
  const auto before = folder_bytes(dir);
  ASSERT_TRUE(before);
  EXPECT_EQ(*before, 0U);
  std::ofstream(dir + "/a") << std::string(100'000, 'x');
  std::ofstream(dir + "/below/b") << std::string(1'000'000, 'x');
  const auto bytes = folder_bytes(dir);
  ASSERT_TRUE(bytes);
  EXPECT_GE(*bytes, 100'000U);
  EXPECT_LT(*bytes, 1'000'000U);
  const auto space = disk_space(dir);
  ASSERT_TRUE(space);
  EXPECT_GT(space->total_bytes, 1'000'000U);
  EXPECT_LE(space->free_bytes, space->total_bytes);
  std::filesystem::remove_all(dir);
  EXPECT_FALSE(folder_bytes(dir));
  EXPECT_FALSE(disk_space(dir));
}

}  // namespace
}  // namespace cairn::io
