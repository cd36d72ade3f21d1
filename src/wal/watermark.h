// WatermarkFile: says outside the log how far that is known to be durable, so that damage to its end is told
// from a torn write: only what lies behind the watermark may be cut. Two slots, written in turn: a torn slot
// leaves the one before, which says less, never too much. docs/format/wal.md. Owner: Wal. Threading: none of
// its own.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "io/disk.h"
#include "raft/types.h"
#include "wal/format.h"

namespace cairn::wal {

struct Watermark {
  std::uint64_t seq = 0;      // of the last frame that is durable; 0: none was written yet
  std::uint64_t segment = 0;  // the last one begun
  std::uint64_t offset = 0;   // in it, behind that frame; 0 when the frame lies in the segment before
  raft::Index next;           // after the log's last entry
  Hash128 frame;              // hash of that frame's header
  std::uint64_t hard_state_generation = 0;
  bool operator==(const Watermark&) const = default;
};

// The newer of two of one log. A mark that says nothing has segment 0.
const Watermark& newer(const Watermark& a, const Watermark& b);

// Where its log ended, as the watermark and the hard state write it; not the hard state's generation.
constexpr std::size_t kPlaceBytes = 48;
void put_place(const Watermark& mark, std::byte* at);
Watermark get_place(const std::byte* at);
bool is_plausible_place(const Watermark& mark);

struct WatermarkSlot {
  std::uint64_t generation = 0;
  Watermark mark;
};
// Both slots as they are, nothing for a damaged one. Changes nothing. not_found when there is no file.
using WatermarkSlots = std::array<std::optional<WatermarkSlot>, 2>;
Result<WatermarkSlots> read_watermark(io::Disk& disk, const std::string& dir, std::uint64_t owner);
// The newer of the two.
std::optional<WatermarkSlot> newest(const WatermarkSlots& slots);

class WatermarkFile {
 public:
  // Replaces what is there; durable when it returns.
  static Result<WatermarkFile> create(io::Disk& disk, const std::string& dir, std::uint64_t owner,
                                      const Watermark& mark);
  // One slot is intact.
  static Result<WatermarkFile> open(io::Disk& disk, const std::string& dir, std::uint64_t owner);

  const Watermark& mark() const { return mark_; }
  std::uint64_t generation() const { return generation_; }
  Status write(const Watermark& mark);  // durable when it returns
  // What a process that is killed leaves behind: it goes to the slot of the next write(), and is durable with
  // that.
  Status jot(const Watermark& mark);

 private:
  WatermarkFile(std::unique_ptr<io::File> file, std::uint64_t owner)
      : file_(std::move(file)), owner_(owner) {}

  std::unique_ptr<io::File> file_;
  std::uint64_t owner_;
  std::uint64_t generation_ = 0;
  Watermark mark_;
};

}  // namespace cairn::wal
