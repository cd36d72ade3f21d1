// Recovery, the reading: reads every segment and finds which frames are the log. Tells what may be a torn
// tail from damage in the middle: a frame says up to which number all frames were durable when it was
// written, so a later intact frame convicts an earlier broken one. docs/format/wal.md, "Recovery". Pure but
// for reading; verdict.h judges the result.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/disk.h"
#include "raft/types.h"
#include "wal/format.h"
#include "wal/watermark.h"

namespace cairn::wal {

struct FrameRef {  // where entries [first, first + count) lie
  raft::Index first;
  std::uint64_t count = 0;
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
  FrameHeader header;
};

// Walks the frames of one segment that are intact by themselves: header, place and payload fit. Others are
// skipped block by block.
class SegmentScanner {
 public:
  SegmentScanner(io::File& file, std::string path, std::uint64_t owner, std::uint64_t number,
                 std::uint64_t window_bytes)
      : file_(file), path_(std::move(path)), owner_(owner), number_(number), window_bytes_(window_bytes) {}
  struct Frame {
    FrameHeader header;
    std::span<const std::byte> payload;  // valid until the next call
  };
  // Nothing at the end of the file. After a frame the scan goes on behind it, or one block on after
  // retreat().
  Result<std::optional<Frame>> next();
  void retreat() { at_ = frame_at_ + kBlockBytes; }
  // End of the last block run that looks like an unfinished frame of this segment at or after `from`; `from`
  // if none. Of a file that was cut within a block, that piece counts too: filled up with zeros, as the tail
  // is before it is written, it might read as a frame.
  Result<std::uint64_t> torn_end(std::uint64_t from);

 private:
  Result<std::span<const std::byte>> view(std::uint64_t offset, std::uint64_t bytes);
  Result<std::array<std::byte, kFrameHeaderBytes>> padded_header(std::uint64_t offset);
  Result<std::optional<FrameHeader>> header_in(std::span<const std::byte> bytes, std::uint64_t offset) const;
  bool names_this_segment(std::span<const std::byte> block) const;

  io::File& file_;
  const std::string path_;
  const std::uint64_t owner_;
  const std::uint64_t number_;
  const std::uint64_t window_bytes_;
  std::uint64_t size_ = 0;
  std::uint64_t at_ = 0;
  std::uint64_t frame_at_ = 0;
  std::vector<std::byte> window_;
  std::uint64_t window_at_ = 0;
};

struct LogImage {
  std::deque<FrameRef> frames;
  std::vector<raft::Entry> entries;
  raft::Index first{1};   // of the entries
  raft::Index next{1};    // after the last
  std::uint64_t seq = 0;  // of the last frame taken
  Hash128 chain;
  std::uint64_t last_segment = 0;  // of the last frame taken; 0: none
  std::uint64_t end_offset = 0;    // behind it
  std::uint64_t batch_offset = 0;  // of the frames at its end that no later frame proves to be durable
  std::uint64_t hard_state_generation = 0;  // the newest that a frame knows of
  std::string damage;                       // what was found broken before the tail; empty: nothing
  struct Piece {  // a contiguous part of the log that damage has cut off from the rest
    raft::Index first, next;
    std::uint64_t seq = 0;  // of its last frame
  };
  std::vector<Piece> pieces;     // before each damage, oldest first
  bool nonsense = false;         // a frame's checksums fit and its content does not
  std::uint64_t other_than = 0;  // the last frame that is another one than a mark names
};

// Sees every frame that is intact by itself, and whether it is part of the log.
using FrameObserver = std::function<void(const SegmentName&, const SegmentScanner::Frame&, bool taken)>;

struct LogSource {
  const std::deque<SegmentName>& names;  // oldest first
  std::function<Result<io::File*>(const SegmentName&)> open;
  std::function<std::string(const SegmentName&)> path;
  std::uint64_t owner = 0;
  std::uint64_t window_bytes = 0;                                      // Options::read_window_bytes
  std::uint64_t last_seq = std::numeric_limits<std::uint64_t>::max();  // frames behind it are not taken
  std::vector<Watermark> marks;  // what says how far the log was durable
};

// Reads all segments. Entries covered by damage are missing from the image; whether the snapshot makes up for
// them is for the caller to check: image.first <= snapshot.index + 1.
Result<LogImage> read_log(const LogSource& source, const FrameObserver& observe = nullptr);

}  // namespace cairn::wal
