// KeySpans: keys as a set of ranges, merged where they touch. What a role may read, or write. Threading: a
// value. Bounded by who adds.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::mvcc {

// From `begin` on, up to `end` without it; an empty `end`: without end.
struct KeySpan {
  std::string begin, end;
  bool operator==(const KeySpan&) const = default;
};

// As etcd writes one: without a range_end the key alone, with "\0" every key from it on. A range that ends
// where it begins or before is nothing: then the key alone, so that it is asked for at all.
KeySpan key_span(std::string_view key, std::string_view range_end);
// It holds no key.
bool is_empty_span(std::string_view key, std::string_view range_end);

class KeySpans {
 public:
  void add(KeySpan range);
  // The end of the range that holds this place; nothing: none does.
  std::optional<std::string_view> end_at(std::string_view place) const;
  const std::vector<KeySpan>& all() const { return ranges_; }

 private:
  std::vector<KeySpan> ranges_;  // ascending, apart from one another
};

}  // namespace cairn::mvcc
