// Log: a Wal on a simulated disk with a model beside it, for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "sim_disk/sim_disk.h"
#include "wal/wal.h"

namespace cairn::wal::test {

inline raft::Entry entry(std::uint64_t index, std::uint64_t term, std::string data) {
  raft::Entry out;
  out.index = raft::Index{index};
  out.term = raft::Term{term};
  out.type = data.empty() ? raft::EntryType::noop : raft::EntryType::command;
  if (!data.empty()) out.data = make_bytes(std::move(data));
  return out;
}

inline raft::SnapshotMeta snapshot_at(std::uint64_t index, std::uint64_t term) {
  raft::SnapshotMeta out;
  out.index = raft::Index{index};
  out.term = raft::Term{term};
  return out;
}

// Term and vote, without the life, which every start and every loss changes.
inline raft::HardState promises(raft::HardState state) {
  state.life = {};
  state.met.clear();
  state.starts.clear();
  state.has_forgotten = false;
  return state;
}

inline Options small_segments() {
  Options options;
  options.segment_bytes = 64 << 10;
  return options;
}
// Every limit at its smallest: a frame of one entry, a buffer of one block, a segment of two.
inline Options smallest() {
  Options options;
  options.segment_bytes = 0;
  options.spare_segments = 0;
  options.spare_fill_factor = 0;
  options.frame_target_bytes = 0;
  options.buffer_bytes_max = 0;
  options.read_window_bytes = 0;
  return options;
}

class Log {
 public:
  explicit Log(const Options& options = small_segments()) : options_(options) {
    disk.put("data/junk", "");
    reopen();
  }

  sim::SimDisk disk;
  Wal& wal() { return *opened_.wal; }
  Wal::Opened& opened() { return opened_; }
  Options& options() { return options_; }

  Result<Wal::Opened> try_open(const raft::SnapshotMeta& snapshot = {}) {
    opened_ = {};
    return Wal::open(disk, "data", {7, 9}, snapshot, options_);
  }
  void reopen(const raft::SnapshotMeta& snapshot = {}) {
    auto result = try_open(snapshot);
    ASSERT_TRUE(result) << result.error().message;
    opened_ = std::move(*result);
  }

  Status try_append(std::vector<raft::Entry> entries) {
    raft::LogWrite write;
    write.entries = std::move(entries);
    return wal().append(write);
  }
  void append(std::uint64_t index, std::uint64_t term, std::string data) {
    const Status done = try_append({entry(index, term, std::move(data))});
    ASSERT_TRUE(done) << done.error().message;
  }
  void sync() {
    const Status done = wal().sync();
    ASSERT_TRUE(done) << done.error().message;
    for (Result<bool> more = true; more && *more;) {
      more = wal().maintain();
      ASSERT_TRUE(more) << more.error().message;
    }
  }

  void expect_range(std::uint64_t first, std::uint64_t last) {
    EXPECT_EQ(wal().first_index(), raft::Index{first});
    EXPECT_EQ(wal().last_index(), raft::Index{last});
    for (std::uint64_t i = first; i <= last && first != 0; ++i) {
      const auto read = wal().read(raft::Index{i});
      ASSERT_TRUE(read) << read.error().message;
      EXPECT_EQ(read->index, raft::Index{i});
    }
  }

  // The process ends without a word, the machine lives on.
  void die() { opened_ = {}; }
  // Nothing is left that was not synced.
  void lose_power() {
    Prng prng(1);
    disk.crash(prng, {.keep = 0, .lose = 1, .tear = 0});
    die();
  }

  // Paths of the segments, oldest first.
  std::vector<std::string> segments() const {
    std::vector<std::string> out;
    for (const std::string& file : disk.files()) {
      if (file.ends_with(".seg")) out.push_back(file);
    }
    return out;
  }

 private:
  Options options_;
  Wal::Opened opened_;
};

}  // namespace cairn::wal::test
