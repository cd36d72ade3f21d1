// What a disk may do to bytes at rest, and what recovery must say about it: a torn tail is cut and kept
// aside, damage before the tail is named and nothing is cut.
#include <gtest/gtest.h>

#include "sim_disk/sim_disk.h"
#include "wal/format.h"
#include "wal/inspect.h"
#include "wal/log_fixture.h"
#include "wal/wal.h"

namespace cairn::wal {
namespace {

using test::entry;
using test::Log;
using test::promises;
using test::snapshot_at;

constexpr std::uint64_t kMiddle = 5 * kBlockBytes;  // the frame of index 6

// Ten frames of one block, each synced by itself. Nothing but the frames says so yet.
void write_ten(Log& log) {
  raft::LogWrite write;
  write.hard_state = raft::HardState{raft::Term{1}, raft::NodeId{1}};
  ASSERT_TRUE(log.wal().append(write));
  for (std::uint64_t i = 1; i <= 10; ++i) {
    log.append(i, 1, "value " + std::to_string(i));
    log.sync();
  }
}
void fill(Log& log) {
  write_ten(log);
  ASSERT_TRUE(log.wal().close());
}

void expect_damaged(Log& log, const std::string& what) {
  const auto opened = log.try_open();
  ASSERT_FALSE(opened) << what;
  EXPECT_EQ(opened.error().code, Code::data_loss) << what;
  EXPECT_NE(opened.error().message.find("E_WAL_DAMAGED"), std::string::npos) << opened.error().message;
  std::string lines;
  const InspectSink sink{[&](std::string_view line) { lines += std::string(line) + "\n"; }, true};
  EXPECT_TRUE(*inspect_wal(log.disk, "data", sink)) << what;
  EXPECT_NE(lines.find("E_WAL_DAMAGED"), std::string::npos) << lines;
}

TEST(WalDamage, EveryFlippedBitOfAMiddleFrameIsFound) {
  Log log;
  fill(log);
  const std::string segment = log.segments().front();
  const std::uint64_t used = kFrameHeaderBytes + kEntryHeaderBytes + 7;
  for (std::uint64_t bit = 0; bit < used * 8; ++bit) {
    log.disk.flip_bit(segment, kMiddle * 8 + bit);
    expect_damaged(log, "bit " + std::to_string(bit));
    if (HasFatalFailure()) return;
    log.disk.flip_bit(segment, kMiddle * 8 + bit);
  }
  log.reopen();
  log.expect_range(1, 10);
}

TEST(WalDamage, TheErrorSaysWhere) {
  Log log;
  fill(log);
  log.disk.flip_bit(log.segments().front(), kMiddle * 8 + 1);
  const std::string message = log.try_open().error().message;
  for (const char* part :
       {"frames 6 to 6", "offset 24576", "last intact index before is 5", "data/wal/0000"}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;
  }
}

TEST(WalDamage, ZeroedStaleMisplacedAndSwappedBlocksAreFound) {
  Log log;
  fill(log);
  const std::string segment = log.segments().front();
  const std::string good = log.disk.contents(segment);
  const auto block = [&](std::uint64_t i) { return good.substr(i * kBlockBytes, kBlockBytes); };
  const auto damaged_by = [&](std::string content, const std::string& what) {
    log.disk.put(segment, content);
    expect_damaged(log, what);
    log.disk.put(segment, good);
  };
  damaged_by(std::string(good).replace(kMiddle, 512, std::string(512, '\0')), "a zeroed sector");
  damaged_by(std::string(good).replace(kMiddle, kBlockBytes, std::string(kBlockBytes, '\0')),
             "a zeroed block");
  damaged_by(std::string(good).replace(0, 3 * kBlockBytes, std::string(3 * kBlockBytes, '\0')),
             "a zeroed start");
  damaged_by(std::string(good).replace(kMiddle, kBlockBytes, block(4)), "a misdirected write");
  damaged_by(std::string(good).replace(kMiddle, 2 * kBlockBytes, block(6) + block(5)), "two blocks swapped");
}

TEST(WalDamage, AMissingOrShortenedSegmentIsFound) {
  Log log;
  for (std::uint64_t i = 1; i <= 60; ++i) {
    log.append(i, 1, std::string(6000, 'x'));
    log.sync();
  }
  ASSERT_TRUE(log.wal().close());
  const std::vector<std::string> segments = log.segments();
  ASSERT_GT(segments.size(), 4U);
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    const std::string good = log.disk.contents(segments[i]);
    log.disk.put(segments[i], good.substr(0, 8192 * 3));
    expect_damaged(log, "shortened " + segments[i]);
    ASSERT_TRUE(log.disk.remove(segments[i]));
    expect_damaged(log, "missing " + segments[i]);
    log.disk.put(segments[i], good);
  }
}

TEST(WalDamage, TheLastFrameBeforeAnEmptySegmentIsNoTornTail) {
  Log log;
  fill(log);
  log.disk.put("data/wal/" + segment_file({2, raft::Index{11}}), std::string(64 << 10, '\0'));
  log.disk.flip_bit(log.segments().front(), 9 * kBlockBytes * 8);
  expect_damaged(log, "the last frame of a finished segment");
}

TEST(WalDamage, IsNoMatterWhereTheSnapshotCoversIt) {
  Log log;
  fill(log);
  log.disk.flip_bit(log.segments().front(), kMiddle * 8);
  EXPECT_FALSE(log.try_open(snapshot_at(5, 1)));
  log.reopen(snapshot_at(6, 1));
  log.expect_range(7, 10);
}

TEST(WalDamage, ATornTailIsCutWithoutACopyWhereTheDiskIsFull) {
  Log log;
  write_ten(log);
  log.lose_power();
  log.disk.flip_bit(log.segments().front(), (9 * kBlockBytes + 150) * 8);
  log.disk.set_capacity(log.disk.used_bytes());
  log.reopen();
  log.expect_range(1, 9);
  EXPECT_EQ(log.opened().report.torn_bytes, kBlockBytes);
  for (const std::string& file : log.disk.files()) EXPECT_FALSE(file.starts_with("data/quarantine/")) << file;
  log.append(10, 3, "again");
  log.sync();
  log.reopen();
  log.expect_range(1, 10);
}

TEST(WalDamage, ATornTailIsCutAndKeptAside) {
  Log log;
  write_ten(log);
  log.lose_power();
  const std::string segment = log.segments().front();
  const std::string torn = log.disk.contents(segment).substr(9 * kBlockBytes, kBlockBytes);
  log.disk.flip_bit(segment, (9 * kBlockBytes + 150) * 8);
  log.reopen();
  log.expect_range(1, 9);
  EXPECT_EQ(log.opened().report.torn_bytes, kBlockBytes);
  const std::string kept = log.disk.contents(log.opened().report.quarantine_file);
  ASSERT_EQ(kept.size(), kBlockBytes);
  EXPECT_EQ(kept.substr(200), torn.substr(200));
  EXPECT_EQ(kept.substr(0, 149), torn.substr(0, 149));
  log.reopen();
  EXPECT_EQ(log.opened().report.torn_bytes, 0U);
}

TEST(WalDamage, ATornHeaderIsKeptAsideToo) {
  Log log;
  write_ten(log);
  log.lose_power();
  log.disk.flip_bit(log.segments().front(), (9 * kBlockBytes + 40) * 8);
  log.reopen();
  log.expect_range(1, 9);
  EXPECT_EQ(log.opened().report.torn_bytes, kBlockBytes);
}

// The file ends within a block, and is filled up with zeros before it is written again.
TEST(WalDamage, WhatIsLeftOfATornBlockAtTheFilesEndNeverComesBack) {
  for (const std::uint64_t left : {std::uint64_t{17}, std::uint64_t{24}, std::uint64_t{kFrameHeaderBytes},
                                   std::uint64_t{200}, kBlockBytes - 1}) {
    Log log;
    write_ten(log);
    log.lose_power();
    const std::string segment = log.segments().front();
    const std::string content = log.disk.contents(segment);
    const std::string zeros(2 * kBlockBytes, '\0');
    log.disk.put(segment, content.substr(0, 7 * kBlockBytes) + zeros + content.substr(9 * kBlockBytes, left));
    log.reopen();
    log.expect_range(1, 7);
    EXPECT_EQ(log.opened().report.torn_bytes, 2 * kBlockBytes + left);
    log.append(8, 1, "again");
    log.sync();
    log.reopen();
    ASSERT_FALSE(HasFatalFailure()) << left;
    log.expect_range(1, 8);
    EXPECT_EQ(log.opened().report.torn_bytes, 0U) << left;
  }
}

// Frames of one sync reach the platter in any order: the first is torn, those behind it are intact.
TEST(WalDamage, FramesBehindATornOneNeverComeBack) {
  Log log;
  write_ten(log);
  log.die();
  log.reopen();
  ASSERT_TRUE(log.try_append({entry(11, 1, "first"), entry(12, 1, "old second")}));
  ASSERT_TRUE(log.try_append({entry(12, 2, "second")}));
  ASSERT_TRUE(log.try_append({entry(12, 3, "third"), entry(13, 3, "fourth")}));
  log.sync();
  const std::string segment = log.segments().front();
  const std::string first = log.disk.contents(segment).substr(10 * kBlockBytes, kBlockBytes);
  log.lose_power();
  log.disk.flip_bit(segment, (10 * kBlockBytes + 150) * 8);
  log.reopen();
  log.expect_range(1, 10);
  EXPECT_EQ(log.opened().report.torn_bytes, 3 * kBlockBytes);
  // The same first frame once more, byte for byte: what was behind it must not follow it again.
  ASSERT_TRUE(log.try_append({entry(11, 1, "first"), entry(12, 1, "old second")}));
  log.sync();
  EXPECT_EQ(log.disk.contents(segment).substr(10 * kBlockBytes + kFrameHeaderBytes, 200),
            first.substr(kFrameHeaderBytes, 200));
  log.reopen();
  log.expect_range(1, 12);
  EXPECT_EQ(*log.wal().read(raft::Index{12})->data, "old second");
}

TEST(WalDamage, OldFramesOfARecycledSegmentAreNotTaken) {
  Log log;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    log.append(i, 1, std::string(3000 + i % 5 * 3000, 'x'));
    log.sync();
    ASSERT_TRUE(log.wal().truncate_front(raft::Index{i}));
  }
  const std::uint64_t first = log.wal().first_index().v;
  log.reopen(snapshot_at(first - 1, 1));
  EXPECT_EQ(log.opened().report.torn_bytes, 0U);
  log.expect_range(first, 100);
}

TEST(WalDamage, DamageAfterOpeningIsNotServed) {
  Log log;
  fill(log);
  log.reopen();
  log.disk.flip_bit(log.segments().front(), (kMiddle + 150) * 8);
  EXPECT_EQ(log.wal().read(raft::Index{6}).error().code, Code::data_loss);
  EXPECT_TRUE(log.wal().read(raft::Index{7}));
}

TEST(WalDamage, AnotherMembersLogIsRefused) {
  Log log;
  fill(log);
  log.opened() = {};
  const auto opened = Wal::open(log.disk, "data", {7, 10}, {}, test::small_segments());
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("E_IDENTITY"), std::string::npos) << opened.error().message;
}

// A frame behind the log's end whose checksums all fit.
void add_frame(Log& log, std::uint16_t version, std::uint8_t entry_type) {
  const std::string segment = log.segments().front();
  const std::string before = log.disk.contents(segment);
  std::string block(kBlockBytes, '\0');
  const auto bytes = std::as_writable_bytes(std::span(block));
  bytes[kFrameHeaderBytes + 4] = std::byte{entry_type};
  FrameHeader header;
  header.owner = owner_of({7, 9});
  header.segment = 1;
  header.offset = 10 * kBlockBytes;
  header.seq = 11;
  header.first_index = raft::Index{11};
  header.entry_count = 1;
  header.payload_bytes = kEntryHeaderBytes;
  header.payload_hash = hash128(bytes.subspan(kFrameHeaderBytes, kEntryHeaderBytes));
  header.previous = hash128(std::as_bytes(std::span(before)).subspan(9 * kBlockBytes, kFrameHeaderBytes));
  encode_header(header, bytes.first<kFrameHeaderBytes>());
  put_u16(&bytes[4], version);
  put_u64(&bytes[120], hash64(bytes.first(120)));
  log.disk.overwrite(segment, header.offset, block);
}

TEST(WalDamage, AFrameWithImpossibleContentIsNamedAndForgottenWhereThatIsAllowed) {
  Log log;
  write_ten(log);
  log.die();
  add_frame(log, kFormatVersion, 9);
  EXPECT_TRUE(log.try_open().error().message.starts_with("E_WAL_DAMAGED"));
  log.options().on_loss = OnLoss::forget;
  log.reopen();
  log.expect_range(1, 10);
  log.options().on_loss = OnLoss::refuse;
  log.reopen();
  log.expect_range(1, 10);
}

TEST(WalDamage, ANewerFormatIsRefusedAndNothingIsForgotten) {
  Log log;
  write_ten(log);
  log.die();
  add_frame(log, kFormatVersion + 1, 0);
  log.options().on_loss = OnLoss::forget;
  EXPECT_TRUE(log.try_open().error().message.starts_with("E_FORMAT_NEWER"));
}

TEST(WalDamage, ANewerHardStateIsRefusedAndNothingIsForgotten) {
  Log log;
  fill(log);
  std::string content = log.disk.contents("data/hardstate");
  for (const std::size_t copy : {std::size_t{0}, std::size_t{kBlockBytes}}) {
    const auto block = std::as_writable_bytes(std::span(content)).subspan(copy, kBlockBytes);
    put_u16(&block[4], 5);
    put_u64(&block[kBlockBytes - 8], hash64(block.first(kBlockBytes - 8)));
  }
  log.disk.put("data/hardstate", content);
  log.options().on_loss = OnLoss::forget;
  EXPECT_TRUE(log.try_open().error().message.starts_with("E_FORMAT_NEWER"));
}

TEST(HardState, OneDamagedCopyIsRepairedAndTwoAreNamed) {
  Log log;
  fill(log);
  for (std::uint64_t bit = 0; bit < 40 * 8; ++bit) {
    for (const std::uint64_t copy : {0, 1}) {
      log.disk.flip_bit("data/hardstate", copy * kBlockBytes * 8 + bit);
      log.reopen();
      EXPECT_EQ(promises(log.opened().hard_state), (raft::HardState{raft::Term{1}, raft::NodeId{1}}));
    }
  }
  log.disk.flip_bit("data/hardstate", 200);
  log.disk.flip_bit("data/hardstate", kBlockBytes * 8 + 200);
  EXPECT_NE(log.try_open().error().message.find("E_HARDSTATE_LOST"), std::string::npos);
}

TEST(HardState, AMissingOrOlderFileIsNamed) {
  Log log;
  const std::string old = log.disk.contents("data/hardstate");
  fill(log);
  log.disk.put("data/hardstate", old);
  EXPECT_NE(log.try_open().error().message.find("E_HARDSTATE_STALE"), std::string::npos);
  ASSERT_TRUE(log.disk.remove("data/hardstate"));
  EXPECT_NE(log.try_open().error().message.find("E_HARDSTATE_LOST"), std::string::npos);
}

TEST(Inspect, AnIntactLogIsNotDamaged) {
  Log log;
  fill(log);
  for (const bool json : {false, true}) {
    std::vector<std::string> lines;
    const InspectSink sink{[&](std::string_view line) { lines.emplace_back(line); }, json};
    const auto damaged = inspect_wal(log.disk, "data", sink);
    ASSERT_TRUE(damaged);
    EXPECT_FALSE(*damaged);
    ASSERT_EQ(lines.size(), 2U + 2U + 10U + 1U);
    EXPECT_NE(lines.back().find(json ? "\"last_index\":10" : "last_index=10"), std::string::npos)
        << lines.back();
  }
}

}  // namespace
}  // namespace cairn::wal
