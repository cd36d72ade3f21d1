#include "raft/log.h"

#include <algorithm>

#include "base/check.h"
#include "raft/members.h"

namespace cairn::raft {

bool LogTail::fits(const SnapshotMeta& snapshot, const std::vector<Entry>& entries) {
  if (entries.empty()) return true;
  const Index first = entries.front().index;
  if (first == snapshot.index.next()) return true;
  if (first > snapshot.index || entries.back().index < snapshot.index) return false;
  return entries[snapshot.index.v - first.v].term == snapshot.term;
}

LogTail::LogTail(SnapshotMeta snapshot, std::vector<Entry> entries, Hash hash) : hash_(hash) {
  reset(snapshot);
  if (entries.empty() || !fits(snapshot, entries)) return;
  std::size_t next = 0;
  if (entries.front().index <= snapshot.index) {
    // The term before the first entry is not known, so the first entry itself becomes the base.
    base_index_ = entries.front().index;
    base_term_ = entries.front().term;
    base_chain_ = base_index_ == snapshot.index ? snapshot.chain : 0;
    next = 1;
  }
  for (; next < entries.size(); ++next) append(std::move(entries[next]));
}

std::optional<Term> LogTail::term_at(Index index) const {
  if (index == base_index_) return base_term_;
  if (index < base_index_ || index > last()) return std::nullopt;
  return slots_[index.v - base_index_.v - 1].entry.term;
}

std::uint64_t LogTail::chain_at(Index index) const {
  if (index == base_index_) return base_chain_;
  if (index < base_index_ || index > last()) return 0;
  return slots_[index.v - base_index_.v - 1].chain;
}

std::uint64_t LogTail::chain_with(const Entry& entry) const {
  if (hash_ == nullptr) return 0;
  if (entry.index == snapshot_.index) return snapshot_.chain;
  const std::uint64_t before = chain_at(entry.index.prev());
  if (before == 0) return 0;
  const std::string_view data = entry.data ? std::string_view(*entry.data) : std::string_view();
  const std::uint64_t parts[] = {before, entry.term.v, static_cast<std::uint64_t>(entry.type), hash_(data)};
  const std::uint64_t chain = hash_({reinterpret_cast<const char*>(parts), sizeof parts});
  return chain == 0 ? 1 : chain;
}

const Entry& LogTail::at(Index index) const {
  CHECK(index > base_index_ && index <= last());
  return slots_[index.v - base_index_.v - 1].entry;
}

std::uint64_t LogTail::end_bytes(Index index) const {
  if (index <= base_index_) return base_end_bytes_;
  CHECK(index <= last());
  return slots_[index.v - base_index_.v - 1].end_bytes;
}

std::size_t LogTail::bytes_after(Index after) const {
  return after >= last() ? 0 : static_cast<std::size_t>(end_bytes(last()) - end_bytes(after));
}

std::vector<Entry> LogTail::slice(Index from, std::size_t bytes_max) const {
  CHECK(from > base_index_);
  std::vector<Entry> entries;
  if (from > last()) return entries;
  const std::uint64_t start = end_bytes(from.prev());
  const auto begin = slots_.begin() + static_cast<std::ptrdiff_t>(from.v - base_index_.v - 1);
  auto end = begin + 1;
  while (end != slots_.end() && end->end_bytes - start <= bytes_max) ++end;
  entries.reserve(static_cast<std::size_t>(end - begin));
  for (auto slot = begin; slot != end; ++slot) entries.push_back(slot->entry);
  return entries;
}

Index LogTail::term_boundary(Index from, Term term) const {
  const Index upper = std::min(from, last());
  if (upper <= base_index_) return upper;
  const auto begin = slots_.begin();
  const auto end = begin + static_cast<std::ptrdiff_t>(upper.v - base_index_.v);
  const auto above =
      std::partition_point(begin, end, [term](const Slot& slot) { return slot.entry.term <= term; });
  return Index{base_index_.v + static_cast<std::uint64_t>(above - begin)};
}

void LogTail::append(Entry entry) {
  CHECK(entry.index == last().next());  // L1
  CHECK(entry.term >= last_term());     // L2
  if (entry.type == EntryType::members && entry.index > snapshot_.index) {
    auto members = decode_members(entry.data ? std::string_view(*entry.data) : std::string_view());
    CHECK(members.has_value());  // what comes from outside was checked at the door
    configurations_.push_back(Configuration{{entry.term, entry.index}, std::move(*members)});
  }
  const std::uint64_t end = end_bytes(last()) + size_bytes(entry);
  const std::uint64_t chain = chain_with(entry);
  slots_.push_back(Slot{std::move(entry), end, chain});
}

void LogTail::truncate_from(Index index) {
  CHECK(index > snapshot_.index);
  while (last() >= index) slots_.pop_back();
  while (configurations_.size() > 1 && configurations_.back().at.index >= index) configurations_.pop_back();
}

void LogTail::reset(const SnapshotMeta& snapshot) {
  slots_.clear();
  snapshot_ = snapshot;
  base_index_ = snapshot.index;
  base_term_ = snapshot.term;
  base_end_bytes_ = 0;
  // Every chain begins with the same number, before the first entry of all.
  base_chain_ = hash_ == nullptr ? 0 : snapshot.index.v == 0 ? 1 : snapshot.chain;
  configurations_.assign(1, Configuration{{snapshot.term, snapshot.index}, snapshot.members});
}

void LogTail::compact(const SnapshotMeta& meta, std::size_t keep_bytes) {
  CHECK(meta.index > snapshot_.index && meta.index <= last());
  CHECK(matches(meta.index, meta.term));
  snapshot_ = meta;
  drop_front(meta.index, end_bytes(meta.index), keep_bytes);
  while (configurations_.size() > 1 && configurations_[1].at.index <= meta.index) {
    configurations_.erase(configurations_.begin());
  }
}

void LogTail::forget(Index index, std::size_t keep_bytes) {
  CHECK(index <= last());
  drop_front(index, end_bytes(last()), keep_bytes);
}

void LogTail::drop_front(Index up_to, std::uint64_t kept_end_bytes, std::size_t keep_bytes) {
  while (base_index_ < up_to && kept_end_bytes - base_end_bytes_ > keep_bytes) {
    const Slot& slot = slots_.front();
    base_index_ = slot.entry.index;
    base_term_ = slot.entry.term;
    base_end_bytes_ = slot.end_bytes;
    base_chain_ = slot.chain;
    slots_.pop_front();
  }
}

bool LogTail::may_be_voter(NodeId node, Index commit) const {
  for (auto at = configurations_.rbegin(); at != configurations_.rend(); ++at) {
    if (is_voter(at->members, node)) return true;
    if (at->at.index <= commit) return false;
  }
  return false;
}

std::vector<Configuration> LogTail::configurations_since(Index commit) const {
  auto from = configurations_.end() - 1;
  while (from != configurations_.begin() && from->at.index > commit) --from;
  return {from, configurations_.end()};
}

const Members& LogTail::members_at(Index index) const {
  CHECK(index >= snapshot_.index);
  for (auto at = configurations_.rbegin(); at != configurations_.rend(); ++at) {
    if (at->at.index <= index) return at->members;
  }
  return configurations_.front().members;
}

}  // namespace cairn::raft
