#include "mvcc/key_spans.h"

#include <algorithm>
#include <utility>

namespace cairn::mvcc {
namespace {

constexpr std::string_view kNoEnd("\0", 1);

// An empty end is beyond all others.
bool reaches(const std::string& end, std::string_view place) { return end.empty() || end >= place; }

}  // namespace

bool is_empty_span(std::string_view key, std::string_view range_end) {
  return !range_end.empty() && range_end != kNoEnd && range_end <= key;
}

KeySpan key_span(std::string_view key, std::string_view range_end) {
  if (range_end == kNoEnd) return {std::string(key), ""};
  if (range_end.empty() || range_end <= key) return {std::string(key), std::string(key) + '\0'};
  return {std::string(key), std::string(range_end)};
}

void KeySpans::add(KeySpan range) {
  // Those that overlap or touch it, and stand next to one another.
  const auto first = std::find_if(ranges_.begin(), ranges_.end(),
                                  [&](const KeySpan& each) { return reaches(each.end, range.begin); });
  const auto last = std::find_if(first, ranges_.end(), [&](const KeySpan& each) {
    return !range.end.empty() && each.begin > range.end;
  });
  if (first != last) {
    const std::string& end = std::prev(last)->end;
    range.begin = std::min(range.begin, first->begin);
    if (!range.end.empty() && (end.empty() || end > range.end)) range.end = end;
  }
  ranges_.insert(ranges_.erase(first, last), std::move(range));
}

std::optional<std::string_view> KeySpans::end_at(std::string_view place) const {
  const auto behind =
      std::upper_bound(ranges_.begin(), ranges_.end(), place,
                       [](std::string_view at, const KeySpan& each) { return at < each.begin; });
  if (behind == ranges_.begin()) return std::nullopt;
  const KeySpan& before = *std::prev(behind);
  if (!before.end.empty() && before.end <= place) return std::nullopt;
  return before.end;
}

}  // namespace cairn::mvcc
