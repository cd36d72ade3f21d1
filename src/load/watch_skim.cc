#include "load/watch_skim.h"

#include "base/codec.h"

namespace cairn::load {
namespace {

enum WireType : std::uint64_t { kVarint = 0, kBytes = 2 };
constexpr std::uint64_t tag(std::uint64_t field, WireType type) { return field << 3 | type; }

constexpr std::uint64_t kCreated = tag(3, kVarint), kCanceled = tag(4, kVarint),
                        kCancelReason = tag(6, kBytes), kEvent = tag(11, kBytes);
constexpr std::uint64_t kKeyValueOfEvent = tag(2, kBytes), kValueOfKeyValue = tag(5, kBytes);

// Calls `seen(tag, number, bytes)` for every field; false: not whole, or of a wire type that none of these
// messages has.
template <class Seen>
bool each_field(std::string_view message, const Seen& seen) {
  codec::Reader reader(message);
  while (reader.ok() && reader.left() > 0) {
    const std::uint64_t field = reader.varint();
    const std::uint64_t type = field & 7;
    if (type != kVarint && type != kBytes) return false;
    const std::uint64_t number = reader.varint();
    seen(field, number, type == kBytes ? reader.bytes(number) : std::string_view());
  }
  return reader.ok();
}

bool skim_event(std::string_view event, std::vector<std::string_view>* values) {
  bool whole = true;
  whole &= each_field(event, [&](std::uint64_t of_event, std::uint64_t, std::string_view key_value) {
    if (of_event != kKeyValueOfEvent) return;
    whole &= each_field(key_value, [&](std::uint64_t field, std::uint64_t, std::string_view value) {
      if (field == kValueOfKeyValue) values->push_back(value);
    });
  });
  return whole;
}

}  // namespace

WatchNews skim_watch(std::string_view response, std::vector<std::string_view>* values) {
  WatchNews news;
  bool whole = true;
  whole &= each_field(response, [&](std::uint64_t field, std::uint64_t number, std::string_view bytes) {
    if (field == kCreated) news.created = number != 0;
    if (field == kCanceled) news.canceled = number != 0;
    if (field == kCancelReason) news.cancel_reason = bytes;
    if (field != kEvent) return;
    news.events += 1;
    whole &= skim_event(bytes, values);
  });
  news.whole = whole;
  return news;
}

}  // namespace cairn::load
