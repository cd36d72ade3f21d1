// HardStateFile: term and vote of one member, in a file of two blocks A and B that carry a generation number.
// Written A, sync, B, sync, and only then reported: so a torn or damaged copy is always the one whose
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
  raft::HardState state;
};
// Copies A and B as they are, nothing for a damaged one. Changes nothing.
Result<std::array<std::optional<HardStateCopy>, 2>> read_hard_state(io::Disk& disk, const std::string& dir,
                                                                    std::uint64_t owner);

class HardStateFile {
 public:
  // The member's first start: generation 1, term 0, no vote; durable when it returns.
  static Result<HardStateFile> create(io::Disk& disk, const std::string& dir, std::uint64_t owner);
  // Repairs the worse copy from the better one.
  static Result<HardStateFile> open(io::Disk& disk, const std::string& dir, std::uint64_t owner);
  static Result<bool> exists(io::Disk& disk, const std::string& dir);

  const raft::HardState& state() const { return state_; }
  std::uint64_t generation() const { return generation_; }
  Status write(const raft::HardState& state);

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
