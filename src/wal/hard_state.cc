#include "wal/hard_state.h"

#include <array>
#include <optional>
#include <utility>

#include "wal/format.h"

namespace cairn::wal {
namespace {

constexpr std::uint32_t kMagic = 0x53484743;  // "CGHS"
constexpr std::size_t kMagicAt = 0, kVersionAt = 4, kOwnerAt = 8, kGenerationAt = 16, kTermAt = 24,
                      kVoteAt = 32, kChecksumAt = kBlockBytes - 8;

using Block = std::array<std::byte, kBlockBytes>;

std::string path_in(const std::string& dir) { return dir + "/hardstate"; }

Result<std::optional<HardStateCopy>> read_copy(io::File& file, const std::string& path, std::uint64_t copy,
                                               std::uint64_t owner) {
  Block block{};
  const std::size_t size = TRY(file.read_at(copy * kBlockBytes, block));
  if (size != kBlockBytes || get_u32(block.data() + kMagicAt) != kMagic)
    return std::optional<HardStateCopy>();
  if (get_u64(block.data() + kChecksumAt) != hash64(std::span(block).first(kChecksumAt))) {
    return std::optional<HardStateCopy>();
  }
  const std::uint16_t version = get_u16(block.data() + kVersionAt);
  if (version > kFormatVersion) {
    return fail(Code::failed_precondition, "E_FORMAT_NEWER: " + path + " has format " +
                                               std::to_string(version) + ", this program knows up to " +
                                               std::to_string(kFormatVersion) +
                                               "; start a newer version of cairn");
  }
  if (get_u64(block.data() + kOwnerAt) != owner) {
    return fail(Code::failed_precondition,
                "E_IDENTITY: " + path + " was written by another member or cluster; is this the right disk?");
  }
  HardStateCopy out;
  out.generation = get_u64(block.data() + kGenerationAt);
  out.state.term = raft::Term{get_u64(block.data() + kTermAt)};
  out.state.vote = raft::NodeId{get_u64(block.data() + kVoteAt)};
  return std::optional<HardStateCopy>(out);
}

}  // namespace

Result<bool> HardStateFile::exists(io::Disk& disk, const std::string& dir) {
  return disk.exists(path_in(dir));
}

Result<std::array<std::optional<HardStateCopy>, 2>> read_hard_state(io::Disk& disk, const std::string& dir,
                                                                    std::uint64_t owner) {
  const auto file = TRY(disk.open(path_in(dir), io::OpenMode::read));
  std::array<std::optional<HardStateCopy>, 2> out;
  for (std::size_t copy = 0; copy < out.size(); ++copy) {
    out[copy] = TRY(read_copy(*file, path_in(dir), copy, owner));
  }
  return out;
}

Result<HardStateFile> HardStateFile::create(io::Disk& disk, const std::string& dir, std::uint64_t owner) {
  // Under a temporary name first: once `hardstate` exists, both its copies are intact.
  const std::string temporary = path_in(dir) + ".tmp";
  if (TRY(disk.exists(temporary))) TRY(disk.remove(temporary));
  HardStateFile out(TRY(disk.open(temporary, io::OpenMode::create)), owner);
  TRY(out.write_copies());
  TRY(disk.rename(temporary, path_in(dir)));
  TRY(disk.sync_dir(dir));
  return out;
}

Result<HardStateFile> HardStateFile::open(io::Disk& disk, const std::string& dir, std::uint64_t owner) {
  const std::string path = path_in(dir);
  HardStateFile out(TRY(disk.open(path, io::OpenMode::write)), owner);
  const auto [a, b] = TRY(read_hard_state(disk, dir, owner));
  if (!a && !b) {
    return fail(Code::data_loss,
                "E_HARDSTATE_LOST: both copies in " + path +
                    " are damaged; this member may have voted and cannot know: remove it from the "
                    "cluster and add it again as a new member with an empty directory");
  }
  const HardStateCopy& newer = !b || (a && a->generation >= b->generation) ? *a : *b;
  out.generation_ = newer.generation;
  out.state_ = newer.state;
  // The copies may also differ from the platter (a process that died between write and sync): write both
  // again.
  TRY(out.write_copies());
  return out;
}

Status HardStateFile::write(const raft::HardState& state) {
  state_ = state;
  ++generation_;
  return write_copies();
}

Status HardStateFile::write_copies() {
  TRY(write_copy(0));
  TRY(file_->sync());
  TRY(write_copy(1));
  return file_->sync();
}

Status HardStateFile::write_copy(std::uint64_t copy) {
  Block block{};
  put_u32(block.data() + kMagicAt, kMagic);
  put_u16(block.data() + kVersionAt, kFormatVersion);
  put_u64(block.data() + kOwnerAt, owner_);
  put_u64(block.data() + kGenerationAt, generation_);
  put_u64(block.data() + kTermAt, state_.term.v);
  put_u64(block.data() + kVoteAt, state_.vote.v);
  put_u64(block.data() + kChecksumAt, hash64(std::span(block).first(kChecksumAt)));
  return file_->write_at(copy * kBlockBytes, block);
}

}  // namespace cairn::wal
