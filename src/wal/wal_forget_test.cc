// Memory that is lost, of every kind: refused with a named error and nothing changed, or forgotten: a new
// life that is not full, and the longest intact beginning of the log. A crash in between leads to the same.
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "sim_disk/sim_disk.h"
#include "wal/format.h"
#include "wal/hard_state.h"
#include "wal/inspect.h"
#include "wal/log_fixture.h"
#include "wal/losses_fixture.h"
#include "wal/wal.h"

namespace cairn::wal {
namespace {

using namespace test;

struct Loss {
  const char* what;
  const char* code;
  std::uint64_t kept;  // entries 1 to here
  bool keeps_vote;
  std::function<void(Log&)> damage;
  bool noted = true;  // in the watermark: all of the log
};

std::vector<Loss> losses() {
  const auto remove_log = [](Log& log) {
    for (const std::string& path : log.segments()) remove(log, path);
  };
  return {
      {"the whole log", "E_WAL_LOST", 0, true, remove_log},
      {"the last segment", "E_WAL_LOST", 16, true, [](Log& log) { remove(log, log.segments().back()); }},
      {"the first segment", "E_WAL_DAMAGED", 0, true, [](Log& log) { remove(log, log.segments().front()); }},
      {"the last five frames", "E_WAL_DAMAGED", 25, true, [](Log& log) { zero_frames(log, 26, 30); }},
      {"all of the last segment's frames", "E_WAL_DAMAGED", 16, true,
       [](Log& log) { zero_frames(log, 17, 30); }},
      {"a bit of the last frame", "E_WAL_DAMAGED", 29, true,
       [](Log& log) { log.disk.flip_bit(log.segments().back(), (13 * kBlockBytes + 140) * 8); }},
      {"a bit of the last frame's header", "E_WAL_DAMAGED", 29, true,
       [](Log& log) { log.disk.flip_bit(log.segments().back(), (13 * kBlockBytes + 40) * 8); }},
      {"a frame in the middle", "E_WAL_DAMAGED", 5, true, [](Log& log) { zero_frames(log, 6, 6); }},
      {"two frames in the middle", "E_WAL_DAMAGED", 5, true,
       [](Log& log) { zero_frames(log, 6, 6), zero_frames(log, 20, 20); }},
      {"a frame in the middle that only later ones vouch for", "E_WAL_DAMAGED", 19, true,
       [](Log& log) { zero_frames(log, 20, 20); }, false},
      {"the first frame", "E_WAL_DAMAGED", 0, true, [](Log& log) { zero_frames(log, 1, 1); }},
      {"half of the last segment", "E_WAL_DAMAGED", 23, true,
       [](Log& log) {
         const std::string path = log.segments().back();
         log.disk.put(path, log.disk.contents(path).substr(0, 7 * kBlockBytes));
       }},
      {"the hard state", "E_HARDSTATE_LOST", 30, false, [](Log& log) { remove(log, "data/hardstate"); }},
      {"both copies of the hard state", "E_HARDSTATE_LOST", 30, false,
       [](Log& log) { flip_both(log, "data/hardstate"); }},
      {"the watermark", "E_WATERMARK_LOST", 30, true, [](Log& log) { remove(log, "data/watermark"); }},
      {"both slots of the watermark", "E_WATERMARK_LOST", 30, true,
       [](Log& log) { flip_both(log, "data/watermark"); }},
      {"log and watermark", "E_WATERMARK_LOST", 0, true,
       [=](Log& log) { remove_log(log), remove(log, "data/watermark"); }},
      {"log and hard state", "E_HARDSTATE_LOST", 0, false,
       [=](Log& log) { remove_log(log), remove(log, "data/hardstate"); }},
  };
}

void expect_forgotten(Log& log, const Loss& loss) {
  const raft::HardState& state = log.opened().hard_state;
  EXPECT_NE(state.life.incarnation, raft::Incarnation{1}) << loss.what;
  EXPECT_FALSE(state.life.full) << loss.what;
  EXPECT_TRUE(state.has_forgotten) << loss.what;
  if (loss.keeps_vote) {
    EXPECT_EQ(promises(state), kVoted) << loss.what;
  } else {
    EXPECT_GE(state.term.v, loss.kept == 0 ? 0U : 2U) << loss.what;
    EXPECT_EQ(state.vote, raft::NodeId{}) << loss.what;
  }
  ASSERT_EQ(log.opened().entries.size(), loss.kept) << loss.what;
  log.expect_range(loss.kept == 0 ? 0 : 1, loss.kept);
  for (std::uint64_t i = 1; i <= loss.kept; ++i) {
    EXPECT_EQ(*log.opened().entries[i - 1].data, "value " + std::to_string(i)) << loss.what;
  }
}

// From now on nothing is lost any more: each start is the next of the same life.
void expect_whole(Log& log, const Loss& loss) {
  log.options().on_loss = OnLoss::refuse;
  raft::Life life = log.opened().hard_state.life;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    log.append(loss.kept + i, 5, "again");
    log.sync();
    log.die();
    log.reopen();
    if (testing::Test::HasFatalFailure()) return;
    EXPECT_EQ(log.opened().report.lost, "") << loss.what;
    ++life.start;
    EXPECT_EQ(log.opened().hard_state.life, life) << loss.what;
    log.expect_range(1, loss.kept + i);
  }
}

TEST(WalForget, RefusingNamesWhatIsLostAndChangesNothing) {
  for (const Loss& loss : losses()) {
    Log log;
    fill(log, loss.noted);
    loss.damage(log);
    const auto before = all_files(log);
    const auto opened = log.try_open();
    ASSERT_FALSE(opened) << loss.what;
    EXPECT_EQ(opened.error().code, Code::data_loss) << loss.what;
    EXPECT_TRUE(opened.error().message.starts_with(loss.code)) << loss.what << ": " << opened.error().message;
    EXPECT_TRUE(all_files(log) == before) << loss.what;
  }
}

TEST(WalForget, ForgettingTakesANewLifeAndGoesOnWithTheIntactBeginning) {
  constexpr std::uint64_t kFounded = 77;
  for (const Loss& loss : losses()) {
    Log log;
    fill(log, loss.noted, kFounded);
    loss.damage(log);
    log.options().on_loss = OnLoss::forget;
    log.options().fresh = raft::Incarnation{2};
    log.reopen();
    if (HasFatalFailure()) return;
    const std::uint64_t founded = loss.keeps_vote ? kFounded : 0;  // what is left is of that one
    EXPECT_EQ(log.opened().hard_state.life, (raft::Life{raft::Incarnation{2}, 1, false, 0, founded}))
        << loss.what;
    EXPECT_TRUE(log.opened().report.lost.starts_with(loss.code)) << log.opened().report.lost;
    if (loss.kept < kEntries) {
      EXPECT_EQ(log.opened().report.affected.first.v, loss.kept + 1) << loss.what;
      if (std::string(loss.what) != "log and watermark") {
        EXPECT_EQ(log.opened().report.affected.last.v, kEntries) << loss.what;
      }
    }
    expect_forgotten(log, loss);
    expect_whole(log, loss);
    if (HasFailure()) return;
  }
}

// Power cuts at every change of forgetting, and again at every tenth of the attempt after it.
TEST(WalForget, ACrashInBetweenLeadsToTheSameEnd) {
  Prng prng(5);
  for (const Loss& loss : losses()) {
    for (std::uint64_t stop = 1;; ++stop) {
      Log log;
      fill(log, loss.noted);
      loss.damage(log);
      log.options().on_loss = OnLoss::forget;
      bool opened = false;
      for (std::uint64_t attempt = 0; attempt < 3; ++attempt) {
        log.options().fresh = raft::Incarnation{2 + attempt};
        log.disk.stop_at_change(attempt == 0 ? stop : prng.between(1, 40));
        const bool succeeded = log.try_open().has_value();
        if (attempt == 0) opened = succeeded;
        log.disk.crash(prng);
      }
      log.options().fresh = raft::Incarnation{9};
      log.reopen();
      if (!HasFatalFailure()) expect_forgotten(log, loss);
      if (!HasFatalFailure()) expect_whole(log, loss);
      ASSERT_FALSE(HasFailure()) << loss.what << ", stopped at change " << stop;
      if (opened) break;
    }
  }
}

// One fault at a time, in any file: nothing that was promised is missing without a word.
void expect_all_there_or_named(const std::string& what, const std::function<void(Log&)>& damage) {
  Log log;
  fill(log);
  damage(log);
  log.options().on_loss = OnLoss::forget;
  log.options().fresh = raft::Incarnation{2};
  log.reopen();
  if (testing::Test::HasFatalFailure()) return;
  const raft::HardState& state = log.opened().hard_state;
  if (log.opened().report.lost.empty()) {
    EXPECT_EQ(promises(state), kVoted) << what;
    EXPECT_EQ(state.life, (raft::Life{raft::Incarnation{1}, 2, false})) << what;
    EXPECT_EQ(log.opened().entries.size(), kEntries) << what;
  } else {
    EXPECT_EQ(state.life.incarnation, raft::Incarnation{2}) << what;
  }
}

TEST(WalForget, NoDamagedByteOrSectorIsMissed) {
  constexpr std::uint64_t kSectorBytes = 512;
  Log pattern;
  fill(pattern);
  for (const auto& [path, content] : all_files(pattern)) {
    if (path.ends_with(".spare") || path.ends_with("junk")) continue;
    for (std::uint64_t at = 0; at < content.size(); at += kSectorBytes) {
      const std::string where = path + " at " + std::to_string(at);
      expect_all_there_or_named(where + " zeroed", [&](Log& log) {
        log.disk.overwrite(path, at, std::string(kSectorBytes, '\0'));
      });
      const std::uint64_t used = at % kBlockBytes == 0 ? 160 : 0;
      for (std::uint64_t byte = at + at / kBlockBytes % 7; byte < at + used; byte += 7) {
        expect_all_there_or_named(where + ", byte " + std::to_string(byte) + " flipped",
                                  [&](Log& log) { log.disk.flip_bit(path, byte * 8 + byte % 8); });
      }
      ASSERT_FALSE(HasFailure());
    }
  }
}

TEST(WalForget, WhatIsPutAsideIsKept) {
  Log log;
  fill(log);
  const std::string last = log.segments().back();
  const std::string content = log.disk.contents(last);
  zero_frames(log, 6, 6);
  log.options().on_loss = OnLoss::forget;
  log.reopen();
  const std::string name = last.substr(last.rfind('/') + 1);
  EXPECT_EQ(log.disk.contents("data/quarantine/" + name), content);
  EXPECT_EQ(log.opened().report.torn_bytes, 11 * kBlockBytes);  // frames 6 to 16
}

TEST(WalForget, DamageThatTheSnapshotCoversIsNoLoss) {
  Log log;
  fill(log);
  zero_frames(log, 6, 6);
  log.options().on_loss = OnLoss::forget;
  log.reopen(snapshot_at(6, 2));
  EXPECT_EQ(log.opened().report.lost, "");
  EXPECT_EQ(log.opened().hard_state.life, (raft::Life{raft::Incarnation{1}, 2, false}));
  log.expect_range(7, 30);
}

TEST(WalForget, AnEndThatTheSnapshotCoversIsNoLoss) {
  Log log;
  fill(log);
  zero_frames(log, 28, 30);
  log.reopen(snapshot_at(30, 2));
  EXPECT_EQ(log.opened().report.lost, "");
  log.expect_range(0, 0);
  log.append(31, 3, "more");
  log.sync();
  log.die();
  log.reopen(snapshot_at(30, 2));
  log.expect_range(31, 31);
}

// What is lost is that the log had been shortened: the entries behind are none of it any more.
TEST(WalForget, WhatWasTruncatedDoesNotComeBackWithTheEndThatIsLost) {
  Prng prng(6);
  for (std::uint64_t stop = 1;; ++stop) {
    Log log;
    fill(log);
    log.reopen();
    ASSERT_TRUE(log.wal().truncate_back(raft::Index{20}));
    ASSERT_TRUE(log.wal().close());
    log.die();
    log.disk.flip_bit(log.segments().back(), (14 * kBlockBytes + 40) * 8);
    log.disk.stop_at_change(stop);
    const bool opened = log.try_open(snapshot_at(20, 2)).has_value();
    log.disk.crash(prng);
    log.reopen(snapshot_at(20, 2));
    ASSERT_FALSE(HasFatalFailure()) << stop;
    EXPECT_EQ(log.opened().report.lost, "");
    log.expect_range(0, 0);
    ASSERT_FALSE(HasFailure()) << stop;
    if (opened) break;
  }
}

TEST(WalForget, AnEndThatTheSnapshotCoversIsALossWhenSomethingFollowed) {
  Log log;
  fill(log);
  log.reopen();
  log.append(31, 2, "not noted");
  log.sync();
  log.die();
  log.disk.flip_bit(log.segments().back(), (14 * kBlockBytes + 140) * 8);
  zero_frames(log, 28, 30);
  EXPECT_NE(log.try_open(snapshot_at(30, 2)).error().message.find("indexes from 31 on"), std::string::npos);
}

TEST(WalForget, TheLongestPartThatConnectsToTheSnapshotIsKept) {
  Log log;
  fill(log);
  zero_frames(log, 6, 6);
  zero_frames(log, 20, 20);
  log.options().on_loss = OnLoss::forget;
  log.reopen(snapshot_at(10, 2));
  EXPECT_NE(log.opened().report.lost, "");
  log.expect_range(7, 19);
  log.append(20, 3, "again");
  log.sync();
  log.die();
  log.options().on_loss = OnLoss::refuse;
  log.reopen(snapshot_at(10, 2));
  log.expect_range(7, 20);
}

TEST(WalForget, ALogWhoseSnapshotIsLostGoesOnEmptyBehindAnOlderOne) {
  Log log;
  raft::LogWrite write;
  write.reset_to = snapshot_at(1000, 4);
  write.entries = {entry(1001, 4, "x")};
  ASSERT_TRUE(log.wal().append(write));
  ASSERT_TRUE(log.wal().close());
  log.options().on_loss = OnLoss::forget;
  log.reopen(snapshot_at(900, 3));
  EXPECT_EQ(log.opened().report.affected, (IndexRange{raft::Index{901}, raft::Index{1001}}));
  log.expect_range(0, 0);
  log.append(901, 4, "again");
  log.sync();
  log.die();
  log.options().on_loss = OnLoss::refuse;
  log.reopen(snapshot_at(900, 3));
  log.expect_range(901, 901);
}

// Both logs are whole, each by itself.
TEST(WalForget, ALogThatIsNotTheOneOfTheWatermarkIsNamed) {
  Log log;
  fill(log);
  Log other;
  for (std::uint64_t i = 1; i <= 31; ++i) {
    other.append(i, 2, "other " + std::to_string(i));
    other.sync();
  }
  for (const std::string& path : log.segments()) log.disk.put(path, other.disk.contents(path));
  const auto opened = log.try_open();
  ASSERT_FALSE(opened);
  const std::string& message = opened.error().message;
  EXPECT_NE(message.find("E_WAL_DAMAGED"), std::string::npos) << message;
  EXPECT_NE(message.find("frame 30 is not the one"), std::string::npos) << message;
}

TEST(WalForget, AnOlderHardStateIsNamed) {
  Log log;
  const std::string old = log.disk.contents("data/hardstate");
  fill(log);
  log.disk.put("data/hardstate", old);
  EXPECT_TRUE(log.try_open().error().message.starts_with("E_HARDSTATE_STALE"));
  log.options().on_loss = OnLoss::forget;
  log.reopen();
  EXPECT_EQ(promises(log.opened().hard_state), (raft::HardState{raft::Term{2}, raft::NodeId{}}));
  log.expect_range(1, 30);
  log.options().on_loss = OnLoss::refuse;
  log.reopen();
}

// Behind the watermark nothing tells a damaged frame from a torn one. Each sync says in it how far it came,
// and what a killed process wrote is there; a power cut takes that away, unless it was noted.
TEST(WalForget, OnlyWhatLiesBehindTheWatermarkIsCut) {
  Prng prng(9);
  for (const bool noted : {false, true}) {
    for (const bool power_cut : {false, true}) {
      Log log;
      log.append(1, 1, "x");
      log.sync();
      if (noted) {
        ASSERT_TRUE(log.wal().note_durable());
      }
      if (power_cut) log.disk.crash(prng, {.keep = 0, .lose = 1, .tear = 0});
      log.die();
      log.disk.flip_bit(log.segments().back(), 140 * 8);
      EXPECT_EQ(log.try_open().has_value(), power_cut && !noted);
    }
  }
}

TEST(WalForget, AKilledProcessThatNeverPausedIsFoundOutAsWell) {
  for (const Loss& loss : losses()) {
    Log log;
    fill(log, false);
    loss.damage(log);
    const auto opened = log.try_open();
    ASSERT_FALSE(opened) << loss.what;
    EXPECT_TRUE(opened.error().message.starts_with(loss.code)) << loss.what << ": " << opened.error().message;
  }
}

TEST(WalForget, ALastSegmentIsMissedAlthoughNothingWasNotedSinceItsBeginning) {
  Log log;
  for (std::uint64_t i = 1; log.segments().size() < 2; ++i) {
    log.append(i, 1, std::string(5000, 'x'));
    log.sync();
  }
  log.die();
  remove(log, log.segments().back());
  EXPECT_TRUE(log.try_open().error().message.starts_with("E_WAL_LOST"));
}

TEST(WalForget, NotingWritesOnceAndOnlyWhatIsDurable) {
  Log log;
  ASSERT_TRUE(log.wal().note_durable());
  std::uint64_t writes = 0, syncs = 0;
  log.disk.set_hook([&](sim::Operation op, const std::string& path) {
    if (path.find("watermark") == std::string::npos) return;
    writes += op == sim::Operation::write;
    syncs += op == sim::Operation::sync;
  });
  log.append(1, 1, "x");
  ASSERT_TRUE(log.wal().note_durable());
  EXPECT_EQ(writes + syncs, 0U);
  ASSERT_TRUE(log.wal().sync());
  EXPECT_EQ(std::pair(writes, syncs), std::pair(std::uint64_t{1}, std::uint64_t{0}));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(log.wal().note_durable());
  EXPECT_EQ(std::pair(writes, syncs), std::pair(std::uint64_t{2}, std::uint64_t{1}));
}

TEST(WalForget, OneDamagedSlotOfTheWatermarkIsHarmless) {
  for (const std::uint64_t slot : {0, 1}) {
    for (std::uint64_t byte = 0; byte < 90; ++byte) {
      Log log;
      log.append(1, 1, "x");
      ASSERT_TRUE(log.wal().close());
      log.disk.flip_bit("data/watermark", (slot * kBlockBytes + byte) * 8);
      log.reopen();
      ASSERT_FALSE(HasFatalFailure()) << byte;
      log.expect_range(1, 1);
    }
  }
}

// A directory of format 1: no watermark, and a hard state that knows no lives.
void make_format_1(Log& log) {
  fill(log);
  remove(log, "data/watermark");
  std::string content = log.disk.contents("data/hardstate");
  for (const std::size_t copy : {std::size_t{0}, std::size_t{kBlockBytes}}) {
    const auto block = std::as_writable_bytes(std::span(content)).subspan(copy, kBlockBytes);
    put_u16(&block[4], 1);
    std::fill(block.begin() + 40, block.end(), std::byte{0});
    put_u64(&block[kBlockBytes - 8], hash64(block.first(kBlockBytes - 8)));
  }
  log.disk.put("data/hardstate", content);
}

TEST(WalForget, AFormat1DirectoryIsTakenOver) {
  Log log;
  make_format_1(log);
  log.reopen();
  log.expect_range(1, 30);
  const raft::HardState expected{kVoted.term, kVoted.vote, {}, {raft::Incarnation{}, 1, true}, {}, {1}};
  EXPECT_EQ(log.opened().hard_state, expected);
  log.reopen();
  EXPECT_EQ(log.opened().hard_state.life, (raft::Life{raft::Incarnation{}, 2, true}));
}

TEST(WalForget, ACrashWhileAFormat1DirectoryIsTakenOverIsHarmless) {
  Prng prng(8);
  for (std::uint64_t stop = 1;; ++stop) {
    Log log;
    make_format_1(log);
    log.disk.stop_at_change(stop);
    const bool opened = log.try_open().has_value();
    log.disk.crash(prng);
    log.reopen();
    ASSERT_FALSE(HasFatalFailure()) << stop;
    log.expect_range(1, 30);
    EXPECT_TRUE(log.opened().hard_state.life.full);
    if (opened) break;
  }
}

TEST(WalForget, ACrashInTheFirstStartIsHarmless) {
  Prng prng(9);
  for (std::uint64_t stop = 1;; ++stop) {
    Log log;
    for (const std::string& path : log.disk.files()) {
      if (path != "data/junk") remove(log, path);
    }
    log.die();
    log.disk.stop_at_change(stop);
    const bool opened = log.try_open().has_value();
    log.disk.crash(prng);
    log.reopen();
    ASSERT_FALSE(HasFatalFailure()) << stop;
    const std::uint64_t start = log.opened().hard_state.life.start;
    EXPECT_TRUE(start == 2 || (start == 1 && !opened)) << stop;
    if (opened) break;
  }
}

// Spares of an earlier log hold its frames; the new one begins with the same numbers.
TEST(WalForget, ALogThatBeginsAnewMeetsNothingOfTheOldOne) {
  for (std::uint64_t count = 17; count < 70; ++count) {
    Log log;
    for (std::uint64_t i = 1; i <= count; ++i) {
      log.append(i, 2, std::string(3000, 'x'));
      log.sync();
    }
    ASSERT_TRUE(log.wal().truncate_front(raft::Index{count}));
    ASSERT_TRUE(log.wal().close());
    log.die();
    for (const std::string& path : log.segments()) remove(log, path);
    log.options().on_loss = OnLoss::forget;
    log.reopen();
    log.options().on_loss = OnLoss::refuse;
    for (std::uint64_t i = 1; i <= 8; ++i) {
      log.append(i, 3, std::string(3000, 'y'));
      log.sync();
      log.die();
      log.reopen();
      ASSERT_FALSE(HasFatalFailure()) << count << ", " << i;
      log.expect_range(1, i);
    }
  }
}

TEST(WalForget, InspectShowsLifeAndWatermarkAndSaysWhatTheWatermarkMisses) {
  Log log;
  fill(log);
  zero_frames(log, 30, 30);
  std::string lines;
  const InspectSink sink{[&](std::string_view line) { lines += std::string(line) + "\n"; }, false};
  EXPECT_TRUE(*inspect_wal(log.disk, "data", sink));
  for (const char* part : {"incarnation=1 start=1 full=0", "watermark generation=", "last_index=30",
                           "ends with frame 29, the watermark or the hard state says that frames up to 30",
                           "recorded=0 founded=0 forgotten=0 starts=1 met=0 frame_seq=30 watermark="}) {
    EXPECT_NE(lines.find(part), std::string::npos) << part << " in " << lines;
  }
}

TEST(WalForget, WhoIsInThePlaceOfALostOneKnowsItFromItsFirstStartOn) {
  for (const bool was_there : {false, true}) {
    Options options = small_segments();
    options.was_there = was_there;
    Log log(options);
    EXPECT_EQ(log.opened().hard_state.has_forgotten, was_there);
    EXPECT_FALSE(log.opened().hard_state.life.full);
    log.options().was_there = false;
    log.reopen();
    EXPECT_EQ(log.opened().hard_state.has_forgotten, was_there);
  }
}

}  // namespace
}  // namespace cairn::wal
