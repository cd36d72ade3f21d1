#include "mvcc/tree_node.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/check.h"

namespace cairn::mvcc::tree {
namespace {

std::uint32_t shared_prefix(std::string_view a, std::string_view b) {
  const std::size_t size = std::min(a.size(), b.size());
  std::size_t same = 0;
  while (same < size && a[same] == b[same]) ++same;
  return static_cast<std::uint32_t>(same);
}

// The first eight bytes as a number that orders as they do; missing ones are zeros.
std::uint64_t head_of(std::string_view text) {
  char bytes[8] = {};
  text.copy(bytes, sizeof bytes);
  std::uint64_t head = 0;
  std::memcpy(&head, bytes, sizeof head);
  return std::endian::native == std::endian::little ? __builtin_bswap64(head) : head;
}

}  // namespace

Tag tag_of(std::string_view key) { return static_cast<Tag>(XXH3_64bits(key.data(), key.size())); }

std::uint64_t Leaf::matches(Tag tag) const {
  std::uint64_t result = 0;
  for (std::uint32_t i = 0; i < count; ++i) result |= static_cast<std::uint64_t>(tags[i] == tag) << i;
  return result;
}

Separator* Separator::make(std::string_view text) {
  void* const memory = std::malloc(sizeof(Separator) + text.size());
  CHECK(memory != nullptr);
  auto* const separator = new (memory) Separator;
  separator->size = static_cast<std::uint32_t>(text.size());
  std::memcpy(static_cast<void*>(separator + 1), text.data(), text.size());
  return separator;
}

std::uint32_t Inner::child_of(std::string_view key) const {
  if (count < 2) return 0;
  if (prefix_size > 0) {
    const std::string_view prefix = separators[0]->text().substr(0, prefix_size);
    const int order = key.substr(0, prefix_size).compare(prefix);
    if (order != 0) return order < 0 ? 0 : count - 1;
  }
  const std::uint64_t head = head_of(key.substr(prefix_size));
  const std::uint64_t* const end = heads + count - 1;
  const std::uint64_t* const first = std::lower_bound(heads, end, head);
  const auto child = static_cast<std::uint32_t>(first - heads);
  if (first == end || *first != head) return child;
  // Heads that are equal decide nothing.
  const std::uint64_t* const last = std::upper_bound(first, end, head);
  Separator* const* const from = separators + child;
  Separator* const* const beyond = std::partition_point(
      from, from + (last - first), [key](const Separator* separator) { return separator->text() <= key; });
  return child + static_cast<std::uint32_t>(beyond - from);
}

void Inner::index(std::uint32_t from, std::uint32_t to) {
  if (count < 2) return;
  // The separators ascend: what the outermost two share, all share.
  const std::uint32_t shared = shared_prefix(separators[0]->text(), separators[count - 2]->text());
  if (shared != prefix_size) {
    prefix_size = shared;
    from = 0;
    to = count - 1;
  }
  for (std::uint32_t i = from; i < to; ++i) heads[i] = head_of(separators[i]->text().substr(prefix_size));
}

}  // namespace cairn::mvcc::tree
