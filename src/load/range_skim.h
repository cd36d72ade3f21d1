// RangeSkim: whether an encoded RangeResponse is whole: fields that end where the message ends, and as many
// kvs as it counts. Fed piece by piece, it keeps nothing and skips what is inside the fields, so that a load
// generator can check lists of many megabytes at the cost of looking at each of their keys once.
#pragma once

#include <cstdint>
#include <string_view>

namespace cairn::load {

class RangeSkim {
 public:
  void feed(std::string_view piece);
  // Of a request without limit, filters and count_only: those answer fewer kvs than they count.
  bool whole() const { return !malformed_ && expect_ == Expect::tag && shift_ == 0 && kvs_ == count_; }

 private:
  enum class Expect { tag, number, length, bytes };
  void on_varint(std::uint64_t value);

  Expect expect_ = Expect::tag;
  std::uint64_t tag_ = 0;
  std::uint64_t varint_ = 0;  // so far
  unsigned shift_ = 0;
  std::uint64_t skip_ = 0;  // bytes of the field
  std::uint64_t kvs_ = 0, count_ = 0;
  bool malformed_ = false;
};

}  // namespace cairn::load
