// Writer: a bbolt file from its first byte to its last, from buckets and keys that come in ascending order. A
// page leaves as soon as it is full, and the page above it that refers to it follows, so that nothing is held
// but one page for each level of the tree.
//
// The first page says where the last ones are. So whoever writes walks its content twice: a Writer without a
// Shape only measures, and the next one is given what it found, and the same content. Owner: who writes.
// Threading: one. Bound: a page a level, and the largest value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::bbolt {

struct Shape {
  std::uint64_t root = 0;   // the page of the buckets' names
  std::uint64_t pages = 0;  // of the whole file
  bool operator==(const Shape&) const = default;
};

class Writer {
 public:
  static constexpr std::uint32_t kPageBytes = 4096;

  // Appends to *out, which may be emptied in between; null without a shape.
  Writer(std::optional<Shape> shape, std::string* out, std::uint32_t page_bytes = kPageBytes);
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Names ascend, and so do the keys of each. An empty key is none.
  void begin_bucket(std::string_view name);
  // `value` in pieces of value_bytes together; measuring looks at the number alone.
  void add(std::string_view key, std::size_t value_bytes, std::initializer_list<std::string_view> value);
  void add(std::string_view key, std::string_view value) { add(key, value.size(), {value}); }
  void end_bucket();
  // CHECKs that it is the shape that was given.
  Shape finish();

 private:
  struct Element {
    std::uint32_t flags = 0;  // of a leaf's
    std::uint32_t key_bytes = 0;
    std::uint32_t value_bytes = 0;  // of a leaf's
    std::uint64_t page = 0;         // of a branch's
  };
  struct Page {
    std::vector<Element> elements;
    std::string data;   // keys and values; nothing while measuring
    std::string first;  // key
    std::size_t data_bytes = 0;
    std::size_t bytes() const;
  };
  using Tree = std::vector<Page>;  // the open page of each level, leaves first

  void add_to(Tree* tree, std::size_t level, const Element& element, std::string_view key,
              std::initializer_list<std::string_view> value);
  void close_page(Tree* tree, std::size_t level);
  std::uint64_t put_page(Page* page, bool leaf);
  std::uint64_t close_tree(Tree* tree);  // its root; 0: it is empty
  void put_head(std::uint64_t id, std::uint16_t flags, std::size_t count, std::uint64_t overflow);
  void put_meta(std::uint64_t id, std::uint64_t transaction);
  void pad(std::uint64_t pages, std::size_t bytes);
  bool measures() const { return out_ == nullptr; }

  const std::optional<Shape> shape_;
  std::string* const out_;
  const std::uint32_t page_bytes_;
  std::uint64_t next_page_;
  Tree names_, bucket_;
  std::string name_;
};

}  // namespace cairn::bbolt
