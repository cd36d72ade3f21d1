// What the log thread does first when there is much to do.
#include "server/log_thread.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <string>
#include <vector>

#include "observe/log.h"
#include "sim_disk/sim_disk.h"

namespace cairn::server {
namespace {

constexpr wal::Options kSmallSegments{.segment_bytes = 64 << 10, .spare_segments = 1};

raft::LogWrite write_of(std::uint64_t number) {
  raft::LogWrite write;
  write.seq = raft::WriteSeq{number};
  raft::Entry entry;
  entry.index = raft::Index{number};
  entry.term = raft::Term{1};
  entry.data = make_bytes(std::string(40 << 10, 'x'));  // two do not fit into a segment
  write.entries.push_back(std::move(entry));
  return write;
}

bool is_segment(const std::string& path) { return path.ends_with(".seg"); }

TEST(LogThread, WritesThatWaitGoBeforeMaintenance) {
  constexpr std::uint64_t kBefore = 6;  // segments that the next write makes superfluous, but for the last
  sim::SimDisk disk;
  disk.put("data/junk", "");
  auto opened = wal::Wal::open(disk, "data", {7, 9}, {}, kSmallSegments);
  ASSERT_TRUE(opened) << opened.error().message;
  for (std::uint64_t i = 1; i <= kBefore; ++i) {
    ASSERT_TRUE(opened->wal->append(write_of(i)));
    ASSERT_TRUE(opened->wal->sync());
  }

  constexpr std::uint64_t kLast = kBefore + 3;
  std::vector<std::string> events;
  std::promise<void> last_written;
  Histogram fsync_seconds({1});
  LogThread thread(std::move(opened->wal), &fsync_seconds, [&](raft::WriteSeq seq, raft::Room) {
    events.push_back("write " + std::to_string(seq.v));
    if (seq.v == kLast) last_written.set_value();
  });
  // Two writes come while the log lets go of its first segment, one after the other.
  std::uint64_t last = kBefore + 1;
  disk.set_hook([&](sim::Operation operation, const std::string& path) {
    const bool goes = operation == sim::Operation::rename || operation == sim::Operation::remove;
    if (!goes || !is_segment(path)) return;
    events.emplace_back("maintenance");
    if (last < kLast) thread.write(write_of(++last));
  });
  raft::LogWrite first = write_of(last);
  first.drop_before = raft::Index{last};
  thread.write(std::move(first));
  last_written.get_future().wait();
  thread.stop();
  const std::vector<std::string> expected{"write 7",     "maintenance", "write 8",
                                          "maintenance", "write 9",     "maintenance",
                                          "maintenance", "maintenance", "maintenance"};
  EXPECT_EQ(events, expected);
}

// However little time there is between writes, the watermark does not lag for longer than it may.
TEST(LogThread, TheWatermarkBecomesDurableBesideWrites) {
  sim::SimDisk disk;
  disk.put("data/junk", "");
  wal::Options options;
  options.segment_bytes = 1 << 20;
  options.watermark_idle = std::chrono::hours(1);
  options.watermark_lag_max = std::chrono::milliseconds(0);
  auto opened = wal::Wal::open(disk, "data", {7, 9}, {}, options);
  ASSERT_TRUE(opened) << opened.error().message;
  std::uint64_t syncs = 0;
  disk.set_hook([&](sim::Operation operation, const std::string& path) {
    syncs += operation == sim::Operation::sync && path.find("watermark") != std::string::npos;
  });
  constexpr std::uint64_t kWrites = 3;
  std::promise<void> written[kWrites];
  Histogram fsync_seconds({1});
  LogThread thread(std::move(opened->wal), &fsync_seconds,
                   [&](raft::WriteSeq seq, raft::Room) { written[seq.v - 1].set_value(); });
  for (std::uint64_t i = 1; i <= kWrites; ++i) {
    thread.write(write_of(i));
    written[i - 1].get_future().wait();
  }
  thread.stop();
  EXPECT_EQ(syncs, kWrites);  // without them: one, when the log is closed
}

TEST(LogThread, SyncsThatTakeTooLongAreSaidWithHowManyAndTheLongest) {
  std::vector<std::string> lines;
  configure_log(
      {.format = LogFormat::text, .sink = [&](std::string_view line) { lines.emplace_back(line); }});
  sim::SimDisk disk;
  disk.put("data/junk", "");
  auto opened = wal::Wal::open(disk, "data", {7, 9}, {}, kSmallSegments);
  ASSERT_TRUE(opened) << opened.error().message;
  std::promise<void> written[3];
  Histogram fsync_seconds({1});
  {
    LogThread thread(std::move(opened->wal), &fsync_seconds,
                     [&](raft::WriteSeq seq, raft::Room) { written[seq.v - 1].set_value(); },
                     {.slow_sync = {.slow = Duration::zero(), .interval = std::chrono::hours(1)}});
    for (std::uint64_t i = 1; i <= 3; ++i) {
      thread.write(write_of(i));
      written[i - 1].get_future().wait();
    }
  }
  configure_log({});
  ASSERT_EQ(lines.size(), 1U) << "the others are held back";
  EXPECT_NE(lines[0].find("warn  slow disk: writing and syncing the log took too long"), std::string::npos)
      << lines[0];
  EXPECT_NE(lines[0].find("times=1"), std::string::npos) << lines[0];
}

TEST(LogThread, WritesThatFindNoRoomWaitAndGoOnByThemselves) {
  sim::SimDisk disk;
  disk.put("data/junk", "");
  auto opened = wal::Wal::open(disk, "data", {7, 9}, {}, kSmallSegments);
  ASSERT_TRUE(opened) << opened.error().message;
  disk.set_capacity(disk.used_bytes());

  struct Seen {
    std::mutex mutex;
    std::condition_variable changed;
    raft::WriteSeq seq;
    bool low = false;
  } seen;
  Histogram fsync_seconds({1});
  LogThread thread(std::move(opened->wal), &fsync_seconds,
                   [&](raft::WriteSeq seq, raft::Room room) {
                     const std::lock_guard lock(seen.mutex);
                     seen.seq = seq;
                     seen.low = room.low;
                     // On the log's thread, which alone uses the disk: somebody makes room as soon as it
                     // lacks.
                     if (room.low) disk.set_capacity(std::uint64_t{1} << 40);
                     seen.changed.notify_all();
                   },
                   {.shortage_pause = std::chrono::milliseconds(1)});
  const auto await = [&seen](auto condition) {
    std::unique_lock lock(seen.mutex);
    seen.changed.wait(lock, condition);
  };
  for (std::uint64_t i = 1; i <= 6; ++i) thread.write(write_of(i));
  await([&] { return seen.seq == raft::WriteSeq{6}; });
  await([&] { return !seen.low; });
  thread.stop();
}

}  // namespace
}  // namespace cairn::server
