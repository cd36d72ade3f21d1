#include "mvcc/record.h"

#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

#include "base/check.h"
#include "mvcc/state_hash.h"

namespace cairn::mvcc {
namespace {

template <class T>
T load(const char* from) {
  T number = 0;
  std::memcpy(&number, from, sizeof number);
  return number;
}

template <class T>
char* store(char* to, T number) {
  std::memcpy(to, &number, sizeof number);
  return to + sizeof number;
}

bool fits_narrow(std::int64_t number) {
  return number >= 0 && number <= std::numeric_limits<std::uint32_t>::max();
}

}  // namespace

Record* Record::make_unfilled(std::string_view key, std::uint32_t value_size, const Numbers& numbers,
                              char** value) {
  CHECK(key.size() <= kSizeMax && value_size <= kSizeMax);
  const std::int64_t age = numbers.mod_revision - numbers.create_revision;
  Record head;
  head.mod_revision_ = numbers.mod_revision;
  head.key_size_ = static_cast<std::uint32_t>(key.size());
  head.value_size_ = value_size;
  if (numbers.tombstone) {
    head.key_size_ |= kTombstone;
  } else if (numbers.version != 1 || age != 0) {
    head.key_size_ |= kRewritten;
    if (!fits_narrow(age) || !fits_narrow(numbers.version)) head.value_size_ |= kWide;
  }
  if (numbers.lease != 0) head.key_size_ |= kLeased;
  if (numbers.sub != 0) head.value_size_ |= kLater;

  void* const memory = std::malloc(head.size_bytes());
  CHECK(memory != nullptr);
  auto* const record = new (memory) Record(head);
  char* at = record->data();
  if (record->wide()) {
    at = store(store(at, numbers.create_revision), numbers.version);
  } else if (record->rewritten()) {
    at = store(store(at, static_cast<std::uint32_t>(age)), static_cast<std::uint32_t>(numbers.version));
  }
  if (numbers.lease != 0) at = store(at, numbers.lease);
  if (numbers.sub != 0) at = store(at, numbers.sub);
  std::memcpy(at, key.data(), key.size());
  *value = at + key.size();
  return record;
}

Record* Record::make(std::string_view key, std::string_view value, const Numbers& numbers, Record* previous) {
  CHECK(value.size() <= kSizeMax);
  char* room = nullptr;
  Record* const record = make_unfilled(key, static_cast<std::uint32_t>(value.size()), numbers, &room);
  if (!value.empty()) std::memcpy(room, value.data(), value.size());
  record->previous = previous;
  return record;
}

void Record::free(void* record) { std::free(record); }

std::int64_t Record::create_revision() const {
  if (tombstone()) return 0;
  if (!rewritten()) return mod_revision_;
  return wide() ? load<std::int64_t>(data()) : mod_revision_ - load<std::uint32_t>(data());
}

std::int64_t Record::version() const {
  if (tombstone()) return 0;
  if (!rewritten()) return 1;
  return wide() ? load<std::int64_t>(data() + 8) : load<std::uint32_t>(data() + 4);
}

std::int64_t Record::lease() const {
  return (key_size_ & kLeased) == 0 ? 0 : load<std::int64_t>(data() + numbers_size());
}

std::uint32_t Record::sub() const {
  if ((value_size_ & kLater) == 0) return 0;
  return load<std::uint32_t>(data() + extra_size() - sizeof(std::uint32_t));
}

std::uint64_t Record::hash() const {
  // Numbers, key and value lie side by side, and their layout follows from the numbers alone.
  return StateHash()
      .add(std::string_view(data(), size_bytes() - sizeof(Record)))
      .add(mod_revision_)
      .add(std::uint64_t{key_size_} << 32 | value_size_)
      .value();
}

}  // namespace cairn::mvcc
