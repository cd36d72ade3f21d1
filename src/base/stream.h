// ByteSink and ByteSource: a state written or read as one stream of bytes, piece by piece, so that saving or
// loading a snapshot needs memory for a piece and not for the whole.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"

namespace cairn {

struct ByteSink {
  virtual ~ByteSink() = default;
  virtual Status write(std::string_view bytes) = 0;
};

struct ByteSource {
  virtual ~ByteSource() = default;
  // Fills up to into.size() bytes and says how many; 0 means the end.
  virtual Result<std::size_t> read(std::span<char> into) = 0;
};

}  // namespace cairn
