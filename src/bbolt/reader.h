// Reader: what a bbolt file holds, in the order of its keys. It trusts nothing: every number is checked
// before it is followed, no page is looked at twice, and memory grows with the bytes that are really there.
// Every refusal is data_loss and says which page is wrong, and how. Free pages are nobody's: never looked at.
// Owner: who reads. Threading: one. Bound: a page (with what it overflows into) for each level of a tree, and
// a bit for each page of the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cairn::bbolt {

struct Bytes {
  virtual ~Bytes() = default;
  virtual std::uint64_t size() const = 0;
  // All of them, or an Error. They are inside the size.
  virtual Status read(std::uint64_t offset, std::span<char> into) = 0;
};

struct Limits {
  std::size_t levels_max = 16;        // of a tree
  std::size_t buckets_max = 1024;     // of a file
  std::size_t name_bytes_max = 1024;  // of a bucket
};

using OnPair = std::function<Status(std::string_view key, std::string_view value)>;

class Reader {
 public:
  // `bytes` outlives it.
  static Result<Reader> open(Bytes* bytes, const Limits& limits = {});

  struct Bucket {
    std::string name;
    std::uint64_t root = 0;  // page; 0: it lies in `inlined`
    std::string inlined;
  };
  const std::vector<Bucket>& buckets() const { return buckets_; }
  const Bucket* find(std::string_view name) const;
  // Each pair, by ascending key. A bucket can be walked once: its pages count as seen.
  Status each(const Bucket& bucket, const OnPair& on_pair);
  std::uint32_t page_bytes() const { return page_bytes_; }

 private:
  struct Walk {
    const OnPair& on_pair;
    std::string last{};
    bool any = false;
    bool names = false;  // the tree of the buckets
  };
  Reader(Bytes* bytes, const Limits& limits) : bytes_(bytes), limits_(limits) {}
  Status read_meta();
  bool take_meta(std::uint64_t offset, std::uint64_t* transaction);
  Status walk_page(std::uint64_t id, std::size_t level, Walk* walk);
  Status walk_leaf(std::string_view page, const std::string& where, Walk* walk);
  Status walk_branch(std::string_view page, std::uint64_t id, std::size_t level, Walk* walk);
  Status take_bucket(std::string_view name, std::string_view value, const std::string& where);
  Result<std::string> load(std::uint64_t id);

  Bytes* bytes_;
  Limits limits_;
  std::uint32_t page_bytes_ = 0;
  std::uint64_t root_ = 0, pages_ = 0;
  std::vector<bool> seen_;
  std::vector<Bucket> buckets_;
};

}  // namespace cairn::bbolt
