// A directed run over every kind of write, cut at every change, with each I/O failing in turn: the log must
// reopen unattended and hold everything that was synced, and nothing that was never written.
#include <gtest/gtest.h>

#include <map>

#include "sim_disk/sim_disk.h"
#include "wal/test_log.h"
#include "wal/wal.h"

namespace cairn::wal {
namespace {

using test::entry;
using test::promises;
using test::snapshot_at;

struct Content {  // of a log, as the model sees it
  std::map<std::uint64_t, raft::Entry> entries;
  std::uint64_t next = 1;

  void cut(std::uint64_t from) {
    entries.erase(entries.lower_bound(from), entries.end());
    next = from;
  }
  // What opening with this snapshot makes of it.
  void continue_behind(const raft::SnapshotMeta& snapshot) {
    const auto at = entries.find(snapshot.index.v);
    const bool disagrees = at != entries.end() && at->second.term != snapshot.term;
    if (next <= snapshot.index.v || disagrees) {
      entries.clear();
      next = snapshot.index.v + 1;
    }
  }
};

bool same(const raft::Entry& a, const raft::Entry& b) {
  return a.index == b.index && a.term == b.term && a.type == b.type &&
         (a.data == nullptr) == (b.data == nullptr) && (a.data == nullptr || *a.data == *b.data);
}

// The log beside its model. States between what was synced and what was attempted may be found after a crash.
class Trial {
 public:
  sim::SimDisk disk;
  raft::SnapshotMeta snapshot;

  explicit Trial(const Options& options = test::small_segments()) : options_(options) {
    disk.put("data/junk", "");
  }

  Status open() {
    wal_ = nullptr;
    auto opened = Wal::open(disk, "data", {7, 9}, snapshot, options_);
    if (!opened) return tl::unexpected(opened.error());
    found_ = std::move(opened->entries);
    found_state_ = promises(opened->hard_state);
    EXPECT_GT(opened->hard_state.life.start, start_);
    start_ = opened->hard_state.life.start;
    wal_ = std::move(opened->wal);
    return {};
  }

  Status write(const raft::LogWrite& write) {
    Content content = contents_.back();
    if (write.reset_to) {
      snapshot = *write.reset_to;  // it was durable before
      content.entries.clear();
      content.next = snapshot.index.v + 1;
    }
    for (const raft::Entry& e : write.entries) {
      content.cut(e.index.v);
      content.entries[e.index.v] = e;
      content.next = e.index.v + 1;
    }
    contents_.push_back(content);
    states_.push_back(write.hard_state.value_or(states_.back()));
    return wal_->append(write);
  }
  Status truncate_back(std::uint64_t last) {
    Content content = contents_.back();
    content.cut(last + 1);
    contents_.push_back(content);
    TRY(wal_->truncate_back(raft::Index{last}));
    settled();
    return {};
  }
  Status sync() {
    TRY(wal_->sync());
    settled();
    TRY(wal_->maintain());
    return {};
  }
  Wal& wal() { return *wal_; }
  const Content& content() const { return contents_.back(); }

  // What open() found is one of the states that a crash may leave; it is the only possible one from now on.
  void check(const std::string& when) {
    bool fits = false;
    for (Content candidate : contents_) {
      candidate.continue_behind(snapshot);
      fits = fits || is(candidate);
      if (fits) {
        contents_ = {candidate};
        break;
      }
    }
    ASSERT_TRUE(fits) << when << ": found " << found_.size() << " entries up to "
                      << (found_.empty() ? 0 : found_.back().index.v) << ", synced up to "
                      << contents_.front().next - 1;
    const auto is_found = [this](const raft::HardState& state) {
      return state == found_state_ || (snapshot.term > state.term && found_state_.term == snapshot.term);
    };
    EXPECT_TRUE(std::any_of(states_.begin(), states_.end(), is_found)) << when;
    states_ = {found_state_};
  }

 private:
  void settled() {
    contents_ = {contents_.back()};
    states_ = {states_.back()};
  }
  bool is(const Content& content) const {
    const std::uint64_t next = found_.empty() ? snapshot.index.v + 1 : found_.back().index.v + 1;
    if (next != content.next) return false;
    for (const raft::Entry& e : found_) {
      const auto expected = content.entries.find(e.index.v);
      if (expected == content.entries.end()) {
        if (e.index > snapshot.index) return false;
      } else if (!same(e, expected->second)) {
        return false;
      }
    }
    const std::uint64_t first = found_.empty() ? next : found_.front().index.v;
    return first <= snapshot.index.v + 1;
  }

  Options options_;
  std::uint64_t start_ = 0;  // of the last open(): each counts one on
  std::unique_ptr<Wal> wal_;
  std::vector<raft::Entry> found_;
  raft::HardState found_state_;
  std::vector<Content> contents_{Content{}};  // from the last synced to the last attempted
  std::vector<raft::HardState> states_{raft::HardState{}};
};

raft::LogWrite appending(std::uint64_t first, std::uint64_t count, std::uint64_t term, std::size_t size) {
  raft::LogWrite write;
  for (std::uint64_t i = first; i < first + count; ++i) {
    write.entries.push_back(entry(i, term, std::string(size, static_cast<char>('a' + i % 26))));
  }
  return write;
}

raft::LogWrite voting(std::uint64_t term, std::uint64_t vote) {
  raft::LogWrite write;
  write.hard_state = raft::HardState{raft::Term{term}, raft::NodeId{vote}};
  return write;
}

// Appends, batches, replaced suffixes, rotations, votes, dropped prefixes, truncations and resets.
Status directed(Trial& run) {
  TRY(run.open());
  std::uint64_t term = 1;
  for (std::uint64_t round = 0; round < 6; ++round) {
    TRY(run.write(voting(++term, round % 3)));
    const std::uint64_t next = run.content().next;
    TRY(run.write(appending(next, 3, term, 100)));
    TRY(run.sync());
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

void crash_at_every_change(const sim::CrashOptions& options, std::uint64_t seed) {
  Prng prng(seed);
  for (std::uint64_t stop = 1;; ++stop) {
    const std::string when = "stop at change " + std::to_string(stop);
    Trial run;
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
