#include "sim/checks/commits.h"

#include <string>

#include "sim/checks/log_matching.h"

namespace cairn::sim {
namespace {

std::string place(raft::NodeId member, raft::Index index, raft::Term term) {
  return "member " + std::to_string(member.v) + ", index " + std::to_string(index.v) + ", term " +
         std::to_string(term.v);
}

}  // namespace

void Commits::commit(raft::NodeId member, raft::Term term, raft::Index from, raft::Index to,
                     const LogImage& log) {
  for (raft::Index index = from.next(); index <= to; index = index.next()) {
    const raft::Entry* entry = log.find(index);
    if (entry == nullptr) {
      if (index <= log.base) continue;  // inside a snapshot, which snapshot() compares
      judge_.accuse("I8 commit <= last", place(member, index, term) + " is committed but not in the log");
      return;
    }
    if (index > last()) {
      first(member, term, *entry);
      continue;
    }
    const raft::Entry& canonical = entries_[index.v - 1].entry;
    if (canonical.term != entry->term || !same_bytes(canonical.data, entry->data)) {
      judge_.accuse("I6 state machine safety",
                    place(member, index, entry->term) + " is committed, where an entry of term " +
                        std::to_string(canonical.term.v) + " was committed before");
      return;
    }
  }
}

void Commits::first(raft::NodeId member, raft::Term term, const raft::Entry& entry) {
  if (entry.index != last().next()) {
    judge_.accuse("I6 state machine safety",
                  place(member, entry.index, entry.term) + " is committed before its predecessors");
    return;
  }
  const Holders holders = holders_(member, entry.index, entry.term);
  if (holders.have < holders.needed) {
    judge_.accuse("I7 durable on a quorum", place(member, entry.index, entry.term) +
                                                " is committed, on disk at " + std::to_string(holders.have) +
                                                " of " + std::to_string(holders.needed) + " needed");
  }
  entries_.push_back(Committed{entry, term});
  new_entry_(entry);
}

void Commits::snapshot(raft::NodeId member, raft::Index index, raft::Term term) {
  if (index.v == 0) return;
  if (index <= last() && entries_[index.v - 1].entry.term == term) return;
  judge_.accuse("I6 state machine safety",
                place(member, index, term) + " is a snapshot of what was not committed");
}

void Commits::elected(raft::NodeId member, raft::Term term, const LogImage& log) {
  for (std::size_t i = entries_.size(); i > 0; --i) {
    const Committed& committed = entries_[i - 1];
    if (committed.seen_in >= term) continue;  // a later leader's; this one may be deposed without knowing
    const raft::Index index = committed.entry.index;
    if (index <= log.base || log.term_at(index) == committed.entry.term) return;
    judge_.accuse("I5 leader completeness", place(member, index, term) +
                                                " leads without the entry committed in term " +
                                                std::to_string(committed.seen_in.v));
    return;
  }
}

}  // namespace cairn::sim
