// Tree<R>: an ordered map from byte-string keys to records, as a copy-on-write B+tree. R has key() and
// live().
//
// A Root is a value: copying it is taking a view, and whoever holds one (and a pin of its epoch) reads it
// from any thread while the writer goes on. The writer changes a node in place when no pin can see it and
// copies it otherwise; what it replaces goes to Epochs. Records belong to the caller, the tree holds
// pointers. Inner nodes count the live records below each child, so a range is counted in logarithmic time.
// Invariants: keys strictly ascend; every separator is > all keys left of it and <= all keys right of it; no
// node but an empty root leaf is empty; live counts are exact. Bounds: fan-out 60, so eight levels hold more
// keys than memory can.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/check.h"
#include "mvcc/epochs.h"
#include "mvcc/tree_node.h"

namespace cairn::mvcc {

namespace tree {

// Where a descent went: the inner nodes from the root down and the child taken in each.
struct Path {
  Inner* nodes[kHeightMax];
  std::uint32_t positions[kHeightMax];
};

struct Root {
  Node* node = nullptr;
  std::uint32_t height = 0;  // 0: empty; 1: the root is a leaf
  std::uint64_t live = 0;
  std::uint64_t node_bytes = 0;  // of the nodes and separators of this root
};

constexpr std::size_t kWarmMax = 16;
// The leaves where `keys` are or would be, each level of all of them fetched at once.
void warm_leaves(const Root& root, const std::string_view* keys, std::size_t count, const Leaf** leaves);

// The part of the tree that knows nothing of records.
class Shape {
 public:
  explicit Shape(Epochs* epochs) : epochs_(epochs) {}
  const Root& root() const { return root_; }

 protected:
  Leaf* descend(std::string_view key, Path* path);
  Leaf* descend_last(Path* path);
  void add_live(const Path& path, std::int64_t change);
  // Both restructure: a path is stale afterwards.
  void split_leaf(Leaf* leaf, const Path& path, std::uint32_t keep, std::string_view separator);
  void after_erase(Leaf* leaf, const Path& path);
  Leaf* make_first_leaf();
  void free_nodes();

 private:
  Node* own(Node* node, bool leaf);
  void insert_child(const Path& path, std::size_t level, Node* right, std::uint64_t right_live,
                    Separator* separator);
  void split_inner(Inner* inner, const Path& path, std::size_t level);
  void erase_child(const Path& path, std::size_t level);
  bool merge(Inner* parent, std::uint32_t left, bool leaves);
  void retire(Node* node, bool leaf);
  void retire(Separator* separator);

 protected:
  Epochs* epochs_;
  Root root_;
};

// A record of usual size misses the cache at every line of it unless they are asked for ahead of time.
inline void ask_for(const void* record) {
  constexpr std::size_t kBytes = 320, kLine = 64;
  for (std::size_t at = 0; at < kBytes; at += kLine)
    __builtin_prefetch(static_cast<const char*>(record) + at);
}

}  // namespace tree

template <class R>
class Tree : public tree::Shape {
 public:
  using Root = tree::Root;
  explicit Tree(Epochs* epochs) : Shape(epochs) {}
  // Frees the nodes of the newest root; the caller has freed the records.
  ~Tree() { free_nodes(); }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  // Walks records in key order from the first key >= `from`.
  class Cursor {
   public:
    Cursor(const Root& root, std::string_view from) : height_(root.height) {
      if (root.node == nullptr) return;
      const tree::Node* node = root.node;
      for (std::size_t level = 0; level + 1 < height_; ++level) {
        const auto* inner = static_cast<const tree::Inner*>(node);
        inners_[level] = inner;
        positions_[level] = inner->child_of(from);
        node = inner->children[positions_[level]];
      }
      leaf_ = static_cast<const tree::Leaf*>(node);
      position_ = lower_bound(*leaf_, from);
      if (position_ == leaf_->count) next_leaf();
    }
    R* get() const { return leaf_ == nullptr ? nullptr : static_cast<R*>(leaf_->records[position_]); }
    void next() {
      if (position_ + kAhead < leaf_->count) tree::ask_for(leaf_->records[position_ + kAhead]);
      if (++position_ == leaf_->count) next_leaf();
    }
    // To the first live record from here on, this one included, past any number of others in logarithmic
    // time.
    void seek_live() {
      if (leaf_ == nullptr || seek_in_leaf()) return;
      leaf_ = nullptr;
      for (std::size_t level = height_ - 1; level-- > 0;) {
        if (!seek_in_inner(level, positions_[level] + 1)) continue;
        for (std::size_t below = level + 1; below + 1 < height_; ++below) {
          inners_[below] = static_cast<const tree::Inner*>(child(below - 1));
          CHECK(seek_in_inner(below, 0));
        }
        leaf_ = static_cast<const tree::Leaf*>(child(height_ - 2));
        position_ = 0;
        for (std::uint32_t i = 0; i < std::min(kAhead, leaf_->count); ++i) tree::ask_for(leaf_->records[i]);
        CHECK(seek_in_leaf());
        return;
      }
    }
    void next_live() {
      if (position_ + kAhead < leaf_->count) tree::ask_for(leaf_->records[position_ + kAhead]);
      ++position_;
      seek_live();
    }

   private:
    static constexpr std::uint32_t kAhead = 8;
    void next_leaf() {
      leaf_ = nullptr;
      for (std::size_t level = height_ - 1; level-- > 0;) {
        if (++positions_[level] == inners_[level]->count) continue;
        const tree::Node* node = inners_[level]->children[positions_[level]];
        for (std::size_t below = level + 1; below + 1 < height_; ++below) {
          inners_[below] = static_cast<const tree::Inner*>(node);
          positions_[below] = 0;
          node = inners_[below]->children[0];
        }
        leaf_ = static_cast<const tree::Leaf*>(node);
        position_ = 0;
        for (std::uint32_t i = 0; i < std::min(kAhead, leaf_->count); ++i) tree::ask_for(leaf_->records[i]);
        return;
      }
    }
    const tree::Node* child(std::size_t level) const { return inners_[level]->children[positions_[level]]; }
    bool seek_in_leaf() {
      const std::uint64_t rest = leaf_->live_mask >> position_;
      if (rest == 0) return false;
      position_ += static_cast<std::uint32_t>(std::countr_zero(rest));
      return true;
    }
    bool seek_in_inner(std::size_t level, std::uint32_t from) {
      const tree::Inner& inner = *inners_[level];
      while (from < inner.count && inner.live[from] == 0) ++from;
      positions_[level] = from;
      return from < inner.count;
    }

    const tree::Inner* inners_[tree::kHeightMax];
    std::uint32_t positions_[tree::kHeightMax];
    std::size_t height_;
    const tree::Leaf* leaf_ = nullptr;
    std::uint32_t position_ = 0;
  };

  static R* find(const Root& root, std::string_view key) {
    if (root.node == nullptr) return nullptr;
    const tree::Node* node = root.node;
    for (std::size_t level = 1; level < root.height; ++level) {
      const auto* inner = static_cast<const tree::Inner*>(node);
      node = inner->children[inner->child_of(key)];
    }
    const auto* leaf = static_cast<const tree::Leaf*>(node);
    const std::uint32_t position = equal(*leaf, key, tree::tag_of(key));
    return position == tree::kFanout ? nullptr : at(*leaf, position);
  }

  // How many live records have a key < `key`.
  static std::uint64_t rank(const Root& root, std::string_view key) {
    if (root.node == nullptr) return 0;
    std::uint64_t before = 0;
    const tree::Node* node = root.node;
    for (std::size_t level = 1; level < root.height; ++level) {
      const auto* inner = static_cast<const tree::Inner*>(node);
      const std::uint32_t position = inner->child_of(key);
      for (std::uint32_t i = 0; i < position; ++i) before += inner->live[i];
      node = inner->children[position];
    }
    const auto* leaf = static_cast<const tree::Leaf*>(node);
    const std::uint32_t position = lower_bound(*leaf, key);
    const std::uint64_t below = position == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << position) - 1;
    return before + static_cast<std::uint64_t>(std::popcount(leaf->live_mask & below));
  }

  // Puts a record under `key`, which `make` builds from the record that was there (or nullptr). Returns the
  // new one.
  template <class Make>
  R* put(std::string_view key, Make make) {
    tree::Path path;
    tree::Leaf* leaf = root_.node == nullptr ? make_first_leaf() : descend(key, &path);
    const tree::Tag tag = tree::tag_of(key);
    std::uint32_t position = equal(*leaf, key, tag);
    if (position < tree::kFanout) {
      const bool was_live = at(*leaf, position)->live();
      R* const record = make(at(*leaf, position));
      leaf->records[position] = record;
      set_bit(leaf, position, record->live());
      if (record->live() != was_live) add_live(path, record->live() ? 1 : -1);
      return record;
    }
    position = lower_bound(*leaf, key);
    if (leaf->count == tree::kFanout) {
      // Keys that arrive in order leave full leaves behind.
      const std::uint32_t keep = position == tree::kFanout ? tree::kFanout : tree::kFanout / 2;
      const std::string_view right = keep == tree::kFanout ? key : at(*leaf, keep)->key();
      split_leaf(leaf, path, keep, shortest_between(at(*leaf, keep - 1)->key(), right));
      leaf = descend(key, &path);
      position = lower_bound(*leaf, key);
    }
    R* const record = make(static_cast<R*>(nullptr));
    insert_at(leaf, position, record, tag);
    if (record->live()) add_live(path, 1);
    return record;
  }

  // Puts a record whose key is beyond every other: for loading.
  void append(R* record) {
    tree::Path path;
    tree::Leaf* leaf = root_.node == nullptr ? make_first_leaf() : descend_last(&path);
    if (leaf->count == tree::kFanout) {
      split_leaf(leaf, path, tree::kFanout,
                 shortest_between(at(*leaf, tree::kFanout - 1)->key(), record->key()));
      leaf = descend_last(&path);
    }
    insert_at(leaf, leaf->count, record, tree::tag_of(record->key()));
    if (record->live()) add_live(path, 1);
  }

  // Brings what put() and find() of these keys will read into the processor's cache, waiting for all of them
  // at once. Changes nothing.
  static void warm(const Root& root, const std::string_view* keys, std::size_t count) {
    CHECK(count <= tree::kWarmMax);
    if (root.node == nullptr) return;
    const tree::Leaf* leaves[tree::kWarmMax];
    tree::warm_leaves(root, keys, count, leaves);
    // Where a key is absent, put() will look for its place: the searches go on side by side.
    std::uint32_t low[tree::kWarmMax];
    std::uint32_t high[tree::kWarmMax];
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t position = first_match(*leaves[i], tree::tag_of(keys[i]));
      low[i] = position < tree::kFanout ? position : 0;
      high[i] = position < tree::kFanout ? position : leaves[i]->count;
      // What is replaced is read as a whole, for the state's hash.
      if (low[i] == high[i])
        tree::ask_for(leaves[i]->records[low[i]]);
      else
        __builtin_prefetch(leaves[i]->records[(low[i] + high[i]) / 2]);
    }
    for (bool more = true; more;) {
      more = false;
      for (std::size_t i = 0; i < count; ++i) {
        if (low[i] >= high[i]) continue;
        const std::uint32_t middle = (low[i] + high[i]) / 2;
        if (at(*leaves[i], middle)->key() < keys[i])
          low[i] = middle + 1;
        else
          high[i] = middle;
        if (low[i] >= high[i]) continue;
        more = true;
        __builtin_prefetch(leaves[i]->records[(low[i] + high[i]) / 2]);
      }
    }
  }

  // Takes the record of `key` out of the tree, which must hold it, and returns it.
  R* erase(std::string_view key) {
    tree::Path path;
    CHECK(root_.node != nullptr);
    tree::Leaf* const leaf = descend(key, &path);
    const std::uint32_t position = equal(*leaf, key, tree::tag_of(key));
    CHECK(position < leaf->count);
    R* const record = at(*leaf, position);
    if (record->live()) add_live(path, -1);
    const std::uint64_t low = (std::uint64_t{1} << position) - 1;
    leaf->live_mask = (leaf->live_mask & low) | ((leaf->live_mask >> 1) & ~low);
    const std::uint32_t after = leaf->count - position - 1;
    std::memmove(leaf->tags + position, leaf->tags + position + 1, after * sizeof(tree::Tag));
    std::memmove(leaf->records + position, leaf->records + position + 1, after * sizeof(void*));
    --leaf->count;
    if (leaf->count < tree::kMergeBelow) after_erase(leaf, path);
    return record;
  }

 private:
  static R* at(const tree::Leaf& leaf, std::uint32_t position) {
    return static_cast<R*>(leaf.records[position]);
  }

  static std::uint32_t first_match(const tree::Leaf& leaf, tree::Tag tag) {
    const std::uint64_t matches = leaf.matches(tag);
    return matches == 0 ? tree::kFanout : static_cast<std::uint32_t>(std::countr_zero(matches));
  }

  // The position of `key`, or kFanout.
  static std::uint32_t equal(const tree::Leaf& leaf, std::string_view key, tree::Tag tag) {
    for (std::uint64_t matches = leaf.matches(tag); matches != 0; matches &= matches - 1) {
      const auto position = static_cast<std::uint32_t>(std::countr_zero(matches));
      if (at(leaf, position)->key() == key) return position;
    }
    return tree::kFanout;
  }

  static std::uint32_t lower_bound(const tree::Leaf& leaf, std::string_view key) {
    std::uint32_t low = 0;
    std::uint32_t high = leaf.count;
    while (low < high) {
      const std::uint32_t middle = (low + high) / 2;
      if (at(leaf, middle)->key() < key)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }

  // The shortest prefix of `right` that is > `left`.
  static std::string_view shortest_between(std::string_view left, std::string_view right) {
    std::size_t same = 0;
    while (same < left.size() && left[same] == right[same]) ++same;
    return right.substr(0, same + 1);
  }

  static void set_bit(tree::Leaf* leaf, std::uint32_t position, bool live) {
    const std::uint64_t bit = std::uint64_t{1} << position;
    leaf->live_mask = live ? leaf->live_mask | bit : leaf->live_mask & ~bit;
  }

  static void insert_at(tree::Leaf* leaf, std::uint32_t position, R* record, tree::Tag tag) {
    const std::uint64_t low = (std::uint64_t{1} << position) - 1;
    leaf->live_mask = (leaf->live_mask & low) | ((leaf->live_mask & ~low) << 1);
    const std::uint32_t after = leaf->count - position;
    std::memmove(leaf->tags + position + 1, leaf->tags + position, after * sizeof(tree::Tag));
    std::memmove(leaf->records + position + 1, leaf->records + position, after * sizeof(void*));
    leaf->tags[position] = tag;
    leaf->records[position] = record;
    ++leaf->count;
    set_bit(leaf, position, record->live());
  }
};

}  // namespace cairn::mvcc
