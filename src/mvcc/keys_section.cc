#include <memory>
#include <string>
#include <utility>

#include "mvcc/kept_records.h"
#include "mvcc/sections.h"

namespace cairn::mvcc {
namespace {

// Flags of a record.
constexpr std::uint8_t kTombstone = 1;
constexpr std::uint8_t kMore = 2;  // an older record of the same key follows

void save_record(const Record& record, bool more, StateWriter* to) {
  const auto flags = static_cast<std::uint8_t>((record.tombstone() ? kTombstone : 0) | (more ? kMore : 0));
  if (record.tombstone()) return to->numbers(flags, record.mod_revision(), record.sub());
  const std::string_view value = record.value();
  to->numbers(flags, record.mod_revision(), record.sub(), record.create_revision(), record.version(),
              record.lease(), static_cast<std::uint32_t>(value.size()));
  to->raw(value);
}

// A key's records while they are read, newest first; frees them unless they are taken.
class Chain {
 public:
  Chain() = default;
  ~Chain() {
    while (newest_ != nullptr) Record::free(std::exchange(newest_, newest_->previous));
  }
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;
  void push_older(Record* record) {
    (oldest_ == nullptr ? newest_ : oldest_->previous) = record;
    oldest_ = record;
  }
  const Record* oldest() const { return oldest_; }
  Record* take() { return std::exchange(newest_, nullptr); }

 private:
  Record* newest_ = nullptr;
  Record* oldest_ = nullptr;
};

// What the numbers of a record say together with those of the newer one of its key; nullptr when they fit.
const char* misfit(const Record::Numbers& record, const Record* newer, const Store& store) {
  if (record.mod_revision < 2 || record.mod_revision > store.revision())
    return "its revision is outside the store's";
  if (newer != nullptr &&
      std::pair(newer->mod_revision(), newer->sub()) <= std::pair(record.mod_revision, record.sub))
    return "it is not older than the one before";
  if (newer != nullptr && newer->mod_revision() <= store.compact_revision()) return "it is compacted";
  if (record.tombstone) return record.mod_revision < store.compact_revision() ? "it is compacted" : nullptr;
  if (record.create_revision < 2 || record.create_revision > record.mod_revision || record.version < 1)
    return "its revisions contradict each other";
  return nullptr;
}

Status load_key(StateReader* from, const std::string& key, Storage* storage) {
  Store* const store = &storage->store;
  Chain chain;
  bool more = true;
  while (more) {
    const auto flags = TRY(from->number<std::uint8_t>());
    if (flags > (kTombstone | kMore)) return tl::unexpected(malformed("flags " + std::to_string(flags)));
    more = (flags & kMore) != 0;
    Record::Numbers numbers;
    numbers.tombstone = (flags & kTombstone) != 0;
    numbers.mod_revision = TRY(from->number<std::int64_t>());
    numbers.sub = TRY(from->number<std::uint32_t>());
    std::uint32_t value_size = 0;
    if (!numbers.tombstone) {
      numbers.create_revision = TRY(from->number<std::int64_t>());
      numbers.version = TRY(from->number<std::int64_t>());
      numbers.lease = TRY(from->number<std::int64_t>());
      value_size = TRY(from->length(kSavedFieldMax));
    }
    if (const char* reason = misfit(numbers, chain.oldest(), *store); reason != nullptr)
      return tl::unexpected(
          malformed("a record before byte " + std::to_string(from->offset()) + ": " + reason));
    if (value_size > from->limits.step.trusted_bytes) {
      std::string value;
      TRY(from->bytes(value_size, &value));
      chain.push_older(Record::make(key, value, numbers, nullptr));
      continue;
    }
    char* value = nullptr;
    chain.push_older(Record::make_unfilled(key, value_size, numbers, &value));
    TRY(from->raw(value, value_size));
  }
  Record* const newest = chain.take();
  store->load_key(newest);
  if (!newest->leased()) return {};
  if (!storage->leases.exists(newest->lease()))
    return tl::unexpected(
        malformed("a key of lease " + std::to_string(newest->lease()) + ", which is not there"));
  storage->leases.move(key, 0, newest->lease());
  return {};
}

}  // namespace

void save_keys(const Contents& contents, StateWriter* to) {
  KeptRecords(contents.kv.keys, contents.kv.compact_revision)
      .each([&](std::string_view key) { to->text(key); },
            [&](const Record& record, bool more) { save_record(record, more, to); },
            [&] { return to->failed(); });
  to->text({});  // no key is empty: the end
}

Status load_keys(StateReader* from, Storage* storage) {
  std::string key, last;
  for (;;) {
    TRY(from->text(kSavedFieldMax, &key));
    if (key.empty()) break;
    if (key <= last) return tl::unexpected(malformed("keys out of order"));
    TRY(load_key(from, key, storage));
    std::swap(key, last);
  }
  storage->store.load_done();
  return {};
}

}  // namespace cairn::mvcc
