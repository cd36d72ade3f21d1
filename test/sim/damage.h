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
  wiped,                   // a new machine under the old name: nothing is left to notice it by but the others
  log_gone,                // an operator "frees space"; the snapshot speaks of a log that is not there
  log_and_snapshots_gone,  // the same, more thoroughly: the hard state alone says that there was more
  snapshots_gone,          // the log begins where a snapshot should end
  last_segment_gone,       // a repair tool moves the file away: the watermark is ahead of what is left
  last_segment_halved,     // a file system check cuts it in the middle of a frame
  last_blocks_zeroed,      // the file system had the length on disk, and not the data
  bit_flipped,             // in any file: a checksum does not fit
  sector_zeroed,           // anywhere: a checksum or a chain does not fit
  hard_state_gone,         // who it voted for, and which life this is, is not known any more
  hard_state_zeroed,       // both copies of it
  hard_state_older,        // a copy of an earlier day: the log knows of a later term
  watermark_gone,          // how far the log was durable is not known: its end may be missing
  log_older,               // restored from a backup, the rest as it was: behind the watermark
  log_and_watermark_older,  // both from the same day: the hard state knows of a later write
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
// `spares_watermark`: no single block of it is hit. Behind an earlier damage its newest slot may be all that
// tells of the log's last frames, and without it they look torn, as docs/format/wal.md says. False: there was
// nothing to damage.
bool inflict(Damage damage, const std::string& dir, const OlderFiles& older, bool spares_watermark,
             SimDisk* disk, Prng* prng);

}  // namespace cairn::sim
