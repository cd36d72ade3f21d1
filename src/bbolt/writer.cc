#include "bbolt/writer.h"

#include "base/check.h"
#include "base/codec.h"
#include "bbolt/format.h"

namespace cairn::bbolt {

using codec::put_fixed;

Writer::Writer(std::optional<Shape> shape, std::string* out, std::uint32_t page_bytes)
    : shape_(shape), out_(shape ? out : nullptr), page_bytes_(page_bytes), next_page_(kFirstFreePage) {
  if (measures()) return;
  // The newer one of two metas counts; the next transaction replaces the other one.
  put_meta(0, 2);
  put_meta(1, 1);
  put_head(2, kFreelist, 0, 0);
  pad(1, kPageHeadBytes);
}

std::size_t Writer::Page::bytes() const {
  return kPageHeadBytes + elements.size() * kElementBytes + data_bytes;
}

void Writer::begin_bucket(std::string_view name) {
  name_ = name;
  bucket_.clear();
}

void Writer::add(std::string_view key, std::size_t value_bytes,
                 std::initializer_list<std::string_view> value) {
  add_to(&bucket_, 0,
         {.key_bytes = static_cast<std::uint32_t>(key.size()),
          .value_bytes = static_cast<std::uint32_t>(value_bytes)},
         key, value);
}

void Writer::end_bucket() {
  std::string value;
  const std::uint64_t root = close_tree(&bucket_);
  put_fixed(&value, root);
  put_fixed(&value, std::uint64_t{0});  // its sequence, which etcd does not use
  if (root == 0) {                      // an empty one lies in its name's place: a page without an element
    put_fixed(&value, std::uint64_t{0});
    put_fixed(&value, std::uint16_t{kLeaf});
    value.append(6, '\0');
  }
  add_to(&names_, 0,
         {.flags = kBucketFlag,
          .key_bytes = static_cast<std::uint32_t>(name_.size()),
          .value_bytes = static_cast<std::uint32_t>(value.size())},
         name_, {value});
}

Shape Writer::finish() {
  Shape shape;
  shape.root = close_tree(&names_);
  if (shape.root == 0) {
    Page none;
    shape.root = put_page(&none, true);
  }
  shape.pages = next_page_;
  CHECK(!shape_ || *shape_ == shape);
  return shape;
}

void Writer::add_to(Tree* tree, std::size_t level, const Element& element, std::string_view key,
                    std::initializer_list<std::string_view> value) {
  if (tree->size() == level) tree->emplace_back();
  const std::size_t more = kElementBytes + key.size() + element.value_bytes;
  // A branch with one child would lead nowhere.
  const std::size_t at_least = level == 0 ? 1 : 2;
  if ((*tree)[level].elements.size() >= at_least && (*tree)[level].bytes() + more > page_bytes_)
    close_page(tree, level);
  Page& page = (*tree)[level];
  if (page.elements.empty()) page.first = key;
  page.elements.push_back(element);
  page.data_bytes += key.size() + element.value_bytes;
  if (measures()) return;
  page.data += key;
  for (const std::string_view piece : value) page.data += piece;
  CHECK(page.data.size() == page.data_bytes);
}

void Writer::close_page(Tree* tree, std::size_t level) {
  const std::uint64_t id = put_page(&(*tree)[level], level == 0);
  const std::string first = std::move((*tree)[level].first);
  (*tree)[level] = {};
  add_to(tree, level + 1, {.key_bytes = static_cast<std::uint32_t>(first.size()), .page = id}, first, {});
}

// A page of the top level is the only one of it, or there would be a level above.
std::uint64_t Writer::close_tree(Tree* tree) {
  if (tree->empty()) return 0;
  std::size_t level = 0;
  for (; level + 1 < tree->size(); ++level) close_page(tree, level);
  const std::uint64_t root = put_page(&(*tree)[level], level == 0);
  tree->clear();
  return root;
}

std::uint64_t Writer::put_page(Page* page, bool leaf) {
  const std::uint64_t id = next_page_;
  const std::uint64_t pages = (page->bytes() + page_bytes_ - 1) / page_bytes_;
  next_page_ += pages;
  if (measures()) return id;
  const std::size_t count = page->elements.size();
  put_head(id, leaf ? kLeaf : kBranch, count, pages - 1);
  std::uint32_t at = 0;  // in the data
  for (std::size_t i = 0; i < count; ++i) {
    const Element& element = page->elements[i];
    const auto position = static_cast<std::uint32_t>((count - i) * kElementBytes + at);
    if (leaf) put_fixed(out_, element.flags);
    put_fixed(out_, position);
    put_fixed(out_, element.key_bytes);
    if (leaf)
      put_fixed(out_, element.value_bytes);
    else
      put_fixed(out_, element.page);
    at += element.key_bytes + element.value_bytes;
  }
  *out_ += page->data;
  pad(pages, page->bytes());
  return id;
}

void Writer::put_head(std::uint64_t id, std::uint16_t flags, std::size_t count, std::uint64_t overflow) {
  put_fixed(out_, id);
  put_fixed(out_, flags);
  put_fixed(out_, static_cast<std::uint16_t>(count));
  put_fixed(out_, static_cast<std::uint32_t>(overflow));
}

void Writer::put_meta(std::uint64_t id, std::uint64_t transaction) {
  put_head(id, kMeta, 0, 0);
  std::string meta;
  put_fixed(&meta, kMagic);
  put_fixed(&meta, kVersion);
  put_fixed(&meta, page_bytes_);
  put_fixed(&meta, std::uint32_t{0});
  put_fixed(&meta, shape_->root);
  put_fixed(&meta, std::uint64_t{0});
  put_fixed(&meta, std::uint64_t{2});  // the list of free pages
  put_fixed(&meta, shape_->pages);
  put_fixed(&meta, transaction);
  put_fixed(&meta, fnv64a(meta));
  *out_ += meta;
  pad(1, kPageHeadBytes + meta.size());
}

void Writer::pad(std::uint64_t pages, std::size_t bytes) {
  out_->append(static_cast<std::size_t>(pages * page_bytes_) - bytes, '\0');
}

}  // namespace cairn::bbolt
