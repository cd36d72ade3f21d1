// A paced disk is its inner one, but for the rests.
#include "server/paced_disk.h"

#include <gtest/gtest.h>

#include "sim_disk/sim_disk.h"

namespace cairn::server {
namespace {

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(PacedDisk, RestsAfterEveryReadWriteAndSync) {
  Time now{std::chrono::seconds(1)};
  int rests = 0;
  sim::SimDisk inner;
  // Each look at the clock finds a second gone: the work between two of them.
  PacedDisk disk(inner, {.now = [&now] { return now += std::chrono::seconds(1); },
                         .sleep = [&rests](Duration) { ++rests; }});
  ASSERT_TRUE(disk.make_dir("folder"));
  const auto file = disk.open("folder/file", io::OpenMode::create);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->write_at(0, bytes("before")));
  EXPECT_EQ(rests, 0) << "no pace is set yet";

  disk.pace().begin(1);
  ASSERT_TRUE((*file)->write_at(0, bytes("content")));
  ASSERT_TRUE((*file)->sync());
  std::string read(7, '\0');
  ASSERT_EQ((*file)->read_at(0, std::as_writable_bytes(std::span(read))), 7U);
  EXPECT_EQ(read, "content");
  EXPECT_EQ(rests, 3);
}

TEST(PacedDisk, ErrorsPass) {
  sim::SimDisk inner;
  PacedDisk disk(inner);
  EXPECT_EQ(disk.open("missing", io::OpenMode::read).error().code, Code::not_found);
}

}  // namespace
}  // namespace cairn::server
