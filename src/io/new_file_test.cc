#include "io/new_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace cairn::io {
namespace {

struct NewFile : testing::Test {
  NewFile() { std::filesystem::create_directories(folder); }
  ~NewFile() override { std::filesystem::remove_all(folder); }
  std::string path(const std::string& name) const { return folder + "/" + name; }
  std::string text(const std::string& name) const {
    std::ifstream in(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  unsigned mode(const std::string& name) const {
    struct stat found {};
    return ::stat(path(name).c_str(), &found) == 0 ? found.st_mode & 0777 : 0;
  }
  const std::string folder = testing::TempDir() + "new_file_" + std::to_string(::getpid());
};

TEST_F(NewFile, IsForWhomItIsSaidToBe) {
  ASSERT_TRUE(write_new_file(path("key"), "secret", Readable::by_owner));
  EXPECT_EQ(text("key"), "secret");
  EXPECT_EQ(mode("key"), 0600u);
  ASSERT_TRUE(write_new_file(path("crt"), "", Readable::by_all));
  EXPECT_EQ(mode("crt") & 0600u, 0600u);
}

TEST_F(NewFile, TakesNobodysPlace) {
  ASSERT_TRUE(write_new_file(path("a"), "first", Readable::by_all));
  const Status second = write_new_file(path("a"), "second", Readable::by_all);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::failed_precondition);
  EXPECT_EQ(text("a"), "first");
  std::filesystem::create_symlink(path("elsewhere"), path("link"));
  EXPECT_FALSE(write_new_file(path("link"), "x", Readable::by_all));
  EXPECT_FALSE(write_new_file(path("no/folder"), "x", Readable::by_all));
}

}  // namespace
}  // namespace cairn::io
