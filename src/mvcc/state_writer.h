// StateWriter: the pieces that a saved state is made of, with their checksum (docs/format/state.md). Owner:
// who saves. Bound: one piece in memory. After the sink has failed nothing is written, and finish() says so.
#pragma once

#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/codec.h"
#include "base/result.h"
#include "base/stream.h"

namespace cairn::mvcc {

class StateWriter {
 public:
  StateWriter(ByteSink* sink, std::size_t piece_bytes)
      : sink_(sink),
        piece_bytes_(piece_bytes),
        hash_(XXH3_createState()),
        buffer_(std::make_unique_for_overwrite<char[]>(piece_bytes)) {
    XXH3_64bits_reset(hash_);
  }
  ~StateWriter() { XXH3_freeState(hash_); }
  StateWriter(const StateWriter&) = delete;
  StateWriter& operator=(const StateWriter&) = delete;

  template <class... T>
  void numbers(T... values) {
    char bytes[(sizeof(T) + ...)];
    char* at = bytes;
    ((codec::store(at, values), at += sizeof(T)), ...);
    raw({bytes, sizeof bytes});
  }
  void text(std::string_view value) {
    numbers(static_cast<std::uint32_t>(value.size()));
    raw(value);
  }
  void raw(std::string_view bytes) {
    while (bytes.size() > piece_bytes_ - size_) {
      const std::string_view part = bytes.substr(0, piece_bytes_ - size_);
      append(part);
      bytes.remove_prefix(part.size());
      flush();
    }
    append(bytes);
  }
  Status finish() {
    hash_written();
    numbers(static_cast<std::uint64_t>(XXH3_64bits_digest(hash_)));
    flush();
    return status_;
  }
  bool failed() const { return !status_; }
  std::uint64_t offset() const { return before_ + size_; }

 private:
  static constexpr std::size_t kHashedAtOnce = std::size_t{64} << 10;

  void append(std::string_view bytes) {
    std::copy_n(bytes.data(), bytes.size(), buffer_.get() + size_);
    size_ += bytes.size();
    if (size_ - hashed_ >= kHashedAtOnce) hash_written();  // while it is in the nearest cache
  }
  void hash_written() {
    XXH3_64bits_update(hash_, buffer_.get() + hashed_, size_ - hashed_);
    hashed_ = size_;
  }
  void flush() {
    hash_written();
    if (status_) status_ = sink_->write({buffer_.get(), size_});
    before_ += size_;
    size_ = hashed_ = 0;
  }

  ByteSink* const sink_;
  const std::size_t piece_bytes_;
  XXH3_state_t* const hash_;
  const std::unique_ptr<char[]> buffer_;
  std::size_t size_ = 0, hashed_ = 0;
  std::uint64_t before_ = 0;
  Status status_;
};

}  // namespace cairn::mvcc
