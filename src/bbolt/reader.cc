#include "bbolt/reader.h"

#include <algorithm>
#include <utility>

#include "base/codec.h"
#include "bbolt/format.h"

namespace cairn::bbolt {
namespace {

template <class Number>
Number load(const char* at) {
  return codec::load<Number>(at);
}

tl::unexpected<Error> damaged(const std::string& what) {
  return fail(Code::data_loss, "the bbolt file is damaged: " + what);
}

std::string page_name(std::uint64_t id) { return "page " + std::to_string(id); }

struct Head {
  explicit Head(std::string_view page)
      : id(load<std::uint64_t>(page.data())),
        flags(load<std::uint16_t>(page.data() + 8)),
        count(load<std::uint16_t>(page.data() + 10)),
        overflow(load<std::uint32_t>(page.data() + 12)) {}
  std::uint64_t id;
  std::uint16_t flags, count;
  std::uint32_t overflow;
};

// A key or value inside its page; false: it is not.
bool cut(std::string_view page, std::uint64_t offset, std::uint64_t size, std::string_view* piece) {
  if (offset > page.size() || size > page.size() - offset) return false;
  *piece = page.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
  return true;
}

bool elements_fit(std::string_view page, std::size_t count) {
  return count <= (page.size() - kPageHeadBytes) / kElementBytes;
}

}  // namespace

Result<Reader> Reader::open(Bytes* bytes, const Limits& limits) {
  Reader reader(bytes, limits);
  TRY(reader.read_meta());
  reader.seen_.assign(static_cast<std::size_t>(reader.pages_), false);
  const OnPair none = [](std::string_view, std::string_view) { return Status(); };
  Walk walk{none};
  walk.names = true;
  TRY(reader.walk_page(reader.root_, 1, &walk));
  return reader;
}

const Reader::Bucket* Reader::find(std::string_view name) const {
  for (const Bucket& bucket : buckets_)
    if (bucket.name == name) return &bucket;
  return nullptr;
}

Status Reader::each(const Bucket& bucket, const OnPair& on_pair) {
  Walk walk{on_pair};
  if (bucket.root != 0) return walk_page(bucket.root, 1, &walk);
  return walk_leaf(bucket.inlined, "bucket '" + bucket.name + "'", &walk);
}

// The meta at that place, if it is one and newer than what is known.
bool Reader::take_meta(std::uint64_t offset, std::uint64_t* transaction) {
  char page[kPageHeadBytes + kMetaBytes];
  if (bytes_->size() < offset + sizeof page || !bytes_->read(offset, page)) return false;
  const char* const meta = page + kPageHeadBytes;
  const std::uint32_t page_bytes = bbolt::load<std::uint32_t>(meta + 8);
  const bool good = Head({page, sizeof page}).flags == kMeta && bbolt::load<std::uint32_t>(meta) == kMagic &&
                    bbolt::load<std::uint32_t>(meta + 4) == kVersion &&
                    bbolt::load<std::uint64_t>(meta + kMetaSummedBytes) == fnv64a({meta, kMetaSummedBytes}) &&
                    page_bytes >= kPageBytesMin && page_bytes <= kPageBytesMax &&
                    (page_bytes & (page_bytes - 1)) == 0 && (offset == 0 || offset == page_bytes);
  if (!good) return false;
  const auto number = bbolt::load<std::uint64_t>(meta + 48);
  if (page_bytes_ != 0 && number <= *transaction) return true;
  *transaction = number;
  page_bytes_ = page_bytes;
  root_ = bbolt::load<std::uint64_t>(meta + 16);
  pages_ = bbolt::load<std::uint64_t>(meta + 40);
  return true;
}

Status Reader::read_meta() {
  std::uint64_t transaction = 0;
  take_meta(0, &transaction);
  // The second one stands where the first one says, or is looked for where that is damaged.
  for (std::uint32_t at = kPageBytesMin; at <= kPageBytesMax; at *= 2)
    if (take_meta(at, &transaction)) break;
  if (page_bytes_ == 0) return damaged("neither of its two first pages is one: it is no bbolt file, or cut");
  if (pages_ > bytes_->size() / page_bytes_)
    return damaged("it should have " + std::to_string(pages_) + " pages of " + std::to_string(page_bytes_) +
                   " bytes, and has " + std::to_string(bytes_->size()) + " bytes: it is cut");
  return {};
}

// A page with all that it overflows into.
Result<std::string> Reader::load(std::uint64_t id) {
  if (id < 2 || id >= pages_) return damaged(page_name(id) + " is referred to, of " + std::to_string(pages_));
  std::string page(page_bytes_, '\0');
  TRY(bytes_->read(id * page_bytes_, page));
  const Head head(page);
  if (head.id != id) return damaged(page_name(id) + " says that it is " + page_name(head.id));
  if (head.flags != kBranch && head.flags != kLeaf)
    return damaged(page_name(id) + " is of kind " + std::to_string(head.flags) + ", not of a tree");
  if (head.overflow >= pages_ - id)
    return damaged(page_name(id) + " goes on for " + std::to_string(head.overflow) + " pages, of " +
                   std::to_string(pages_));
  for (std::uint64_t each = id; each <= id + head.overflow; ++each) {
    if (seen_[static_cast<std::size_t>(each)]) return damaged(page_name(each) + " is referred to twice");
    seen_[static_cast<std::size_t>(each)] = true;
  }
  page.resize((std::size_t{head.overflow} + 1) * page_bytes_);
  TRY(bytes_->read((id + 1) * page_bytes_, std::span(page).subspan(page_bytes_)));
  return page;
}

Status Reader::walk_page(std::uint64_t id, std::size_t level, Walk* walk) {
  if (level > limits_.levels_max)
    return damaged(page_name(id) + " lies " + std::to_string(level) + " levels deep");
  const std::string page = TRY(load(id));
  if (Head(page).flags == kBranch) return walk_branch(page, id, level, walk);
  return walk_leaf(page, page_name(id), walk);
}

Status Reader::walk_branch(std::string_view page, std::uint64_t id, std::size_t level, Walk* walk) {
  const Head head(page);
  if (head.count == 0 || !elements_fit(page, head.count))
    return damaged(page_name(id) + " has " + std::to_string(head.count) + " branches");
  for (std::size_t i = 0; i < head.count; ++i)
    TRY(walk_page(bbolt::load<std::uint64_t>(page.data() + kPageHeadBytes + i * kElementBytes + 8), level + 1,
                  walk));
  return {};
}

Status Reader::walk_leaf(std::string_view page, const std::string& where, Walk* walk) {
  if (page.size() < kPageHeadBytes || Head(page).flags != kLeaf)
    return damaged(where + " has no page of keys");
  const Head head(page);
  if (!elements_fit(page, head.count))
    return damaged(where + " has " + std::to_string(head.count) + " keys, more than it has room for");
  for (std::size_t i = 0; i < head.count; ++i) {
    const std::size_t at = kPageHeadBytes + i * kElementBytes;
    const char* const element = page.data() + at;
    const auto position = bbolt::load<std::uint32_t>(element + 4);
    const auto key_bytes = bbolt::load<std::uint32_t>(element + 8);
    const auto value_bytes = bbolt::load<std::uint32_t>(element + 12);
    std::string_view key, value;
    if (!cut(page, std::uint64_t{at} + position, key_bytes, &key) ||
        !cut(page, std::uint64_t{at} + position + key_bytes, value_bytes, &value))
      return damaged(where + ": key " + std::to_string(i) + " or its value lies outside");
    if (key.empty() || (walk->any && key <= walk->last))
      return damaged(where + ": key " + std::to_string(i) + " is not after the one before");
    walk->any = true;
    walk->last = key;
    const auto flags = bbolt::load<std::uint32_t>(element);
    if (flags != (walk->names ? kBucketFlag : 0))
      return damaged(where + ": key " + std::to_string(i) + " has flags " + std::to_string(flags));
    TRY(walk->names ? take_bucket(key, value, where) : walk->on_pair(key, value));
  }
  return {};
}

Status Reader::take_bucket(std::string_view name, std::string_view value, const std::string& where) {
  if (buckets_.size() == limits_.buckets_max) return damaged(where + ": too many buckets");
  if (name.size() > limits_.name_bytes_max) return damaged(where + ": the name of a bucket is too long");
  if (value.size() < kBucketBytes) return damaged(where + ": a bucket without a root");
  Bucket bucket{.name = std::string(name), .root = bbolt::load<std::uint64_t>(value.data()), .inlined = ""};
  if (bucket.root == 0) bucket.inlined = value.substr(kBucketBytes);
  buckets_.push_back(std::move(bucket));
  return {};
}

}  // namespace cairn::bbolt
