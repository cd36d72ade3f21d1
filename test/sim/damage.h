// Damage: what hands, heads and rot do to a member's data directory while no process runs on it. Each kind is
// something that memory is lost by, and that the member must notice by itself. Threading: none.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/prng.h"
#include "sim_disk/sim_disk.h"

namespace cairn::sim {

enum class Damage : std::uint8_t {
  wiped,
  log_gone,
  log_and_snapshots_gone,
  snapshots_gone,
  last_segment_gone,
  last_segment_halved,
  last_blocks_zeroed,
  bit_flipped,
  sector_zeroed,
  hard_state_gone,
  hard_state_zeroed,
  hard_state_older,
  watermark_gone,
  log_older,
  log_and_watermark_older,
  all_but_hard_state_older,
  rolled_back,  // not among those that are drawn: nobody could notice, unless others have met the later start
};
constexpr std::uint64_t kDamages = 16;

const char* name_of(Damage damage);
// Whether it may hit nothing but the log's very last frames. Of those the member knows that they were durable
// only once its watermark says so: docs/format/wal.md.
bool may_look_torn(Damage damage);
// The files of a directory as they once were, by path.
using OlderFiles = std::map<std::string, std::string>;
OlderFiles files_in(const SimDisk& disk, const std::string& dir);
// False: there was nothing to damage.
bool inflict(Damage damage, const std::string& dir, const OlderFiles& older, SimDisk* disk, Prng* prng);

}  // namespace cairn::sim
