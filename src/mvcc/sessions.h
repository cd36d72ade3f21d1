// Sessions: the idempotency keys of recent commands with what they came to, so that a retried write applies
// once and is answered as the first time.
//
// Part of the replicated state: what is remembered and what is forgotten follows from the log alone. Entries
// go when they are older than the window by the commands' own clocks, or, oldest first, when there are too
// many or they hold too many bytes. An outcome whose body is larger than kBodyMax is remembered without it: a
// retry is told that it was applied, and to read. Threading: one writer; a Root may be read anywhere while
// its epoch is pinned.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "mvcc/epochs.h"
#include "mvcc/outcome.h"
#include "mvcc/state_machine.h"
#include "mvcc/tree.h"

namespace cairn::mvcc {

struct Session {
  std::string name;  // the idempotency key
  std::uint64_t sequence = 0;
  std::int64_t time_unix_ms = 0;
  std::uint64_t request_hash = 0;
  Outcome outcome;
  std::uint64_t made = 0;  // epoch, not part of the replicated state

  std::string_view key() const { return name; }
  bool live() const { return true; }
  std::size_t size_bytes() const {
    return name.size() + outcome.error.size() + outcome.body.size() + kOverhead;
  }
  static constexpr std::size_t kOverhead = 192;  // the same on every member, whatever its library's layout
};

class Sessions {
 public:
  using SessionTree = Tree<Session>;
  static constexpr std::size_t kBodyMax = 1 << 20;

  Sessions(Epochs* epochs, Limits limits) : epochs_(epochs), limits_(limits), tree_(epochs) {}
  ~Sessions();
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;

  // Moves the clock, which never goes back, and forgets what the window has passed.
  void advance(std::int64_t time_unix_ms);
  const Session* find(std::string_view key) const { return SessionTree::find(tree_.root(), key); }
  // `key` is not remembered yet.
  void remember(std::string_view key, std::uint64_t request_hash, const Outcome& outcome);

  const SessionTree::Root& root() const { return tree_.root(); }
  std::int64_t clock_unix_ms() const { return clock_unix_ms_; }
  std::uint64_t next_sequence() const { return next_sequence_; }
  std::size_t size_bytes() const { return size_bytes_; }

  // Loading into an empty table: keys ascend; load_done() checks that sequences differ and lie below the next
  // one.
  void load(std::unique_ptr<Session> session);
  bool load_done(std::int64_t clock_unix_ms, std::uint64_t next_sequence);

 private:
  void insert(std::unique_ptr<Session> session);
  void forget_oldest();
  void trim();

  Epochs* epochs_;
  Limits limits_;
  SessionTree tree_;
  std::deque<Session*> by_age_;
  std::uint64_t next_sequence_ = 1;
  std::int64_t clock_unix_ms_ = 0;
  std::size_t size_bytes_ = 0;
};

}  // namespace cairn::mvcc
