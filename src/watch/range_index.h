// RangeIndex: ranges of keys, and which of them hold a key: a treap by first key whose nodes know the
// furthest end below them, so that a key costs the logarithm of their number and as much again for each that
// holds it. The same ranges always make the same tree: priorities come from the range itself. Owner:
// Interests. Threading: its. Invariant: first keys ascend, then ends; a node's priority is not below its
// children's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace cairn::watch {

// [first, end), as etcd writes it: the end "\0" is none, everything from `first` on.
struct Range {
  std::string first, end;

  bool is_open() const { return end.size() == 1 && end[0] == '\0'; }
  std::size_t bytes() const { return first.size() + end.size(); }
  bool ends_after(std::string_view key) const { return is_open() || key < end; }
};

template <class Value>
class RangeIndex {
 public:
  struct Node {
    Range range;
    Value value{};
    std::uint64_t priority = 0;
    std::unique_ptr<Node> left, right;
    const Range* furthest = nullptr;  // of this and all below
  };

  std::size_t size() const { return size_; }

  // What the range has; made when it is new.
  Node* find_or_add(std::string_view first, std::string_view end) {
    if (Node* const found = find(first, end)) return found;
    ++size_;
    auto made = std::make_unique<Node>();
    made->range = {std::string(first), std::string(end)};
    made->priority = priority_of(made->range);
    made->furthest = &made->range;
    Node* const node = made.get();
    insert(&root_, std::move(made));
    return node;
  }

  // REQUIRES: it is there.
  void erase(const Node* node) {
    erase(&root_, node);
    --size_;
  }

  // Calls visit(value) for each range that holds the key.
  template <class Visit>
  void visit(std::string_view key, Visit visit) const {
    look(root_.get(), key, visit);
  }

 private:
  static std::uint64_t priority_of(const Range& range) {
    std::uint64_t mixed = std::hash<std::string_view>()(range.first) * 0x9e3779b97f4a7c15U ^
                          std::hash<std::string_view>()(range.end);
    mixed ^= mixed >> 32;
    return mixed * 0xd6e8feb86659fd93U;
  }
  static int order(const Node& a, std::string_view first, std::string_view end) {
    const int by_first = std::string_view(a.range.first).compare(first);
    return by_first != 0 ? by_first : std::string_view(a.range.end).compare(end);
  }
  static const Range* further(const Range* a, const Range* b) {
    if (a->is_open()) return a;
    return b->is_open() || b->end > a->end ? b : a;
  }
  static void update(Node* node) {
    node->furthest = &node->range;
    for (const Node* child : {node->left.get(), node->right.get()})
      if (child != nullptr) node->furthest = further(node->furthest, child->furthest);
  }

  Node* find(std::string_view first, std::string_view end) const {
    Node* node = root_.get();
    while (node != nullptr) {
      const int compared = order(*node, first, end);
      if (compared == 0) return node;
      node = compared < 0 ? node->right.get() : node->left.get();
    }
    return nullptr;
  }

  static void rotate(std::unique_ptr<Node>* at, std::unique_ptr<Node> Node::*up,
                     std::unique_ptr<Node> Node::*down) {
    std::unique_ptr<Node> child = std::move((*at).get()->*up);
    (*at).get()->*up = std::move(child.get()->*down);
    update(at->get());
    child.get()->*down = std::move(*at);
    *at = std::move(child);
    update(at->get());
  }

  static void insert(std::unique_ptr<Node>* at, std::unique_ptr<Node> made) {
    if (*at == nullptr) {
      *at = std::move(made);
      return;
    }
    const bool goes_right = order(**at, made->range.first, made->range.end) < 0;
    std::unique_ptr<Node>& child = goes_right ? (*at)->right : (*at)->left;
    insert(&child, std::move(made));
    if (child->priority > (*at)->priority) {
      if (goes_right)
        rotate(at, &Node::right, &Node::left);
      else
        rotate(at, &Node::left, &Node::right);
    } else {
      update(at->get());
    }
  }

  static void erase(std::unique_ptr<Node>* at, const Node* node) {
    if (at->get() != node) {
      const bool is_right = order(**at, node->range.first, node->range.end) < 0;
      erase(is_right ? &(*at)->right : &(*at)->left, node);
      update(at->get());
      return;
    }
    Node& doomed = **at;
    if (doomed.left == nullptr || doomed.right == nullptr) {
      std::unique_ptr<Node> rest = std::move(doomed.left != nullptr ? doomed.left : doomed.right);
      *at = std::move(rest);
      return;
    }
    if (doomed.left->priority > doomed.right->priority) {
      rotate(at, &Node::left, &Node::right);
      erase(&(*at)->right, node);
    } else {
      rotate(at, &Node::right, &Node::left);
      erase(&(*at)->left, node);
    }
    update(at->get());
  }

  template <class Visit>
  static void look(const Node* node, std::string_view key, Visit& visit) {
    if (node == nullptr || !node->furthest->ends_after(key)) return;
    look(node->left.get(), key, visit);
    if (key < node->range.first) return;
    if (node->range.ends_after(key)) visit(node->value);
    look(node->right.get(), key, visit);
  }

  std::unique_ptr<Node> root_;
  std::size_t size_ = 0;
};

}  // namespace cairn::watch
