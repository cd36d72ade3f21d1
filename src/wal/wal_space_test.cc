// A disk without room, and a process without descriptors: the log says so before it has done anything, keeps
// what it has, and goes on when the shortage is over.
#include <gtest/gtest.h>

#include "wal/format.h"
#include "wal/log_fixture.h"
#include "wal/packing.h"

namespace cairn::wal::test {
namespace {

constexpr std::uint64_t kSegment = std::uint64_t{64} << 10;
const std::string kLarge(std::size_t{20} << 10, 'x');

void fill_disk(Log& log) { log.disk.set_capacity(log.disk.used_bytes()); }
void make_room(Log& log) { log.disk.set_capacity(std::uint64_t{1} << 40); }

// Appends until there is no room; the last index that got in.
std::uint64_t append_until_refused(Log& log, std::uint64_t index) {
  for (; index < 1000; ++index) {
    const Status appended = log.try_append({entry(index, 1, kLarge)});
    if (!appended) {
      EXPECT_TRUE(io::is_shortage(appended.error())) << appended.error().message;
      return index - 1;
    }
    log.sync();
  }
  ADD_FAILURE() << "a full disk has taken a thousand entries";
  return index;
}

TEST(WalSpace, AFullDiskRefusesAnAppendAndChangesNothing) {
  Log log;
  fill_disk(log);
  const std::uint64_t last = append_until_refused(log, 1);
  EXPECT_GE(last, 2U);
  log.expect_range(1, last);
  EXPECT_TRUE(log.wal().room().low);
  EXPECT_LT(log.wal().room().bytes, kLarge.size());
  EXPECT_FALSE(log.try_append({entry(last + 1, 1, kLarge)}));
  // What fits gets in, votes in any case.
  raft::LogWrite vote;
  vote.hard_state = raft::HardState{raft::Term{7}, raft::NodeId{2}};
  ASSERT_TRUE(log.wal().append(vote));
  log.append(last + 1, 1, "small");
  log.sync();
  log.reopen();
  log.expect_range(1, last + 1);
  EXPECT_EQ(log.opened().hard_state.term, raft::Term{7});
}

TEST(WalSpace, GoesOnOnceThereIsRoomAgain) {
  Log log;
  fill_disk(log);
  const std::uint64_t last = append_until_refused(log, 1);
  EXPECT_TRUE(log.wal().is_short());
  make_room(log);
  ASSERT_TRUE(log.wal().maintain());  // nobody has written meanwhile
  EXPECT_FALSE(log.wal().is_short());
  EXPECT_FALSE(log.wal().room().low);
  for (std::uint64_t i = last + 1; i < last + 20; ++i) {
    log.append(i, 1, kLarge);
    log.sync();
  }
  log.reopen();
  log.expect_range(1, last + 19);
}

TEST(WalSpace, ARotationTakesNoRoomWhenASpareIsThere) {
  Log log;
  log.append(1, 1, kLarge);
  log.sync();  // the spare is complete
  log.append(2, 1, kLarge);
  log.sync();
  fill_disk(log);
  EXPECT_FALSE(log.wal().room().low);
  EXPECT_GT(log.wal().room().bytes, kSegment / 2);
  for (std::uint64_t i = 3; i < 6; ++i) log.append(i, 1, kLarge);
  log.sync();
  EXPECT_EQ(log.segments().size(), 2U);
  EXPECT_TRUE(log.wal().room().low);
}

TEST(WalSpace, WhatTheRoomAnnouncesGetsIn) {
  Log log;
  fill_disk(log);
  log.append(1, 1, "x");
  log.sync();
  ASSERT_TRUE(log.wal().room().low);
  for (std::uint64_t i = 2; log.wal().room().bytes > 3 * kBlockBytes; ++i) {
    const std::uint64_t before = log.wal().room().bytes;
    log.append(i, 1, std::string(kBlockBytes, 'y'));
    log.sync();
    EXPECT_LT(log.wal().room().bytes, before);
  }
}

TEST(WalSpace, AnAmpleDiskIsAskedOnceInAMebibyteAndAfterAPause) {
  Log log;
  const auto left = [&log](std::uint64_t bytes) { log.disk.set_capacity(log.disk.used_bytes() + bytes); };
  const auto told = [&log] { return log.wal().room().bytes; };
  constexpr std::uint64_t kAmple = std::uint64_t{1} << 30;
  std::uint64_t index = 0;
  const auto write = [&] {
    log.append(++index, 1, kLarge);
    log.sync();
  };
  write();
  left(3 * kAmple);
  ASSERT_TRUE(log.wal().note_durable());
  EXPECT_GE(told(), 3 * kAmple);
  left(2 * kAmple);
  write();
  EXPECT_GE(told(), 3 * kAmple);
  while (index * kLarge.size() < 2 * Options().ask_room_bytes) write();
  EXPECT_LT(told(), 3 * kAmple);
  EXPECT_GE(told(), kAmple);
  left(kAmple / 2);
  EXPECT_GE(told(), kAmple);
  ASSERT_TRUE(log.wal().note_durable());
  EXPECT_LT(told(), kAmple);
  left(kAmple / 4);  // no longer ample: asked every time
  EXPECT_LT(told(), kAmple / 2);
}

TEST(WalSpace, AFrameLargerThanASegmentIsRefusedAsAWhole) {
  Log log;
  log.append(1, 1, "x");
  log.sync();
  fill_disk(log);
  EXPECT_EQ(log.try_append({entry(2, 1, std::string(3 * kSegment, 'y'))}).error().code, io::kFull);
  log.expect_range(1, 1);
  make_room(log);
  log.append(2, 1, std::string(3 * kSegment, 'y'));
  log.append(3, 1, "z");
  log.sync();
  log.reopen();
  log.expect_range(1, 3);
}

TEST(WalSpace, ALargeFrameAtTheStartOfTheTailMakesItGrowFirst) {
  Log log;
  fill_disk(log);
  EXPECT_EQ(log.try_append({entry(1, 1, std::string(3 * kSegment, 'y'))}).error().code, io::kFull);
  log.append(1, 1, "x");
  log.sync();
  log.reopen();
  log.expect_range(1, 1);
}

TEST(WalSpace, ATailThatSomebodyCutIsFilledUpBeforeItIsWritten) {
  Log log;
  log.append(1, 1, "x");
  log.sync();
  const std::string tail = log.segments().back();
  ASSERT_TRUE(log.wal().close());
  log.disk.put(tail, log.disk.contents(tail).substr(0, kBlockBytes));
  log.reopen();
  fill_disk(log);
  EXPECT_EQ(log.try_append({entry(2, 1, "y")}).error().code, io::kFull);
  make_room(log);
  log.append(2, 1, "y");
  log.sync();
  log.reopen();
  log.expect_range(1, 2);
}

TEST(WalSpace, OutOfDescriptorsIsNoBrokenDisk) {
  Log log;
  for (std::uint64_t i = 1; i < 8; ++i) {
    log.append(i, 1, kLarge);
    log.sync();
  }
  raft::LogWrite drop;
  drop.drop_before = raft::Index{7};
  ASSERT_TRUE(log.wal().append(drop));
  ASSERT_TRUE(log.wal().sync());
  for (int i = 0; i < 5; ++i) {
    log.disk.fail_io(1, io::kPassing, false);  // the old segment cannot be opened
    const Result<bool> maintained = log.wal().maintain();
    ASSERT_TRUE(maintained) << maintained.error().message;
  }
  log.disk.clear_faults();
  for (std::uint64_t i = 8; i < 20; ++i) {
    log.append(i, 1, kLarge);
    log.sync();
  }
  log.reopen(snapshot_at(6, 1));
  EXPECT_EQ(log.wal().last_index(), raft::Index{19});
}

TEST(WalSpace, AFailedSyncIsNeverAShortage) {
  for (const Code code : {io::kFull, io::kPassing, Code::internal}) {
    Log log;
    log.append(1, 1, "x");
    log.disk.fail_io(2, code, false);  // the write, then the sync
    ASSERT_FALSE(log.wal().sync());
    EXPECT_FALSE(log.try_append({entry(2, 1, "y")}));
    EXPECT_FALSE(log.wal().maintain());
  }
}

TEST(WalSpace, PackingFollowsTheFrames) {
  raft::LogWrite write;
  for (std::uint64_t i = 1; i <= 3; ++i) write.entries.push_back(entry(i, 1, std::string(5000, 'x')));
  Place place{.segment_bytes = 5 * kBlockBytes, .frame_target_bytes = 4000, .next = raft::Index{1}};
  Needs needs = needs_of(place, write);  // frames of two blocks each
  EXPECT_EQ(needs.segments, std::vector<std::uint64_t>{2 * kBlockBytes});
  EXPECT_EQ(needs.tail_bytes, 0U);
  place.offset = 5 * kBlockBytes;
  EXPECT_EQ(needs_of(place, write).segments.size(), 2U);
  place.open_bytes = 4 * kBlockBytes;  // moves as a whole
  place.offset = 2 * kBlockBytes;
  EXPECT_EQ(needs_of(place, write).segments,
            (std::vector<std::uint64_t>{4 * kBlockBytes, 2 * kBlockBytes, 2 * kBlockBytes}));
}

}  // namespace
}  // namespace cairn::wal::test
