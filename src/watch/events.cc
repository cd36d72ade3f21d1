#include "watch/events.h"

#include "mvcc/encode.h"

namespace cairn::watch {
namespace {

constexpr int kEventsField = 11;                                       // of a WatchResponse
constexpr int kTypeField = 1, kKeyValueField = 2, kPreviousField = 3;  // of an Event
constexpr std::uint64_t kDelete = 1;
constexpr int kKeyField = 1, kModRevisionField = 3;  // of a KeyValue

}  // namespace

bool is_wanted(const mvcc::Record& record, const Wants& wants) {
  return record.tombstone() ? wants.deletes : wants.puts;
}

void append_event(const mvcc::Record& record, const mvcc::Record* previous, std::string* out) {
  namespace encode = mvcc::encode;
  std::string event;
  event.reserve(event_bytes(record, previous));
  if (record.tombstone()) {
    std::string key;
    encode::bytes(&key, kKeyField, record.key());
    encode::number(&key, kModRevisionField, static_cast<std::uint64_t>(record.mod_revision()));
    encode::number(&event, kTypeField, kDelete);
    encode::bytes(&event, kKeyValueField, key);
  } else {
    encode::key_value(&event, kKeyValueField, record);
  }
  if (previous != nullptr) encode::key_value(&event, kPreviousField, *previous);
  encode::bytes(out, kEventsField, event);
}

std::size_t event_bytes(const mvcc::Record& record, const mvcc::Record* previous) {
  std::size_t bytes = 2 * mvcc::encode::kKeyValueOverheadMax + record.key().size() + record.value().size();
  if (previous != nullptr) bytes += previous->key().size() + previous->value().size();
  return bytes;
}

}  // namespace cairn::watch
