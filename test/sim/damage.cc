#include "sim/damage.h"

#include <algorithm>
#include <string>
#include <vector>

namespace cairn::sim {
namespace {

constexpr std::uint64_t kBlock = 4096, kSector = 512;

// Those with content, oldest first, as their names say.
std::vector<std::string> files_of(const SimDisk& disk, const std::string& prefix, std::string_view suffix) {
  std::vector<std::string> found;
  for (const std::string& file : disk.files()) {
    const bool is_empty = disk.contents(file).empty();
    if (file.starts_with(prefix) && file.ends_with(suffix) && !is_empty) found.push_back(file);
  }
  return found;
}

void zero(const std::string& file, std::uint64_t from, std::uint64_t to, SimDisk* disk) {
  const std::uint64_t end = std::min<std::uint64_t>(to, disk->contents(file).size());
  if (from < end) disk->overwrite(file, from, std::string(end - from, '\0'));
}

// Up to eight blocks before the last byte that is not zero.
void zero_last_blocks(const std::string& file, SimDisk* disk, Prng* prng) {
  const std::size_t last = disk->contents(file).find_last_not_of('\0');
  if (last == std::string::npos) return;
  const std::uint64_t end = last / kBlock * kBlock + kBlock;
  const std::uint64_t size = std::min(end, prng->between(1, 8) * kBlock);
  zero(file, end - size, end, disk);
}

bool damage_last_segment(Damage damage, const std::string& dir, SimDisk* disk, Prng* prng) {
  const std::vector<std::string> segments = files_of(*disk, dir + "/wal/", ".seg");
  if (segments.empty()) return false;
  const std::string& last = segments.back();
  if (damage == Damage::last_segment_gone) disk->remove_tree(last);
  if (damage == Damage::last_segment_halved) disk->cut_file(last, disk->contents(last).size() / 2);
  if (damage == Damage::last_blocks_zeroed) zero_last_blocks(last, disk, prng);
  return true;
}

// Any byte of any file but of what is kept aside, which nobody reads.
bool damage_somewhere(Damage damage, const std::string& dir, bool spares_watermark, SimDisk* disk,
                      Prng* prng) {
  std::vector<std::string> files = files_of(*disk, dir + "/", "");
  std::erase_if(files, [](const std::string& file) {
    return file.find("/quarantine/") != std::string::npos || file.ends_with("/LOCK") ||
           file.ends_with("/IDENTITY");
  });
  if (files.empty()) return false;
  const std::string& file = files[prng->below(files.size())];
  if (spares_watermark && file.ends_with("/watermark")) return false;
  const std::string content = disk->contents(file);
  // Mostly where something stands.
  const std::size_t last = content.find_last_not_of('\0');
  const bool anywhere = last == std::string::npos || prng->chance(1, 4);
  const std::uint64_t at = prng->below(anywhere ? content.size() : last + 1);
  if (damage == Damage::bit_flipped) disk->flip_bit(file, 8 * at + prng->below(8));
  if (damage == Damage::sector_zeroed)
    zero(file, at / kSector * kSector, at / kSector * kSector + kSector, disk);
  return true;
}

// A part of the directory becomes what it once was.
bool put_back(const std::vector<std::string>& prefixes, const std::string& dir, const OlderFiles& older,
              SimDisk* disk) {
  if (older.empty()) return false;
  const auto is_meant = [&prefixes](const std::string& file) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&file](const std::string& prefix) { return file.starts_with(prefix); });
  };
  for (const auto& [file, now] : files_in(*disk, dir)) {
    if (is_meant(file)) disk->remove_tree(file);
  }
  for (const auto& [file, content] : older) {
    if (is_meant(file)) disk->put(file, content);
  }
  return true;
}

}  // namespace

const char* name_of(Damage damage) {
  static constexpr const char* kNames[] = {"wiped",
                                           "log gone",
                                           "log and snapshots gone",
                                           "snapshots gone",
                                           "last segment gone",
                                           "segment halved",
                                           "last blocks zeroed",
                                           "bit flipped",
                                           "sector zeroed",
                                           "hard state gone",
                                           "hard state zeroed",
                                           "hard state older",
                                           "watermark gone",
                                           "log older",
                                           "log and watermark older",
                                           "all but the hard state older",
                                           "rolled back"};
  return kNames[static_cast<std::size_t>(damage)];
}

bool may_look_torn(Damage damage) {
  switch (damage) {
    case Damage::wiped:
    case Damage::log_gone:
    case Damage::log_and_snapshots_gone:
    case Damage::snapshots_gone:
    case Damage::hard_state_gone:
    case Damage::hard_state_zeroed:
    case Damage::watermark_gone:
      return false;
    default:
      return true;
  }
}

OlderFiles files_in(const SimDisk& disk, const std::string& dir) {
  OlderFiles files;
  for (const std::string& file : files_of(disk, dir + "/", "")) files[file] = disk.contents(file);
  return files;
}

bool inflict(Damage damage, const std::string& dir, const OlderFiles& older, bool spares_watermark,
             SimDisk* disk, Prng* prng) {
  const std::string hard_state = dir + "/hardstate", watermark = dir + "/watermark";
  switch (damage) {
    case Damage::wiped:
      disk->remove_tree(dir);
      return true;
    case Damage::log_gone:
      disk->remove_tree(dir + "/wal");
      return true;
    case Damage::log_and_snapshots_gone:
      disk->remove_tree(dir + "/snap");
      disk->remove_tree(dir + "/wal");
      return true;
    case Damage::snapshots_gone:
      disk->remove_tree(dir + "/snap");
      return true;
    case Damage::last_segment_gone:
    case Damage::last_segment_halved:
    case Damage::last_blocks_zeroed:
      return damage_last_segment(damage, dir, disk, prng);
    case Damage::hard_state_gone:
      disk->remove_tree(hard_state);
      return true;
    case Damage::hard_state_zeroed:
      if (disk->contents(hard_state).empty()) return false;
      zero(hard_state, 0, disk->contents(hard_state).size(), disk);
      return true;
    case Damage::hard_state_older:
      return put_back({hard_state}, dir, older, disk);
    case Damage::watermark_gone:
      disk->remove_tree(watermark);
      return true;
    case Damage::log_older:
      return put_back({dir + "/wal/"}, dir, older, disk);
    case Damage::log_and_watermark_older:
      return put_back({dir + "/wal/", watermark}, dir, older, disk);
    case Damage::all_but_hard_state_older:
      return put_back({dir + "/wal/", watermark, dir + "/snap/"}, dir, older, disk);
    case Damage::rolled_back:
      return put_back({dir + "/"}, dir, older, disk);
    case Damage::bit_flipped:
    case Damage::sector_zeroed:
      return damage_somewhere(damage, dir, spares_watermark, disk, prng);
  }
  return false;
}

}  // namespace cairn::sim
