#include "mvcc/store.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace cairn::mvcc {

const Record* KvState::find(std::string_view key) const {
  const Record* const record = KeyTree::find(keys, key);
  return record != nullptr && record->live() ? record : nullptr;
}

const Record* at_revision(const Record* newest, std::int64_t revision) {
  const Record* record = newest;
  while (record != nullptr && record->mod_revision() > revision) record = record->previous;
  return record != nullptr && record->live() ? record : nullptr;
}

std::uint64_t KeyRange::count(const KeyTree::Root& keys) const {
  if (single_) {
    const Record* const record = KeyTree::find(keys, key_);
    return record != nullptr && record->live() ? 1 : 0;
  }
  if (!open_ && end_ <= key_) return 0;
  return (open_ ? keys.live : KeyTree::rank(keys, end_)) - KeyTree::rank(keys, key_);
}

namespace {

// Nothing has seen the older one yet, and the state's hash has it no more.
void mark_replaced(const Record& record) {
  Record* const older = record.previous;
  if (older != nullptr && older->mod_revision() == record.mod_revision()) older->mark_replaced_at_once();
}

}  // namespace

Store::~Store() {
  for (KeyTree::Cursor cursor(keys_.root(), {}); cursor.get() != nullptr; cursor.next()) {
    for (Record* record = cursor.get(); record != nullptr;)
      Record::free(std::exchange(record, record->previous));
  }
}

KvState Store::state() const {
  CHECK(changes_ == 0);
  return {keys_.root(), revision_,     compact_revision_, record_bytes_,
          live_bytes_,  record_count_, history_.span()};
}

const Record* Store::find(std::string_view key) const {
  const Record* const record = KeyTree::find(keys_.root(), key);
  return record != nullptr && record->live() ? record : nullptr;
}

std::int64_t Store::put(std::string_view key, std::string_view value, std::int64_t lease) {
  std::int64_t had = 0;
  Record::Numbers numbers;
  numbers.mod_revision = revision_ + 1;
  numbers.sub = static_cast<std::uint32_t>(changes_++);
  numbers.lease = lease;
  Record* const made = keys_.put(key, [&](Record* old) {
    const bool exists = old != nullptr && old->live();
    if (exists) goes(*old);
    if (exists && old->leased()) had = old->lease();
    numbers.create_revision = exists ? old->create_revision() : numbers.mod_revision;
    numbers.version = exists ? old->version() + 1 : 1;
    return Record::make(key, value, numbers, old);
  });
  comes(*made);
  add(made);
  return had;
}

void Store::comes(const Record& live) {
  hash_ += live.hash();
  live_bytes_ += live.size_bytes();
}

void Store::goes(const Record& live) {
  hash_ -= live.hash();
  live_bytes_ -= live.size_bytes();
}

void Store::erase(const Record& live) {
  Record::Numbers numbers;
  numbers.mod_revision = revision_ + 1;
  numbers.sub = static_cast<std::uint32_t>(changes_++);
  numbers.tombstone = true;
  goes(live);
  Record* const made =
      keys_.put(live.key(), [&](Record* old) { return Record::make(old->key(), {}, numbers, old); });
  add(made);
}

void Store::add(Record* made) {
  if (changes_ > 1) mark_replaced(*made);
  count(*made);
  history_.append(made);
  ++uncollected_;
}

std::uint64_t Store::cut_position() const { return std::max(cut_, history_.front_position()); }

bool Store::has_superseded() const {
  const std::int64_t revision = epochs_->oldest_compact_revision(compact_revision_);
  const std::uint64_t position = cut_position();
  return position < history_.end_position() && history_.at(position)->mod_revision() <= revision;
}

std::int64_t Store::removed_up_to() const {
  const std::uint64_t position = cut_position();
  if (position == history_.end_position()) return compact_revision_;
  return std::min(compact_revision_, history_.at(position)->mod_revision() - 1);
}

void Store::collect(std::size_t records_max) {
  std::size_t steps_max = records_max + 4 * std::exchange(uncollected_, 0);
  // Views keep what their own compact revision keeps, so the oldest one decides what may go.
  const std::int64_t revision = epochs_->oldest_compact_revision(compact_revision_);
  for (; steps_max > 0 && !history_.empty() && history_.front()->mod_revision() < revision; --steps_max)
    drop_front();
  // What was written at the compact revision itself stays for watches that start there. What it has replaced
  // does not: whoever reads at that revision looks no further.
  for (cut_ = cut_position(); steps_max > 0 && cut_ < history_.end_position(); --steps_max, ++cut_) {
    Record* const record = history_.at(cut_);
    if (record->mod_revision() > revision) break;
    if (record->previous != nullptr && record->previous->mod_revision() < revision) cut(record);
  }
}

void Store::drop_front() {
  Record* const record = history_.front();
  history_.pop_front();
  cut(record);
  // A tombstone below a newer record goes when that one has its turn.
  if (!record->tombstone() || KeyTree::find(keys_.root(), record->key()) != record) return;
  keys_.erase(record->key());
  drop(record);
  epochs_->retire(record, Record::free, Epochs::kFirst);
}

// Every older record of the key is superseded, and was cut from what is behind it when its turn came.
void Store::cut(Record* record) {
  Record* const older = std::exchange(record->previous, nullptr);
  if (older == nullptr) return;
  CHECK(older->previous == nullptr);
  drop(older);
  Record::free(older);
}

void Store::count(const Record& record) {
  record_bytes_ += record.size_bytes();
  ++record_count_;
}

void Store::drop(Record* record) {
  record_bytes_ -= record->size_bytes();
  --record_count_;
}

void Store::load_begin(std::int64_t revision, std::int64_t compact_revision) {
  CHECK(history_.empty() && record_count_ == 0);
  revision_ = revision;
  compact_revision_ = compact_revision;
}

void Store::load_key(Record* newest) {
  keys_.append(newest);
  if (newest->live()) comes(*newest);
  for (Record* record = newest; record != nullptr; record = record->previous) {
    count(*record);
    mark_replaced(*record);
    if (record->mod_revision() >= compact_revision_)
      loading_.push_back({record->mod_revision(), record->sub(), record});
  }
}

void Store::load_done() {
  std::sort(loading_.begin(), loading_.end(), [](const Change& a, const Change& b) {
    return a.revision != b.revision ? a.revision < b.revision : a.sub < b.sub;
  });
  for (const Change& change : loading_) history_.append(change.record);
  loading_ = {};
}

}  // namespace cairn::mvcc
