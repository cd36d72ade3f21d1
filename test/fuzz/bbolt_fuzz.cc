// Arbitrary bytes as a bbolt file: refused, or read to its end.
#include <algorithm>
#include <cstring>
#include <span>

#include "bbolt/reader.h"

namespace {

struct Given final : cairn::bbolt::Bytes {
  Given(const std::uint8_t* bytes, std::size_t count) : data(bytes), count_(count) {}
  std::uint64_t size() const override { return count_; }
  cairn::Status read(std::uint64_t offset, std::span<char> into) override {
    if (offset > count_ || into.size() > count_ - offset) __builtin_trap();
    if (!into.empty()) std::memcpy(into.data(), data + offset, into.size());
    return {};
  }
  const std::uint8_t* data;
  const std::size_t count_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Given given(data, size);
  auto reader = cairn::bbolt::Reader::open(&given);
  if (!reader) return 0;
  for (const cairn::bbolt::Reader::Bucket& bucket : reader->buckets()) {
    const auto read =
        reader->each(bucket, [](std::string_view, std::string_view) { return cairn::Status(); });
    if (!read) return 0;
  }
  return 0;
}
