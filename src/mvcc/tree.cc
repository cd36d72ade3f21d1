#include "mvcc/tree.h"

#include <algorithm>

namespace cairn::mvcc::tree {
namespace {

template <class T>
T* allocate() {
  void* const memory = std::malloc(sizeof(T));
  CHECK(memory != nullptr);
  return new (memory) T;
}

constexpr std::size_t size_of(bool leaf) { return leaf ? sizeof(Leaf) : sizeof(Inner); }

std::uint64_t live_below(const Node* node, bool leaf) {
  if (leaf) return static_cast<std::uint64_t>(std::popcount(static_cast<const Leaf*>(node)->live_mask));
  const auto* inner = static_cast<const Inner*>(node);
  std::uint64_t live = 0;
  for (std::uint32_t i = 0; i < inner->count; ++i) live += inner->live[i];
  return live;
}

void free_below(Node* node, std::uint32_t height) {
  if (height > 1) {
    auto* inner = static_cast<Inner*>(node);
    for (std::uint32_t i = 0; i < inner->count; ++i) {
      free_below(inner->children[i], height - 1);
      if (i + 1 < inner->count) std::free(inner->separators[i]);
    }
  }
  std::free(node);
}

}  // namespace

void warm_leaves(const Root& root, const std::string_view* keys, std::size_t count, const Leaf** leaves) {
  constexpr std::size_t kLine = 64;
  constexpr std::size_t kLeafFront = sizeof(Leaf) - sizeof(Leaf::records);
  constexpr std::size_t kInnerFront = sizeof(Node) + sizeof(Inner::prefix_size) + sizeof(Inner::heads);
  const Node* nodes[kWarmMax];
  std::fill_n(nodes, count, root.node);
  for (std::uint32_t level = 1; level < root.height; ++level) {
    const bool above_leaves = level + 1 == root.height;
    // The front of a node: in a leaf its tags, in an inner node the heads that its first separator
    // introduces.
    const std::size_t front = above_leaves ? kLeafFront : kInnerFront;
    for (std::size_t i = 0; i < count; ++i) {
      const auto* const inner = static_cast<const Inner*>(nodes[i]);
      nodes[i] = inner->children[inner->child_of(keys[i])];
      for (std::size_t at = 0; at < front; at += kLine)
        __builtin_prefetch(reinterpret_cast<const char*>(nodes[i]) + at);
    }
  }
  for (std::size_t i = 0; i < count; ++i) leaves[i] = static_cast<const Leaf*>(nodes[i]);
}

Leaf* Shape::make_first_leaf() {
  auto* const leaf = allocate<Leaf>();
  leaf->made = epochs_->current();
  root_ = {leaf, 1, 0, sizeof(Leaf)};
  return leaf;
}

Node* Shape::own(Node* node, bool leaf) {
  if (epochs_->owned(node->made)) return node;
  Node* const copy = leaf ? static_cast<Node*>(allocate<Leaf>()) : static_cast<Node*>(allocate<Inner>());
  if (leaf)
    *static_cast<Leaf*>(copy) = *static_cast<Leaf*>(node);
  else
    *static_cast<Inner*>(copy) = *static_cast<Inner*>(node);
  copy->made = epochs_->current();
  epochs_->retire(node, std::free, node->made);
  return copy;
}

Leaf* Shape::descend(std::string_view key, Path* path) {
  root_.node = own(root_.node, root_.height == 1);
  Node* node = root_.node;
  for (std::size_t level = 0; level + 1 < root_.height; ++level) {
    auto* const inner = static_cast<Inner*>(node);
    const std::uint32_t position = inner->child_of(key);
    path->nodes[level] = inner;
    path->positions[level] = position;
    node = inner->children[position] = own(inner->children[position], level + 2 == root_.height);
  }
  return static_cast<Leaf*>(node);
}

Leaf* Shape::descend_last(Path* path) {
  root_.node = own(root_.node, root_.height == 1);
  Node* node = root_.node;
  for (std::size_t level = 0; level + 1 < root_.height; ++level) {
    auto* const inner = static_cast<Inner*>(node);
    path->nodes[level] = inner;
    path->positions[level] = inner->count - 1;
    node = inner->children[inner->count - 1] =
        own(inner->children[inner->count - 1], level + 2 == root_.height);
  }
  return static_cast<Leaf*>(node);
}

void Shape::add_live(const Path& path, std::int64_t change) {
  const auto difference = static_cast<std::uint64_t>(change);  // wraps around for -1, as it should
  for (std::size_t level = 0; level + 1 < root_.height; ++level)
    path.nodes[level]->live[path.positions[level]] += difference;
  root_.live += difference;
}

void Shape::split_leaf(Leaf* leaf, const Path& path, std::uint32_t keep, std::string_view separator) {
  auto* const right = allocate<Leaf>();
  right->made = epochs_->current();
  right->count = leaf->count - keep;
  if (right->count > 0) {
    std::memcpy(right->tags, leaf->tags + keep, right->count * sizeof(Tag));
    std::memcpy(right->records, leaf->records + keep, right->count * sizeof(void*));
    right->live_mask = leaf->live_mask >> keep;
    leaf->live_mask &= (std::uint64_t{1} << keep) - 1;
  }
  leaf->count = keep;
  root_.node_bytes += sizeof(Leaf) + sizeof(Separator) + separator.size();
  Separator* const between = Separator::make(separator);
  if (root_.height > 1) {
    insert_child(path, root_.height - 2, right, live_below(right, true), between);
    return;
  }
  insert_child(path, kHeightMax, right, live_below(right, true), between);
}

// Puts `right` behind the child that `path` takes at `level`; level kHeightMax means that the root itself was
// split.
void Shape::insert_child(const Path& path, std::size_t level, Node* right, std::uint64_t right_live,
                         Separator* separator) {
  if (level == kHeightMax) {
    CHECK(root_.height < kHeightMax);
    auto* const inner = allocate<Inner>();
    inner->made = epochs_->current();
    inner->count = 2;
    inner->children[0] = root_.node;
    inner->children[1] = right;
    inner->live[0] = root_.live - right_live;
    inner->live[1] = right_live;
    inner->separators[0] = separator;
    inner->index();
    root_.node = inner;
    ++root_.height;
    root_.node_bytes += sizeof(Inner);
    return;
  }
  Inner* const inner = path.nodes[level];
  const std::uint32_t position = path.positions[level];
  const std::uint32_t after = inner->count - position - 1;
  std::memmove(inner->children + position + 2, inner->children + position + 1, after * sizeof(Node*));
  std::memmove(inner->live + position + 2, inner->live + position + 1, after * sizeof(std::uint64_t));
  std::memmove(inner->separators + position + 1, inner->separators + position, after * sizeof(Separator*));
  std::memmove(inner->heads + position + 1, inner->heads + position, after * sizeof(std::uint64_t));
  inner->children[position + 1] = right;
  inner->live[position] -= right_live;
  inner->live[position + 1] = right_live;
  inner->separators[position] = separator;
  ++inner->count;
  inner->index(position, position + 1);
  if (inner->count == kFanout) split_inner(inner, path, level);
}

void Shape::split_inner(Inner* inner, const Path& path, std::size_t level) {
  // Keys that arrive in order leave nearly full nodes behind.
  const std::uint32_t keep = path.positions[level] + 2 == inner->count ? kFanout - 2 : kFanout / 2;
  auto* const right = allocate<Inner>();
  right->made = epochs_->current();
  right->count = inner->count - keep;
  std::memcpy(right->children, inner->children + keep, right->count * sizeof(Node*));
  std::memcpy(right->live, inner->live + keep, right->count * sizeof(std::uint64_t));
  std::memcpy(right->separators, inner->separators + keep, (right->count - 1) * sizeof(Separator*));
  std::memcpy(right->heads, inner->heads + keep, (right->count - 1) * sizeof(std::uint64_t));
  right->prefix_size = inner->prefix_size;
  right->index(0, 0);
  Separator* const between = inner->separators[keep - 1];
  inner->count = keep;
  inner->index(0, 0);
  root_.node_bytes += sizeof(Inner);
  insert_child(path, level == 0 ? kHeightMax : level - 1, right, live_below(right, false), between);
}

void Shape::after_erase(Leaf* leaf, const Path& path) {
  if (root_.height == 1) {
    if (leaf->count > 0) return;
    retire(leaf, true);
    root_ = {};
    return;
  }
  bool leaves = true;
  for (std::size_t level = root_.height - 1; level-- > 0; leaves = false) {
    Inner* const parent = path.nodes[level];
    const std::uint32_t position = path.positions[level];
    const Node* const child = parent->children[position];
    if (child->count == 0 && parent->count == 1) {
      retire(parent->children[position], leaves);
      erase_child(path, level);
      break;
    }
    if (child->count >= kMergeBelow) break;
    const bool merged = (position > 0 && merge(parent, position - 1, leaves)) ||
                        (position + 1 < parent->count && merge(parent, position, leaves));
    if (!merged) break;
  }
  while (root_.height > 1 && root_.node->count == 1) {
    auto* const inner = static_cast<Inner*>(root_.node);
    root_.node = inner->children[0];
    retire(inner, false);
    --root_.height;
  }
}

// The child that `path` takes at `level` is the only one and is gone: so are the ancestors that held nothing
// else.
void Shape::erase_child(const Path& path, std::size_t level) {
  for (;; --level) {
    Inner* const inner = path.nodes[level];
    const std::uint32_t position = path.positions[level];
    if (inner->count > 1) {
      const std::uint32_t after = inner->count - position - 1;
      const std::uint32_t separator = position > 0 ? position - 1 : 0;
      retire(inner->separators[separator]);
      std::memmove(inner->separators + separator, inner->separators + separator + 1,
                   (inner->count - separator - 2) * sizeof(Separator*));
      std::memmove(inner->heads + separator, inner->heads + separator + 1,
                   (inner->count - separator - 2) * sizeof(std::uint64_t));
      std::memmove(inner->children + position, inner->children + position + 1, after * sizeof(Node*));
      std::memmove(inner->live + position, inner->live + position + 1, after * sizeof(std::uint64_t));
      --inner->count;
      inner->index(0, 0);
      return;
    }
    retire(inner, false);
    if (level == 0) break;
  }
  root_ = {};
}

// Moves child left + 1 into child left when both fit into one.
bool Shape::merge(Inner* parent, std::uint32_t left, bool leaves) {
  Node* const right_node = parent->children[left + 1];
  // An inner node is split as soon as it is full, so it must not become full here.
  if (parent->children[left]->count + right_node->count > kFanout - (leaves ? 0 : 1)) return false;
  Node* const left_node = parent->children[left] = own(parent->children[left], leaves);
  if (leaves) {
    auto* const to = static_cast<Leaf*>(left_node);
    const auto* const from = static_cast<const Leaf*>(right_node);
    std::memcpy(to->tags + to->count, from->tags, from->count * sizeof(Tag));
    std::memcpy(to->records + to->count, from->records, from->count * sizeof(void*));
    if (from->count > 0) to->live_mask |= to->count == kFanout ? 0 : from->live_mask << to->count;
    retire(parent->separators[left]);
  } else {
    auto* const to = static_cast<Inner*>(left_node);
    const auto* const from = static_cast<const Inner*>(right_node);
    std::memcpy(to->children + to->count, from->children, from->count * sizeof(Node*));
    std::memcpy(to->live + to->count, from->live, from->count * sizeof(std::uint64_t));
    to->separators[to->count - 1] = parent->separators[left];
    std::memcpy(to->separators + to->count, from->separators, (from->count - 1) * sizeof(Separator*));
  }
  left_node->count += right_node->count;
  if (!leaves) static_cast<Inner*>(left_node)->index();
  parent->live[left] += parent->live[left + 1];
  retire(right_node, leaves);
  const std::uint32_t after = parent->count - left - 2;
  std::memmove(parent->children + left + 1, parent->children + left + 2, after * sizeof(Node*));
  std::memmove(parent->live + left + 1, parent->live + left + 2, after * sizeof(std::uint64_t));
  std::memmove(parent->separators + left, parent->separators + left + 1, after * sizeof(Separator*));
  std::memmove(parent->heads + left, parent->heads + left + 1, after * sizeof(std::uint64_t));
  --parent->count;
  parent->index(0, 0);
  return true;
}

void Shape::retire(Node* node, bool leaf) {
  root_.node_bytes -= size_of(leaf);
  epochs_->retire(node, std::free, node->made);
}

void Shape::retire(Separator* separator) {
  root_.node_bytes -= sizeof(Separator) + separator->size;
  epochs_->retire(separator, std::free, Epochs::kFirst);
}

void Shape::free_nodes() {
  if (root_.node != nullptr) free_below(root_.node, root_.height);
  root_ = {};
}

}  // namespace cairn::mvcc::tree
