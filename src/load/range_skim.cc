#include "load/range_skim.h"

#include <algorithm>
#include <utility>

namespace cairn::load {
namespace {

constexpr unsigned kVarintBitsMax = 63;
// Field number and wire type.
constexpr std::uint64_t kKvsTag = 2 << 3 | 2;
constexpr std::uint64_t kCountTag = 4 << 3;

}  // namespace

void RangeSkim::feed(std::string_view piece) {
  while (!piece.empty() && !malformed_) {
    if (expect_ == Expect::bytes) {
      const std::uint64_t size = std::min<std::uint64_t>(skip_, piece.size());
      piece.remove_prefix(size);
      skip_ -= size;
      if (skip_ == 0) expect_ = Expect::tag;
      continue;
    }
    const auto byte = static_cast<unsigned char>(piece.front());
    piece.remove_prefix(1);
    varint_ |= std::uint64_t{byte & 0x7fU} << shift_;
    shift_ += 7;
    if ((byte & 0x80U) == 0) {
      shift_ = 0;
      on_varint(std::exchange(varint_, 0));
    } else if (shift_ > kVarintBitsMax) {
      malformed_ = true;
    }
  }
}

void RangeSkim::on_varint(std::uint64_t value) {
  switch (expect_) {
    case Expect::tag:
      tag_ = value;
      expect_ = (tag_ & 7) == 2 ? Expect::length : Expect::number;
      malformed_ = (tag_ & 7) != 0 && (tag_ & 7) != 2;  // a RangeResponse has no other wire types
      break;
    case Expect::number:
      if (tag_ == kCountTag) count_ = value;
      expect_ = Expect::tag;
      break;
    default:
      if (tag_ == kKvsTag) ++kvs_;
      skip_ = value;
      expect_ = skip_ == 0 ? Expect::tag : Expect::bytes;
      break;
  }
}

}  // namespace cairn::load
