#include "server/read_ahead.h"

#include <algorithm>
#include <utility>

#include "server/thread_name.h"

namespace cairn::server {
namespace {

// As much as fits, or up to the end.
Result<std::size_t> read_full(ByteSource& source, std::span<char> into) {
  std::size_t size = 0;
  while (size < into.size()) {
    const std::size_t more = TRY(source.read(into.subspan(size)));
    if (more == 0) break;
    size += more;
  }
  return size;
}

}  // namespace

ReadAhead::ReadAhead(std::unique_ptr<ByteSource> inner, const Limits& limits)
    : inner_(std::move(inner)), limits_(limits), pieces_(limits.pieces), thread_([this] { run(); }) {}

ReadAhead::~ReadAhead() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void ReadAhead::run() {
  name_this_thread("read-ahead");
  for (bool more = true; more;) {
    Piece& piece = pieces_[filled_ % limits_.pieces];  // only this thread moves filled_
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopped_ || filled_ - taken_ < limits_.pieces; });
      if (stopped_) return;
    }
    piece.bytes.resize(limits_.piece_bytes);
    piece.size = read_full(*inner_, piece.bytes);
    more = piece.size && *piece.size > 0;
    {
      const std::lock_guard lock(mutex_);
      ++filled_;
    }
    changed_.notify_all();
  }
}

Result<std::size_t> ReadAhead::read(std::span<char> into) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return filled_ > taken_; });
  }
  Piece& piece = pieces_[taken_ % limits_.pieces];
  // The end and an error stay: the thread has stopped there.
  if (!piece.size || *piece.size == 0) return piece.size;
  const std::size_t size = std::min(into.size(), *piece.size - at_);
  std::copy_n(piece.bytes.data() + at_, size, into.data());
  at_ += size;
  if (at_ < *piece.size) return size;
  at_ = 0;
  {
    const std::lock_guard lock(mutex_);
    ++taken_;
  }
  changed_.notify_all();
  return size;
}

}  // namespace cairn::server
