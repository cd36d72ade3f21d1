// What the sweep does to a disk, one thing at a time, and what lay where it was done. Pure functions of an
// image.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "flip_sweep/small_cluster.h"
#include "raft/types.h"

namespace cairn::sweep {

// What is changed matters or not, whatever a member makes of it: told from the formats, not from a member.
enum class Use : std::uint8_t {
  record,     // a checksum covers it, and a start needs it
  older,      // a record of the snapshot before the newest: needed when that one is damaged
  covered,    // a frame of entries that the newest snapshot covers: a record that nobody needs any more
  no_record,  // padding, or a file that holds nothing yet
};
const char* name_of(Use use);

enum class Harm : std::uint8_t { flip_bit, zero_block, stale_block, lose_file, halve_file };
const char* name_of(Harm harm);

struct Damage {
  Harm harm = Harm::flip_bit;
  std::string path;
  std::uint64_t offset = 0;
  bool header = false;  // flip_bit: in a header, byte by byte; else one for the block
  Use use = Use::record;

  std::string describe() const;
};

// Everything that can be done to this disk, whose newest snapshot ends at `snapshot`.
std::vector<Damage> all_damages(const Image& image, raft::Index snapshot);

void apply(const Damage& damage, Image* image);

}  // namespace cairn::sweep
