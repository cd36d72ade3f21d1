// Reader: an archive of changes from its head to its end. What it hands out is whole, and in order: revisions
// without a gap, times that never go back. What was cut off in the writing, or is what a power cut has left
// of the tail, is no damage, and ends it; whatever else is wrong is data_loss that names file and byte.
// Owner: who reads. Threading: blocking, one. Bound: one frame, and a piece of the file.
#pragma once

#include <memory>
#include <string>

#include "archive/format.h"
#include "io/disk.h"

namespace cairn::archive {

class Reader {
 public:
  static Result<std::unique_ptr<Reader>> open(io::Disk& disk, const std::string& path,
                                              const Limits& limits = {});
  const Head& head() const { return head_; }
  // The next one, valid until the next call; nullptr: there are no more.
  Result<const Frame*> next();

  // Of what was handed out; before the first one: of the head.
  std::int64_t revision() const { return revision_; }
  std::int64_t seen_ms() const { return seen_ms_; }
  std::uint64_t good_bytes() const { return at_; }  // of head and frames
  bool torn() const { return torn_; }               // at the end: something unfinished lies behind them

 private:
  Reader(std::string path, std::unique_ptr<io::File> file, const Limits& limits)
      : path_(std::move(path)), file_(std::move(file)), limits_(limits) {}
  Status read_head();
  tl::unexpected<Error> damaged(const std::string& what) const;
  Result<std::string_view> bytes(std::uint64_t offset, std::size_t count);
  Result<bool> was_durable();
  Result<const Frame*> wrong(const std::string& what);
  Status take(const Frame& frame);

  const std::string path_;
  const std::unique_ptr<io::File> file_;
  const Limits limits_;
  std::uint64_t size_ = 0, at_ = 0;
  std::string piece_;  // of the file, from piece_at_ on
  std::uint64_t piece_at_ = 0;
  Head head_;
  Frame frame_;
  std::int64_t revision_ = 0, seen_ms_ = 0;
  bool torn_ = false;
};

}  // namespace cairn::archive
