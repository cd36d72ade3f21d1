// LogImage: what a member's log and hard state hold after a sequence of LogWrites, by the plain meaning of
// LogWrite. The simulator keeps two for each member, beside the real Wal: one of what the core has asked for,
// one of what the disk has confirmed. Checkers ask the second one what a member may promise. Threading: none;
// a plain value.
#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <vector>

#include "raft/core.h"
#include "raft/types.h"

namespace cairn::sim {

struct LogImage {
  raft::HardState hard_state;
  raft::Index base;  // the position just before the first entry
  raft::Term base_term;
  std::deque<raft::Entry> entries;

  raft::Index last() const { return raft::Index{base.v + entries.size()}; }
  const raft::Entry* find(raft::Index index) const {
    return index > base && index <= last() ? &entries[index.v - base.v - 1] : nullptr;
  }
  std::optional<raft::Term> term_at(raft::Index index) const {
    if (index == base) return base_term;
    const raft::Entry* entry = find(index);
    return entry == nullptr ? std::nullopt : std::optional(entry->term);
  }
  raft::Term last_term() const { return entries.empty() ? base_term : entries.back().term; }

  void write(const raft::LogWrite& write);
  // After a restart: what recovery found, as the core will see it.
  static LogImage recovered(const raft::Recovered& recovered);
};

// The two images of one member and the writes between them.
struct Ledger {
  LogImage asked, durable;
  std::deque<raft::LogWrite> pending;  // asked for, not confirmed
  raft::Index lost_snapshot;
  std::optional<LogImage> lost;  // durable before memory was lost, until it is made up for
  raft::Index snapshot;          // published and durable; the log may not know of it yet

  raft::Index durable_last() const { return std::max(durable.last(), snapshot); }

  void ask(const raft::LogWrite& write);
  void confirm(raft::WriteSeq seq);  // all up to seq
  void restart(const raft::Recovered& recovered);
};

}  // namespace cairn::sim
