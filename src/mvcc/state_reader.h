// StateReader: takes a saved state apart (docs/format/state.md), trusting nothing: lengths are bounded, and
// memory grows with the bytes that really come. Owner: who loads. Every refusal is data_loss and says where.
#pragma once

#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "base/codec.h"
#include "base/result.h"
#include "base/stream.h"
#include "mvcc/limits.h"

namespace cairn::mvcc {

inline Error malformed(const std::string& what) {
  return {Code::data_loss,
          "the saved state is damaged: " + what + "; load another snapshot or fetch one from a peer"};
}

class StateReader {
 public:
  StateReader(ByteSource* source, const Limits& given)
      : limits(given), source_(source), hash_(XXH3_createState()), buffer_(given.step.load_bytes, '\0') {
    XXH3_64bits_reset(hash_);
  }
  ~StateReader() { XXH3_freeState(hash_); }
  StateReader(const StateReader&) = delete;
  StateReader& operator=(const StateReader&) = delete;

  Status raw(char* to, std::size_t size) {
    if (size <= end_ - at_) {
      std::memcpy(to, buffer_.data() + at_, size);
      at_ += size;
      return {};
    }
    while (size > 0) {
      if (at_ == end_) TRY(fill());
      const std::size_t some = std::min(size, end_ - at_);
      std::memcpy(to, buffer_.data() + at_, some);
      at_ += some;
      to += some;
      size -= some;
    }
    return {};
  }
  template <class T>
  Result<T> number() {
    char bytes[sizeof(T)];
    TRY(raw(bytes, sizeof bytes));
    return codec::load<T>(bytes);
  }
  Result<std::uint32_t> length(std::uint32_t size_max) {
    const std::uint32_t size = TRY(number<std::uint32_t>());
    if (size > size_max)
      return tl::unexpected(malformed("a length of " + std::to_string(size) + " at byte " +
                                      std::to_string(offset()) + " is above " + std::to_string(size_max)));
    return size;
  }
  // Grows with the bytes that really come: a false length costs no more memory than the file has.
  Status bytes(std::uint32_t size, std::string* value) {
    value->clear();
    while (value->size() < size) {
      const std::size_t from = value->size();
      value->resize(from + std::min<std::size_t>(size - from, limits.step.trusted_bytes));
      TRY(raw(value->data() + from, value->size() - from));
    }
    return {};
  }
  Status text(std::uint32_t size_max, std::string* value) {
    const std::uint32_t size = TRY(length(size_max));
    return bytes(size, value);
  }
  Result<std::string> text(std::uint32_t size_max) {
    std::string value;
    TRY(text(size_max, &value));
    return value;
  }
  Status checksum() {
    hash_read();
    const std::uint64_t expected = XXH3_64bits_digest(hash_);
    const auto stored = TRY(number<std::uint64_t>());
    if (stored != expected) return tl::unexpected(malformed("its checksum does not match"));
    if (at_ != end_ || TRY(source_->read(std::span(buffer_.data(), 1))) != 0)
      return tl::unexpected(malformed("bytes follow its end at byte " + std::to_string(offset())));
    return {};
  }
  std::uint64_t offset() const { return before_ + at_; }

  const Limits& limits;

 private:
  void hash_read() {
    XXH3_64bits_update(hash_, buffer_.data() + hashed_, at_ - hashed_);
    hashed_ = at_;
  }
  Status fill() {
    hash_read();
    before_ += end_;
    end_ = TRY(source_->read(std::span(buffer_.data(), buffer_.size())));
    at_ = hashed_ = 0;
    if (end_ == 0) return tl::unexpected(malformed("it ends early, at byte " + std::to_string(before_)));
    return {};
  }

  ByteSource* const source_;
  XXH3_state_t* const hash_;
  std::string buffer_;
  std::size_t at_ = 0, end_ = 0, hashed_ = 0;
  std::uint64_t before_ = 0;
};

}  // namespace cairn::mvcc
