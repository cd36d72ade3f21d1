#include "mvcc/record.h"

#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

#include "base/check.h"

namespace cairn::mvcc {
namespace {

std::int64_t load_number(const char* from) {
  std::int64_t number = 0;
  std::memcpy(&number, from, sizeof number);
  return number;
}

}  // namespace

Record* Record::make_unfilled(std::string_view key, std::uint32_t value_size, const Numbers& numbers,
                              char** value) {
  CHECK(key.size() <= std::numeric_limits<std::uint32_t>::max());
  std::uint32_t flags = 0;
  if (numbers.tombstone) flags |= kTombstone;
  const bool written_once = numbers.version == 1 && numbers.create_revision == numbers.mod_revision;
  if (!numbers.tombstone && !written_once) flags |= kRewritten;
  if (numbers.lease != 0) flags |= kLeased;
  const std::size_t extra = ((flags & kRewritten) != 0 ? 16u : 0u) + ((flags & kLeased) != 0 ? 8u : 0u);

  void* const memory = std::malloc(sizeof(Record) + extra + key.size() + value_size);
  CHECK(memory != nullptr);
  auto* const record = new (memory) Record;
  record->mod_revision_ = numbers.mod_revision;
  record->sub_ = numbers.sub;
  record->key_size_ = static_cast<std::uint32_t>(key.size());
  record->value_size_ = value_size;
  record->flags_ = flags;
  char* at = record->data();
  if ((flags & kRewritten) != 0) {
    std::memcpy(at, &numbers.create_revision, 8);
    std::memcpy(at + 8, &numbers.version, 8);
    at += 16;
  }
  if ((flags & kLeased) != 0) {
    std::memcpy(at, &numbers.lease, 8);
    at += 8;
  }
  std::memcpy(at, key.data(), key.size());
  *value = at + key.size();
  return record;
}

Record* Record::make(std::string_view key, std::string_view value, const Numbers& numbers, Record* previous) {
  CHECK(value.size() <= std::numeric_limits<std::uint32_t>::max());
  char* room = nullptr;
  Record* const record = make_unfilled(key, static_cast<std::uint32_t>(value.size()), numbers, &room);
  if (!value.empty()) std::memcpy(room, value.data(), value.size());
  record->previous = previous;
  return record;
}

void Record::free(void* record) { std::free(record); }

std::int64_t Record::create_revision() const {
  if (tombstone()) return 0;
  return (flags_ & kRewritten) != 0 ? load_number(data()) : mod_revision_;
}

std::int64_t Record::version() const {
  if (tombstone()) return 0;
  return (flags_ & kRewritten) != 0 ? load_number(data() + 8) : 1;
}

std::int64_t Record::lease() const {
  if ((flags_ & kLeased) == 0) return 0;
  return load_number(data() + ((flags_ & kRewritten) != 0 ? 16 : 0));
}

Record::Numbers Record::numbers() const {
  return {create_revision(), mod_revision(), sub(), version(), lease(), tombstone()};
}

std::size_t Record::size_bytes() const { return sizeof(Record) + extra_size() + key_size_ + value_size_; }

}  // namespace cairn::mvcc
