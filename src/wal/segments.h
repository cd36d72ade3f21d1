// Segments: the files of the log's folder. Begins a new one from a zero-filled spare, recycles old ones into
// spares, fills spares bit by bit so that the write path never waits for one. docs/format/wal.md, "Segments".
// Owner: Wal. Threading: none of its own.
// Invariants: every name is durable (directory fsync) before a byte of a frame is written behind it; old
// segments go oldest first, each durably, so that a crash never leaves a hole; a segment's number is never
// used twice; a spare that is ready becomes the tail without taking room or a file descriptor. Errors: all of
// them leave the folder's state unknown, except shortages (io::is_shortage): then nothing has changed.
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

  // Makes the next segment the tail, one that holds a frame of that size; its name is durable when this
  // returns.
  Status begin(raft::Index first, std::uint64_t frame_bytes = 0);
  // Sees to it that so many begin() will find a spare, one for each of these sizes.
  Status reserve(const std::vector<std::uint64_t>& frame_bytes);
  // The tail grows so far: for a large frame, or because somebody had cut it.
  Status extend_tail(std::uint64_t size_bytes);
  std::uint64_t tail_bytes() const { return tail_bytes_; }
  io::File& tail() { return *tail_; }
  Status open_tail();

  Result<io::File*> reader(std::uint64_t number);
  // The oldest segment, if its number is smaller, becomes a spare, or is removed when there are enough. True
  // when the next one's number is smaller, too.
  Result<bool> recycle_one_before(std::uint64_t number);
  // Zero-fills up to `bytes` of the next spare; after a shortage, a larger piece at each call, once there is
  // room. True when it goes on: then there is more to do at once.
  Result<bool> prepare_spare(std::uint64_t bytes);

  enum class Shortage : std::uint8_t { none, passing, full };
  Shortage shortage() const { return shortage_; }  // why the next spare could not be prepared
  std::size_t spare_count() const;                 // of the usual size
  std::uint64_t disk_room_bytes() const;           // for further ones; 0 when not known

 private:
  struct Spare {
    std::uint64_t number = 0;
    std::uint64_t bytes = 0;
    std::unique_ptr<io::File> file;  // held open: at a rotation there may be no descriptor left
  };
  Segments(io::Disk& disk, std::string dir, const Options& options, std::unique_ptr<io::Directory> names_of)
      : disk_(&disk), dir_(std::move(dir)), options_(options), directory_(std::move(names_of)) {}
  std::string spare_path(std::uint64_t number) const;
  Status load_spare(std::uint64_t number);
  std::size_t spare_for(std::uint64_t frame_bytes, std::size_t from) const;
  Status fill(std::uint64_t bytes, std::uint64_t size_bytes);
  std::span<const std::byte> zeros(std::uint64_t bytes);
  Status fill_some(std::uint64_t bytes);
  Status finish_spare();
  Status give_up_filling(const Error& why);
  Status sync_names();

  io::Disk* disk_;
  std::string dir_;
  Options options_;
  std::unique_ptr<io::Directory> directory_;
  std::deque<SegmentName> names_;
  std::unique_ptr<io::File> tail_;
  std::uint64_t tail_bytes_ = 0;
  std::map<std::uint64_t, std::unique_ptr<io::File>> readers_;
  std::deque<Spare> spares_;
  std::uint64_t next_spare_ = 1;
  Shortage shortage_ = Shortage::none;
  std::unique_ptr<io::File> filling_;  // the spare being prepared, under a temporary name
  std::uint64_t filled_bytes_ = 0;
  std::vector<std::byte> zeros_;  // as many as were needed so far
};

}  // namespace cairn::wal
