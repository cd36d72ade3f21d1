// Trial: a Wal on a simulated disk beside a model of what may be found after a crash, for this folder's
// tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim_disk/sim_disk.h"
#include "wal/log_fixture.h"
#include "wal/wal.h"

namespace cairn::wal::test {

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

inline bool same(const raft::Entry& a, const raft::Entry& b) {
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
    contents_.push_back(content);
    for (const raft::Entry& e : write.entries) {  // a full buffer is synced in between
      content.cut(e.index.v);
      content.entries[e.index.v] = e;
      content.next = e.index.v + 1;
      contents_.push_back(content);
    }
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

inline raft::LogWrite appending(std::uint64_t first, std::uint64_t count, std::uint64_t term,
                                std::size_t size) {
  raft::LogWrite write;
  for (std::uint64_t i = first; i < first + count; ++i) {
    write.entries.push_back(entry(i, term, std::string(size, static_cast<char>('a' + i % 26))));
  }
  return write;
}

inline raft::LogWrite voting(std::uint64_t term, std::uint64_t vote) {
  raft::LogWrite write;
  write.hard_state = raft::HardState{raft::Term{term}, raft::NodeId{vote}};
  return write;
}

}  // namespace cairn::wal::test
