// Segments: the files of the log's folder. Begins a new one from a zero-filled spare, recycles old ones into
// spares, fills spares bit by bit so that the write path never waits for one. docs/format/wal.md, "Segments".
// Owner: Wal. Threading: none of its own.
// Invariants: every name is durable (directory fsync) before a byte of a frame is written behind it; old
// segments go oldest first, each durably, so that a crash never leaves a hole; a segment's number is never
// used twice. Errors: all of them leave the folder's state unknown, except a full disk while a spare is being
// filled, which only means that there is no spare.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/disk.h"
#include "wal/format.h"

namespace cairn::wal {

class Segments {
 public:
  // Lists the folder, which exists. Removes left-overs of an interrupted preparation.
  static Result<Segments> open(io::Disk& disk, std::string dir, const Options& options);

  const std::deque<SegmentName>& names() const { return names_; }  // oldest first; the last is the tail
  std::string path(const SegmentName& name) const { return dir_ + "/" + segment_file(name); }

  // Makes the next segment the tail; its name is durable when this returns.
  Status begin(raft::Index first);
  io::File& tail() { return *tail_; }
  Status open_tail();

  Result<io::File*> reader(std::uint64_t number);
  // The oldest segment, if its number is smaller, becomes a spare, or is removed when there are enough. True
  // when the next one's number is smaller, too.
  Result<bool> recycle_one_before(std::uint64_t number);
  // Zero-fills up to `bytes` of the next spare.
  Status prepare_spare(std::uint64_t bytes);

 private:
  Segments(io::Disk& disk, std::string dir, const Options& options)
      : disk_(&disk), dir_(std::move(dir)), options_(options) {}
  std::string spare_path(std::uint64_t number) const;
  Status fill(std::uint64_t bytes);
  Status fill_some(std::uint64_t bytes);
  Status finish_spare();

  io::Disk* disk_;
  std::string dir_;
  Options options_;
  std::deque<SegmentName> names_;
  std::unique_ptr<io::File> tail_;
  std::map<std::uint64_t, std::unique_ptr<io::File>> readers_;
  std::deque<std::uint64_t> spares_;
  std::uint64_t next_spare_ = 1;
  std::unique_ptr<io::File> filling_;  // the spare being prepared, under a temporary name
  std::uint64_t filled_bytes_ = 0;
};

}  // namespace cairn::wal
