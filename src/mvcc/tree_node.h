// The nodes of a Tree, as they lie in memory. A leaf finds a key by a short hash of it, an inner node finds a
// child by the first bytes in which its separators differ: both without touching what the key bytes lie in,
// each of which would be a cache miss. Nothing here allocates for the tree but Separator::make; no invariants
// of the tree are known here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cairn::mvcc::tree {

// With it a leaf takes 624 bytes and an inner node 1928: little below what allocators hand out.
constexpr std::uint32_t kFanout = 60;
constexpr std::uint32_t kMergeBelow = kFanout / 4;
constexpr std::size_t kHeightMax = 16;

struct Node {
  std::uint64_t made = 0;  // epoch
  std::uint32_t count = 0;
};

// A tag is sixteen bits of a key's hash: comparing tags finds a key in a leaf without touching its other
// records. It speeds up equality only and shows nowhere else.
using Tag = std::uint16_t;
Tag tag_of(std::string_view key);

struct Leaf : Node {
  std::uint64_t live_mask = 0;  // bit i: records[i] is live
  Tag tags[kFanout];
  void* records[kFanout];

  // Bit i: tags[i] is `tag`.
  std::uint64_t matches(Tag tag) const;
};

// Shared by all versions of the nodes that show it; retired when the newest tree drops it.
struct Separator {
  std::uint32_t size = 0;
  std::string_view text() const { return {reinterpret_cast<const char*>(this + 1), size}; }
  static Separator* make(std::string_view text);
};

struct Inner : Node {
  // All separators begin with the same `prefix_size` bytes; heads[i] is the eight that follow in
  // separators[i], so that their order is the separators' where they differ.
  std::uint32_t prefix_size = 0;
  std::uint64_t heads[kFanout];
  Node* children[kFanout];
  std::uint64_t live[kFanout];
  Separator* separators[kFanout];  // separators[i] is between children[i] and children[i + 1]

  // Which child holds `key`.
  std::uint32_t child_of(std::string_view key) const;
  // Brings prefix_size and heads up to date after separators changed in [from, to).
  void index(std::uint32_t from, std::uint32_t to);
  void index() { index(0, count - 1); }
};

}  // namespace cairn::mvcc::tree
