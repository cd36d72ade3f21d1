// HardStateFile: term, vote and life of one member, whom it has met, and how far its log was durable then, in
// a file of two blocks A and B that carry a generation number. Written A, sync, B, sync, and only then
// reported: so a torn or damaged copy is always the one whose neighbour tells what was last promised.
// docs/format/wal.md. Owner: Wal. Threading: none of its own. Errors: E_HARDSTATE_LOST when neither copy is
// intact: the member may have voted and must not guess.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "io/disk.h"
#include "raft/types.h"
#include "wal/watermark.h"

namespace cairn::wal {

// The log as it was when the hard state was written: an older log beside a newer hard state is told by it.
struct Beside {
  Watermark log;  // segment 0: not known, as before format 3
  std::uint64_t watermark_generation = 0;
  bool operator==(const Beside&) const = default;
};

struct HardStateCopy {
  std::uint64_t generation = 0;
  std::uint16_t format = 0;
  raft::HardState state;  // of format 1: no incarnation, no start, full
  Beside beside;
};
// More does not fit the block.
constexpr std::size_t kMetMax = 128;    // HardState::met
constexpr std::size_t kStartsMax = 64;  // HardState::starts; the latest are kept
// Copies A and B as they are, nothing for a damaged one. Changes nothing. not_found when there is no file.
using HardStateCopies = std::array<std::optional<HardStateCopy>, 2>;
Result<HardStateCopies> read_hard_state(io::Disk& disk, const std::string& dir, std::uint64_t owner);
// The one that counts; nothing when both are damaged.
std::optional<HardStateCopy> newest(const HardStateCopies& copies);

class HardStateFile {
 public:
  // Replaces what is there; durable when it returns.
  static Result<HardStateFile> create(io::Disk& disk, const std::string& dir, std::uint64_t owner,
                                      const raft::HardState& state, std::uint64_t generation = 1);
  // Repairs the worse copy from the better one.
  static Result<HardStateFile> open(io::Disk& disk, const std::string& dir, std::uint64_t owner);

  const raft::HardState& state() const { return state_; }
  const Beside& beside() const { return beside_; }
  std::uint64_t generation() const { return generation_; }
  // `beside`: what is durable. The generation grows by one, or to `generation_min` if that is more.
  Status write(const raft::HardState& state, const Beside& beside, std::uint64_t generation_min = 0);

 private:
  HardStateFile(std::unique_ptr<io::File> file, std::uint64_t owner)
      : file_(std::move(file)), owner_(owner) {}
  Status write_copy(std::uint64_t copy);
  Status write_copies();

  std::unique_ptr<io::File> file_;
  std::uint64_t owner_;
  std::uint64_t generation_ = 1;
  raft::HardState state_;
  Beside beside_;
};

}  // namespace cairn::wal
