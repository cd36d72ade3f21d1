// Parts of a data directory that are older copies of themselves.
#include <gtest/gtest.h>

#include <map>

#include "wal/hard_state.h"
#include "wal/losses_fixture.h"
#include "wal/wal.h"

namespace cairn::wal {
namespace {

using namespace test;

// A part of the directory is an older copy of itself, and what was left alone knows better.
std::map<std::string, std::string> copy_of_log(const Log& log) {
  std::map<std::string, std::string> out = all_files(log);
  std::erase_if(out, [](const auto& file) { return file.first == "data/hardstate"; });
  return out;
}
void put_back(Log& log, const std::map<std::string, std::string>& copy) {
  for (const std::string& path : log.segments()) remove(log, path);
  for (const auto& [path, content] : copy) log.disk.put(path, content);
}

TEST(WalOlder, AnOlderLogWithItsWatermarkIsToldByTheHardStateOfALaterStart) {
  Log log;
  fill(log);
  const auto older = copy_of_log(log);
  log.reopen();
  log.append(31, 3, "later");
  log.sync();
  ASSERT_TRUE(log.wal().close());
  log.die();
  put_back(log, older);
  const std::string refused = log.try_open().error().message;
  EXPECT_TRUE(refused.starts_with("E_WATERMARK_STALE")) << refused;
  log.options().on_loss = OnLoss::forget;
  log.options().fresh = raft::Incarnation{2};
  log.reopen();
  EXPECT_EQ(log.opened().hard_state.life, (raft::Life{raft::Incarnation{2}, 1, false}));
  log.options().on_loss = OnLoss::refuse;
  log.die();
  log.reopen();
  EXPECT_EQ(log.opened().report.lost, "");
}

TEST(WalOlder, AnOlderLogOfTheSameStartIsToldByTheHardStateOfItsEnd) {
  Log log;
  fill(log);
  log.reopen();
  ASSERT_TRUE(log.wal().note_durable());
  const auto older = copy_of_log(log);
  log.append(31, 3, "later");
  log.sync();
  ASSERT_TRUE(log.wal().close());
  log.die();
  put_back(log, older);
  const std::string refused = log.try_open().error().message;
  EXPECT_TRUE(refused.starts_with("E_WATERMARK_STALE")) << refused;
}

TEST(WalOlder, ADamagedSlotOfAnOlderWatermarkHidesNothing) {
  for (const std::uint64_t slot : {0, 1}) {
    Log log;
    fill(log);
    const auto older = copy_of_log(log);
    log.reopen();
    log.die();
    put_back(log, older);
    log.disk.flip_bit("data/watermark", (slot * kBlockBytes + 33) * 8);
    const std::string refused = log.try_open().error().message;
    EXPECT_TRUE(refused.starts_with("E_WATERMARK_STALE")) << refused;
  }
}

TEST(WalOlder, AnOlderLogWithItsWatermarkIsToldByALaterVote) {
  Log log;
  fill(log);
  log.reopen();
  ASSERT_TRUE(log.wal().note_durable());
  const auto older = copy_of_log(log);
  log.append(31, 3, "later");
  log.sync();
  raft::LogWrite write;
  write.hard_state = raft::HardState{raft::Term{4}, raft::NodeId{3}};
  ASSERT_TRUE(log.wal().append(write));
  log.sync();
  log.die();
  put_back(log, older);
  const std::string refused = log.try_open().error().message;
  EXPECT_NE(refused.find("frames up to 31 were durable"), std::string::npos) << refused;
}

// The life that it was written in ended with a loss; what is there now has other frames of the same numbers.
TEST(WalOlder, TheLogOfAnEarlierLifeIsToldByTheHardState) {
  Log log;
  fill(log);
  const auto older = copy_of_log(log);
  zero_frames(log, 20, 20);
  log.options().on_loss = OnLoss::forget;
  log.options().fresh = raft::Incarnation{2};
  log.reopen();
  for (std::uint64_t i = 20; i <= 24; ++i) {
    log.append(i, 5, "another");
    log.sync();
  }
  raft::LogWrite write;
  write.hard_state = log.opened().hard_state;
  write.hard_state->life.full = true;
  ASSERT_TRUE(log.wal().append(write));
  log.sync();
  log.die();
  put_back(log, older);
  log.options().fresh = raft::Incarnation{3};
  log.reopen();
  EXPECT_EQ(log.opened().hard_state.life, (raft::Life{raft::Incarnation{3}, 1, false}));
  EXPECT_NE(log.opened().report.lost.find("files of different times"), std::string::npos)
      << log.opened().report.lost;
}

// The watermark of a log that was emptied, whose numbers went further than those of the one that is there
// now.
std::string write_and_empty(Log& log) {
  for (std::uint64_t i = 1; i <= 10; ++i) {
    log.append(i, 2, "of before");
    log.sync();
    EXPECT_TRUE(log.wal().note_durable());
  }
  EXPECT_TRUE(log.wal().truncate_back(raft::Index{0}) && log.wal().close());
  log.die();
  return log.disk.contents("data/watermark");
}
// All of it is lost, and with it the watermark or not; a log of two entries is begun anew.
void begin_anew(Log& log, bool without_watermark) {
  for (const std::string& path : log.segments()) remove(log, path);
  if (without_watermark) remove(log, "data/watermark");
  log.options().on_loss = OnLoss::forget;
  log.options().fresh = raft::Incarnation{2};
  log.reopen();
  log.append(1, 5, "of now");
  log.append(2, 5, "of now");
  log.sync();
  ASSERT_TRUE(log.wal().close());
  log.die();
}

TEST(WalOlder, AWatermarkOfAnEarlierLogEmptiesNone) {
  for (const bool without_watermark : {false, true}) {
    Log log;
    const std::string older = write_and_empty(log);
    begin_anew(log, without_watermark);
    log.disk.put("data/watermark", older);
    log.options().on_loss = OnLoss::refuse;
    const auto refused = log.try_open();
    ASSERT_FALSE(refused) << "with " << refused->entries.size() << " entries";
    const char* code = without_watermark ? "E_WAL_DAMAGED" : "E_WATERMARK_STALE";
    EXPECT_TRUE(refused.error().message.starts_with(code)) << refused.error().message;
    log.options().on_loss = OnLoss::forget;
    log.options().fresh = raft::Incarnation{3};
    log.reopen();
    log.expect_range(1, 2);
    EXPECT_EQ(log.opened().report.affected.first, raft::Index{3});
    log.options().on_loss = OnLoss::refuse;
    log.die();
    log.reopen();
    EXPECT_EQ(log.opened().report.lost, "");
    log.expect_range(1, 2);
  }
}

TEST(WalOlder, WhomAMemberHasMetSurvivesAndIsBounded) {
  Log log;
  raft::LogWrite write;
  write.hard_state = kVoted;
  for (std::uint64_t i = 1; i <= kMetMax; ++i)
    write.hard_state->met.push_back({raft::NodeId{i}, raft::Incarnation{i + 7}, (i << 40U) + i});
  ASSERT_TRUE(log.wal().append(write));
  log.sync();
  log.die();
  log.reopen();
  EXPECT_EQ(log.opened().hard_state.met, write.hard_state->met);
  zero_frames(log, 1, 1);
  log.options().on_loss = OnLoss::forget;
  log.reopen();
  EXPECT_EQ(log.opened().hard_state.met, write.hard_state->met);  // of the others nothing was lost
}

}  // namespace
}  // namespace cairn::wal
