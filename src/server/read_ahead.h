// ReadAhead: a ByteSource read on a thread of its own, so that fetching, checking and decompressing a
// snapshot go on while the state is built from what came before. Owner and reader: one thread. The inner
// source belongs to the reading thread until the ReadAhead is gone. Bound: Limits. An
// error of the inner source is returned where it happened, and ends it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/stream.h"

namespace cairn::server {

class ReadAhead final : public ByteSource {
 public:
  struct Limits {  // at least one each
    std::size_t pieces = 4;
    std::size_t piece_bytes = std::size_t{1} << 20;
  };

  explicit ReadAhead(std::unique_ptr<ByteSource> inner) : ReadAhead(std::move(inner), Limits()) {}
  ReadAhead(std::unique_ptr<ByteSource> inner, const Limits& limits);
  ~ReadAhead() override;

  Result<std::size_t> read(std::span<char> into) override;

 private:
  struct Piece {
    std::vector<char> bytes;  // Limits::piece_bytes
    Result<std::size_t> size = 0;
  };
  void run();

  const std::unique_ptr<ByteSource> inner_;
  const Limits limits_;
  std::vector<Piece> pieces_;  // a ring: what is read() lies in [taken_, filled_), the rest is the thread's
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t filled_ = 0;  // pieces, ever
  std::size_t taken_ = 0;
  bool stopped_ = false;
  std::size_t at_ = 0;  // in the piece being read
  std::thread thread_;
};

}  // namespace cairn::server
