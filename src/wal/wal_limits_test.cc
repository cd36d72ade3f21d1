// What the limits of the log bound: the pieces a spare is filled in, how much a shortage asks for before it
// is over, and how often the disk is asked for its room. Each down to its smallest value.
#include <gtest/gtest.h>

#include "wal/format.h"
#include "wal/log_fixture.h"

namespace cairn::wal::test {
namespace {

constexpr std::uint64_t kSegment = std::uint64_t{64} << 10;

// What the disk is asked to do for one spare.
struct Filling {
  std::uint64_t writes = 0, syncs = 0;
};
Filling fill_one_spare(std::size_t write_bytes, std::uint64_t sync_bytes) {
  Options options = small_segments();
  options.fill_write_bytes = write_bytes;
  options.fill_sync_bytes = sync_bytes;
  options.spare_fill_factor = 1000;  // as a whole, behind the first write
  Filling seen;
  Log log(options);
  log.reopen();  // the tail was a spare, and is opened by its own name now
  log.disk.set_hook([&seen](sim::Operation operation, const std::string& path) {
    if (!path.ends_with("/spare.tmp")) return;
    seen.writes += operation == sim::Operation::write ? 1 : 0;
    seen.syncs += operation == sim::Operation::sync ? 1 : 0;
  });
  log.append(1, 1, "x");
  log.sync();
  log.disk.set_hook({});
  return seen;
}

TEST(WalLimits, ASpareIsFilledInPiecesAndSyncedBetweenThem) {
  EXPECT_EQ(fill_one_spare(kSegment / 4, kSegment * 2).writes, 4U);
  EXPECT_EQ(fill_one_spare(kSegment * 2, kSegment * 2).writes, 1U);
  EXPECT_EQ(fill_one_spare(0, kSegment * 2).writes, kSegment / kBlockBytes);
  EXPECT_EQ(fill_one_spare(kSegment / 4, kSegment * 2).syncs, 1U);  // when it is complete
  EXPECT_EQ(fill_one_spare(kSegment / 4, kSegment / 2).syncs, 1U + 2U);
  EXPECT_EQ(fill_one_spare(kSegment / 4, 0).syncs, 1U + 4U);
}

// A log whose disk had no room for the next spare.
struct ShortLog : Log {
  explicit ShortLog(const Options& options) : Log(options) {
    leave(0);
    append(1, 1, "x");
    sync();
    EXPECT_TRUE(wal().is_short());
  }
  void leave(std::uint64_t room_bytes) { disk.set_capacity(disk.used_bytes() + room_bytes); }
};

std::uint64_t steps_until_refilled(std::uint64_t refill_bytes) {
  Options options = small_segments();
  options.refill_bytes = refill_bytes;
  ShortLog log(options);
  log.leave(10 * kSegment);
  constexpr std::uint64_t kStepsMax = 1000;
  std::uint64_t steps = 0;
  for (Result<bool> more = true; more && *more && steps < kStepsMax; ++steps) more = log.wal().maintain();
  EXPECT_FALSE(log.wal().is_short());
  return steps;
}

TEST(WalLimits, AfterAShortageASpareIsFilledPieceByPieceToItsEnd) {
  EXPECT_EQ(steps_until_refilled(kSegment), 1U);
  EXPECT_EQ(steps_until_refilled(kSegment / 4), 4U);
  EXPECT_EQ(steps_until_refilled(0), kSegment / kBlockBytes);
}

TEST(WalLimits, AfterAShortageMoreThanASpareHasToBeThere) {
  for (const std::uint64_t beside : {0, 10'000}) {
    Options options = small_segments();
    options.room_beside_spare_bytes = beside;
    ShortLog log(options);
    log.leave(kSegment + beside - 1);
    ASSERT_TRUE(log.wal().maintain());
    EXPECT_TRUE(log.wal().is_short()) << beside;
    log.leave(kSegment + beside);
    ASSERT_TRUE(log.wal().maintain());
    EXPECT_FALSE(log.wal().is_short()) << beside;
  }
}

// At the end of a segment there may be left over what a frame takes that does not fit any more.
TEST(WalLimits, TheRoomLeavesOutWhatAUsualFrameMayLeaveOver) {
  const auto room = [](std::uint64_t usual_frame_bytes) {
    Options options = small_segments();
    options.usual_frame_bytes = usual_frame_bytes;
    ShortLog log(options);
    return log.wal().room().bytes;
  };
  EXPECT_EQ(room(0), kSegment - kBlockBytes);
  EXPECT_EQ(room(10'000), kSegment - kBlockBytes - 10'000);
  EXPECT_EQ(room(kSegment), kSegment - kBlockBytes - kSegment / 4);  // of no segment more than a quarter
}

struct AskingLog : Log {
  explicit AskingLog(const Options& options) : Log(options) { write(); }
  void write() {
    append(++index, 1, "x");  // a block
    sync();
  }
  void leave(std::uint64_t room_bytes) { disk.set_capacity(disk.used_bytes() + room_bytes); }
  std::uint64_t told() { return wal().room().bytes; }
  std::uint64_t index = 0;
};
constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;

TEST(WalLimits, TheDiskIsAskedAgainOnceSoMuchIsWritten) {
  Options options = small_segments();
  options.ample_room_bytes = kMebibyte;
  options.ask_room_bytes = 3 * kBlockBytes;
  AskingLog log(options);
  log.leave(5 * kMebibyte);
  ASSERT_TRUE(log.wal().note_durable());
  ASSERT_GE(log.told(), 5 * kMebibyte);
  log.leave(3 * kMebibyte);
  for (int i = 0; i < 2; ++i) {
    log.write();
    EXPECT_GE(log.told(), 5 * kMebibyte);
  }
  log.write();
  EXPECT_LT(log.told(), 4 * kMebibyte);

  options.ask_room_bytes = 0;
  AskingLog always(options);
  always.leave(5 * kMebibyte);
  ASSERT_GE(always.told(), 5 * kMebibyte);
  always.leave(3 * kMebibyte);
  EXPECT_LT(always.told(), 4 * kMebibyte);
}

TEST(WalLimits, ADiskWithoutAmpleRoomIsAskedEveryTime) {
  Options options = small_segments();
  options.ample_room_bytes = 5 * kMebibyte;
  AskingLog log(options);
  log.leave(5 * kMebibyte);
  ASSERT_TRUE(log.wal().note_durable());
  ASSERT_GE(log.told(), 5 * kMebibyte);
  log.leave(3 * kMebibyte);
  EXPECT_GE(log.told(), 5 * kMebibyte);  // as it was when the disk was asked
  log.leave(5 * kMebibyte - 1);
  ASSERT_TRUE(log.wal().note_durable());
  ASSERT_GE(log.told(), 4 * kMebibyte);
  log.leave(3 * kMebibyte);
  EXPECT_LT(log.told(), 4 * kMebibyte);
}

}  // namespace
}  // namespace cairn::wal::test
