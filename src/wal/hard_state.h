// HardStateFile: term, vote and life of one member, in a file of two blocks A and B that carry a generation
// number. Written A, sync, B, sync, and only then reported: so a torn or damaged copy is always the one whose
// neighbour tells what was last promised. docs/format/wal.md. Owner: Wal. Threading: none of its own. Errors:
// E_HARDSTATE_LOST when neither copy is intact: the member may have voted and must not guess.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "io/disk.h"
#include "raft/types.h"

namespace cairn::wal {

struct HardStateCopy {
  std::uint64_t generation = 0;
  std::uint16_t format = 0;
  raft::HardState state;  // of format 1: no incarnation, no start, full
};
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
  std::uint64_t generation() const { return generation_; }
  // The generation grows by one, or to `generation_min` if that is more.
  Status write(const raft::HardState& state, std::uint64_t generation_min = 0);

 private:
  HardStateFile(std::unique_ptr<io::File> file, std::uint64_t owner)
      : file_(std::move(file)), owner_(owner) {}
  Status write_copy(std::uint64_t copy);
  Status write_copies();

  std::unique_ptr<io::File> file_;
  std::uint64_t owner_;
  std::uint64_t generation_ = 1;
  raft::HardState state_;
};

}  // namespace cairn::wal
