// A directed run over every kind of write, cut at every change, with each I/O failing in turn: the log must
// reopen unattended and hold everything that was synced, and nothing that was never written.
#include <gtest/gtest.h>

#include "sim_disk/sim_disk.h"
#include "wal/trial_fixture.h"
#include "wal/wal.h"

namespace cairn::wal {
namespace {

using test::appending;
using test::snapshot_at;
using test::Trial;
using test::voting;

// Appends, batches, replaced suffixes, rotations, votes, dropped prefixes, truncations and resets.
Status directed(Trial& run) {
  TRY(run.open());
  std::uint64_t term = 1;
  for (std::uint64_t round = 0; round < 6; ++round) {
    TRY(run.write(voting(++term, round % 3)));
    const std::uint64_t next = run.content().next;
    TRY(run.write(appending(next, 3, term, 100)));
    TRY(run.sync());
    TRY(run.wal().note_durable());
    TRY(run.write(appending(next + 3, 4, term, 9000)));
    TRY(run.write(voting(++term, 2)));
    TRY(run.write(appending(next + 5, 3, term, 7000)));  // replaces two: three frames in one sync
    TRY(run.write(appending(next + 7, 2, term, 50)));
    TRY(run.sync());
    TRY(run.write(appending(next + 9, 1, term, round == 2 ? 100000 : 30000)));
    TRY(run.sync());
    TRY(run.truncate_back(next + 8));
    const std::uint64_t covered = next + 4;
    run.snapshot = snapshot_at(covered, run.content().entries.at(covered).term.v);
    raft::LogWrite drop;
    drop.drop_before = raft::Index{covered + 1};
    TRY(run.write(drop));
    TRY(run.sync());
    if (round == 3) {
      raft::LogWrite reset = appending(covered + 51, 1, term, 10);
      reset.reset_to = snapshot_at(covered + 50, term);
      TRY(run.write(reset));
      TRY(run.sync());
    }
  }
  return run.wal().close();
}

Status go_on(Trial& run) {
  const std::uint64_t next = run.content().next;
  TRY(run.write(voting(41, 1)));
  TRY(run.write(appending(next, 2, 40, 300)));
  TRY(run.sync());
  TRY(run.write(appending(next + 1, 3, 41, 6000)));
  return run.sync();
}

void reopen(Trial& run, const std::string& when) {
  const Status opened = run.open();
  ASSERT_TRUE(opened) << when << ": " << opened.error().message;
  run.check(when);
}

void crash_at_every_change(const sim::CrashOptions& options, std::uint64_t seed,
                           const Options& limits = test::small_segments()) {
  Prng prng(seed);
  for (std::uint64_t stop = 1;; ++stop) {
    const std::string when = "stop at change " + std::to_string(stop);
    Trial run(limits);
    run.disk.stop_at_change(stop);
    const bool finished = directed(run).has_value();
    run.disk.crash(prng, options);
    reopen(run, when);
    if (testing::Test::HasFatalFailure()) return;
    ASSERT_TRUE(go_on(run)) << when;
    run.disk.crash(prng, options);
    reopen(run, when + ", then going on and a second crash");
    if (testing::Test::HasFatalFailure()) return;
    if (finished) break;
  }
}

TEST(WalCrash, AtEveryChangeWithUnsyncedWritesLost) {
  crash_at_every_change({.keep = 0, .lose = 1, .tear = 0, .names = sim::CrashOptions::Names::lose_all}, 1);
}

TEST(WalCrash, AtEveryChangeWithUnsyncedWritesKept) {
  crash_at_every_change({.keep = 1, .lose = 0, .tear = 0, .names = sim::CrashOptions::Names::keep_all}, 2);
}

TEST(WalCrash, AtEveryChangeWithUnsyncedWritesTorn) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed)
    crash_at_every_change({.keep = 0, .lose = 0, .tear = 1}, seed);
}

TEST(WalCrash, AtEveryChangeWithUnsyncedWritesMixed) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) crash_at_every_change({}, seed);
}

TEST(WalCrash, AtEveryChangeWithEveryLimitAtItsSmallest) {
  crash_at_every_change({}, 1, test::smallest());
  crash_at_every_change({.keep = 0, .lose = 0, .tear = 1}, 2, test::smallest());
}

// A crash during the recovery from a crash.
TEST(WalCrash, AtEveryChangeOfARecovery) {
  Prng prng(9);
  for (std::uint64_t first = 5; first < 160; first += 7) {
    for (std::uint64_t second = 1;; ++second) {
      const std::string when = "stops at changes " + std::to_string(first) + " and " + std::to_string(second);
      Trial run;
      run.disk.stop_at_change(first);
      (void)directed(run).has_value();
      run.disk.crash(prng);
      run.disk.stop_at_change(second);
      const bool opened = run.open().has_value();
      run.disk.crash(prng);
      reopen(run, when);
      if (HasFatalFailure() || opened) break;
    }
  }
}

TEST(WalCrash, WhatIsReplacedGoesOnlyWhenItsReplacementIsDurable) {
  Trial run;
  ASSERT_TRUE(run.open());
  ASSERT_TRUE(run.write(voting(2, 1)));
  for (std::uint64_t i = 1; i <= 6; ++i) {
    ASSERT_TRUE(run.write(appending(i, 1, 1, 30000)));
    ASSERT_TRUE(run.sync());
  }
  ASSERT_TRUE(run.write(appending(1, 1, 2, 30000)));
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(run.wal().maintain());
  Prng prng(1);
  run.disk.crash(prng, {.keep = 0, .lose = 1, .tear = 0, .names = sim::CrashOptions::Names::keep_all});
  reopen(run, "with the replacement in the buffer");
  EXPECT_EQ(run.content().next, 7U);
}

// The process dies of the error, the machine lives on: page cache and platter differ where a sync failed.
TEST(WalCrash, EveryFailingIoIsFinalAndReopensClean) {
  Prng prng(4);
  for (std::uint64_t nth = 1;; ++nth) {
    const std::string when = "I/O " + std::to_string(nth) + " fails";
    Trial run;
    run.disk.fail_io(nth, Code::internal, false);
    const bool finished = directed(run).has_value();
    run.disk.kill_process();
    reopen(run, when);
    if (HasFatalFailure()) return;
    run.disk.crash(prng, {.keep = 0, .lose = 1, .tear = 0, .names = sim::CrashOptions::Names::lose_all});
    reopen(run, when + ", and what recovery reported is lost at a power cut");
    if (HasFatalFailure()) return;
    ASSERT_TRUE(go_on(run)) << when;
    if (finished) break;
  }
}

TEST(WalCrash, AFailedSyncIsSticky) {
  Trial run;
  ASSERT_TRUE(run.open());
  ASSERT_TRUE(run.write(appending(1, 1, 1, 10)));
  run.disk.fail_io(2, Code::internal, false);  // the write succeeds, the fdatasync does not
  ASSERT_FALSE(run.sync());
  EXPECT_FALSE(run.wal().sync());
  EXPECT_FALSE(run.wal().append(appending(2, 1, 1, 10)));
  EXPECT_FALSE(run.wal().read(raft::Index{1}));
  EXPECT_FALSE(run.wal().close());
}

TEST(WalCrash, AFullDiskOnlyCostsTheSpare) {
  Trial run;
  ASSERT_TRUE(run.open());
  ASSERT_TRUE(run.write(voting(1, 1)));
  ASSERT_TRUE(run.sync());
  run.disk.set_capacity(run.disk.used_bytes() + 10000);
  for (std::uint64_t i = 1; i <= 6; ++i) {
    ASSERT_TRUE(run.write(appending(i, 1, 1, 8000)));
    ASSERT_TRUE(run.sync());
  }
  const Status full = [&]() -> Status {
    TRY(run.write(appending(7, 1, 1, 60000)));
    return run.sync();
  }();
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::resource_exhausted);
  run.disk.kill_process();
  run.disk.set_capacity(std::uint64_t{1} << 30);
  reopen(run, "after a full disk");
}

}  // namespace
}  // namespace cairn::wal
