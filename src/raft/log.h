// LogTail: the end of the log, in memory: what is not applied yet, and a stretch before it for slow
// followers. The core never reads a disk: a follower that needs older entries gets a snapshot, a fresh one
// when the newest ends before the entries held here begin. Owner: Core. Threading: none of its own. Entries
// share their bytes with the log writer and the sockets. Every lookup is O(1), but term_boundary (binary
// search). Invariants (invariants.h): L1, L2, S1.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

#include "raft/types.h"

namespace cairn::raft {

class LogTail {
 public:
  using Hash = std::uint64_t (*)(std::string_view data);
  // `entries` are contiguous. Those that do not continue `snapshot` are dropped: see fits(). hash: of the
  // chain, or null for none.
  LogTail(SnapshotMeta snapshot, std::vector<Entry> entries, Hash hash = nullptr);

  // Whether a log with these entries continues the snapshot. A crash between a snapshot becoming durable and
  // the log being reset to it leaves a log that does not.
  static bool fits(const SnapshotMeta& snapshot, const std::vector<Entry>& entries);

  Index first() const { return base_index_.next(); }  // of the entries held; last() + 1 when there are none
  Index last() const { return Index{base_index_.v + slots_.size()}; }
  Term last_term() const { return slots_.empty() ? base_term_ : slots_.back().entry.term; }
  const SnapshotMeta& snapshot() const { return snapshot_; }

  // Known for first() - 1 up to last().
  std::optional<Term> term_at(Index index) const;
  bool matches(Index index, Term term) const { return term_at(index) == term; }
  // Over every entry from the first one of the cluster's life up to `index`: logs that agree there are the
  // same. 0 where it is not known: without a hash, before the snapshot, outside of what term_at knows.
  std::uint64_t chain_at(Index index) const;
  const Entry& at(Index index) const;

  // Size of the entries in (after, last()].
  std::size_t bytes_after(Index after) const;
  std::size_t bytes() const { return bytes_after(base_index_); }
  // Entries from `from` on, at least one if there is one, then as many as fit into bytes_max.
  std::vector<Entry> slice(Index from, std::size_t bytes_max) const;
  // The largest index <= from, down to first() - 1, whose term is <= term (fast backtracking, thesis 3.3).
  Index term_boundary(Index from, Term term) const;

  void append(Entry entry);         // entry.index == last() + 1
  void truncate_from(Index index);  // entries from `index` on never happened
  void reset(const SnapshotMeta& snapshot);
  // A newer own snapshot covers the log up to meta.index: keeps about keep_bytes before it.
  void compact(const SnapshotMeta& meta, std::size_t keep_bytes);
  // Drops entries up to `index`, oldest first, as long as more than keep_bytes are held.
  void forget(Index index, std::size_t keep_bytes);

  // The newest configuration in the log: in force, committed or not. Its index is 0 for the initial one.
  const Members& members() const { return configurations_.back().members; }
  Index members_index() const { return members_position().index; }
  Position members_position() const { return configurations_.back().at; }
  // The newest committed one, and all after it: oldest first.
  std::vector<Configuration> configurations_since(Index commit) const;
  // Whether the node votes in the newest configuration or in one that it may yet fall back to: those since
  // `commit`.
  bool may_be_voter(NodeId node, Index commit) const;
  // As of the entry at `index`, which is not before the snapshot.
  const Members& members_at(Index index) const;

 private:
  struct Slot {
    Entry entry;
    std::uint64_t end_bytes;  // size of all entries ever appended up to and including this one
    std::uint64_t chain;
  };

  std::uint64_t end_bytes(Index index) const;
  std::uint64_t chain_with(const Entry& entry) const;  // appended next
  // Of what ends at kept_end_bytes, keep_bytes stay.
  void drop_front(Index up_to, std::uint64_t kept_end_bytes, std::size_t keep_bytes);

  Hash hash_;
  Index base_index_;  // the position just before the first entry held
  Term base_term_;
  std::uint64_t base_end_bytes_ = 0;
  std::uint64_t base_chain_ = 0;
  std::deque<Slot> slots_;
  SnapshotMeta snapshot_;
  std::vector<Configuration> configurations_;  // never empty; the first is the one as of the snapshot
};

// What an entry counts towards limits in bytes: its data and about what its header costs on the wire and on
// disk.
inline std::size_t size_bytes(const Entry& entry) { return (entry.data ? entry.data->size() : 0) + 32; }

}  // namespace cairn::raft
