// Sessions: the idempotency keys of recent commands with what they came to, so that a retried write applies
// once and is answered as the first time.
//
// Part of the replicated state: what is remembered and what is forgotten follows from the log alone, by a
// clock that the log carries (docs/adr/0014-once-means-once.md). It is real time as leaders have seen it,
// never ahead of it, and no wall clock has a part in it. A *stamped* key came with a revision that the store
// had before the key was used; it may be forgotten at any time, since forgotten_revision() tells it from a
// new one. Any other key is kept for Limits::session_ttl_ms; when only such ones fill the table, a new key
// finds no room. An outcome with too large a body is remembered without it, and so are the oldest ones when
// their bodies take the room of a new key: a retry is told that it was applied, and to read. Bounds: Limits,
// which one outcome may exceed. Threading: one writer; a Root may be read anywhere while its epoch is pinned.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "mvcc/epochs.h"
#include "mvcc/limits.h"
#include "mvcc/outcome.h"
#include "mvcc/tree.h"

namespace cairn::mvcc {

struct Session {
  std::string name;  // the idempotency key
  std::uint64_t sequence = 0;
  std::int64_t time_ms = 0;  // of the log's clock
  std::uint64_t request_hash = 0;
  bool stamped = false;
  std::int64_t changed_revision = 0;  // that it made; 0: none
  Outcome outcome;
  std::uint64_t made = 0;  // epoch, not part of the replicated state

  std::string_view key() const { return name; }
  bool live() const { return true; }
  std::size_t size_bytes() const {
    return name.size() + outcome.error.size() + outcome.body.size() + kOverhead;
  }
  std::uint64_t hash() const;
  static constexpr std::size_t kOverhead = 192;  // the same on every member, whatever its library's layout
};

// Who says in the log how time passes. Logs of older versions have commands with wall clocks only, and are
// applied as those versions did: else members would differ by which part of the log a snapshot spared them.
enum class SessionClock : std::uint8_t { commands = 0, leaders = 1 };

// All that sessions are besides themselves.
struct SessionCounters {
  SessionClock clock = SessionClock::commands;
  std::int64_t clock_ms = 0;
  std::int64_t forgotten_revision = 1;
  std::uint64_t next_sequence = 1;
};

class Sessions {
 public:
  using SessionTree = Tree<Session>;

  Sessions(Epochs* epochs, Limits limits) : epochs_(epochs), limits_(limits), tree_(epochs) {}
  ~Sessions();
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;

  // An entry begins: so much time has passed; more than Limits::session_step_ms_max counts as that much.
  void pass(std::uint64_t elapsed_ms);
  // Of a log that leaders did not write the time into: a command's wall clock, until pass() is called.
  void pass_to(std::int64_t time_unix_ms);
  // What such an entry may have forgotten is anything up to `revision`.
  void forgotten_up_to(std::int64_t revision) { counters_.forgotten_revision = revision; }

  const Session* find(std::string_view key) const { return SessionTree::find(tree_.root(), key); }
  // False: a key more would cost another its promise. `from_answers`: those may go as well.
  bool make_room(bool from_answers);
  struct Remembered {
    std::string_view key;  // not remembered yet
    std::uint64_t request_hash = 0;
    bool stamped = false;
    std::int64_t changed_revision = 0;
  };
  void remember(const Remembered& what, const Outcome& outcome);

  const SessionTree::Root& root() const { return tree_.root(); }
  const SessionCounters& counters() const { return counters_; }
  // The newest change by a forgotten key: a key that is not remembered, and was not used before the store had
  // this revision, has changed nothing yet.
  std::int64_t forgotten_revision() const { return counters_.forgotten_revision; }
  bool leaders_tell_time() const { return counters_.clock == SessionClock::leaders; }
  std::size_t size_bytes() const { return size_bytes_; }
  // Of all that is remembered and of the counters.
  std::uint64_t hash() const;

  // Loading into an empty table: keys ascend; load_done() checks that sequences differ and lie below the next
  // one.
  void load(std::unique_ptr<Session> session);
  bool load_done(const SessionCounters& counters);

 private:
  std::deque<Session*>& by_age(bool stamped) { return stamped ? stamped_by_age_ : others_by_age_; }
  void insert(std::unique_ptr<Session> session);
  void forget_oldest(bool stamped);
  bool forget_oldest_body();
  void retire(Session* session);
  bool full_of_bytes() const { return size_bytes_ >= limits_.session_bytes_max; }
  void forget_expired();
  void trim();
  bool full() const;

  Epochs* epochs_;
  Limits limits_;
  SessionTree tree_;
  std::deque<Session*> stamped_by_age_, others_by_age_;
  std::size_t bare_ = 0;  // so many of the oldest of others_by_age_ have no body that takes room
  SessionCounters counters_;
  std::size_t size_bytes_ = 0;
  std::uint64_t hashes_ = 0;  // their sum
};

}  // namespace cairn::mvcc
