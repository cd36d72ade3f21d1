#include "wal/hard_state.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "raft/met.h"
#include "wal/block.h"
#include "wal/format.h"

namespace cairn::wal {
namespace {

constexpr BlockKind kKind{.magic = 0x53484743, .format = 4};  // "CGHS"
constexpr std::size_t kGenerationAt = kBlockFieldsAt, kTermAt = 24, kVoteAt = 32, kVoteIncarnationAt = 40,
                      kIncarnationAt = 48, kStartAt = 56, kFullAt = 64, kRecordedAt = 72, kLogAt = 80,
                      kWatermarkAt = kLogAt + kPlaceBytes, kStartsCountAt = kWatermarkAt + 8,
                      kStartsAt = kStartsCountAt + 8, kMetCountAt = kStartsAt + 8 * kStartsMax,
                      kMetAt = kMetCountAt + 8, kMetBytes = 24, kFoundedAt = kMetAt + kMetMax * kMetBytes;
static_assert(raft::MetLimits{}.total_max <= kMetMax);
static_assert(kFoundedAt + 8 <= kBlockBytes - 8);

std::string path_in(const std::string& dir) { return dir + "/hardstate"; }

// Nothing where the count or the log's end is one that no honest writer came to.
std::optional<HardStateCopy> decode(const OpenedBlock& block) {
  const std::byte* at = block.bytes.data();
  HardStateCopy out;
  out.format = block.format;
  out.generation = get_u64(at + kGenerationAt);
  out.state.term = raft::Term{get_u64(at + kTermAt)};
  out.state.vote = raft::NodeId{get_u64(at + kVoteAt)};
  if (block.format == 1) return out;
  out.state.vote_incarnation = raft::Incarnation{get_u64(at + kVoteIncarnationAt)};
  out.state.life.incarnation = raft::Incarnation{get_u64(at + kIncarnationAt)};
  out.state.life.start = get_u64(at + kStartAt);
  out.state.life.full = get_u64(at + kFullAt) != 0;
  out.state.life.recorded = static_cast<std::uint32_t>(get_u64(at + kRecordedAt));
  out.state.has_forgotten = get_u64(at + kRecordedAt) >> 32 != 0;
  if (block.format == 2) return out;
  out.beside = {get_place(at + kLogAt), get_u64(at + kWatermarkAt)};
  const std::uint64_t count = get_u64(at + kMetCountAt);
  const std::uint64_t starts = get_u64(at + kStartsCountAt);
  const bool is_plausible = count <= kMetMax && starts <= kStartsMax && is_plausible_place(out.beside.log) &&
                            out.beside.watermark_generation < kIndexMax;
  if (!is_plausible) return std::nullopt;
  if (block.format > 3) out.state.life.founded = get_u64(at + kFoundedAt);
  for (std::uint64_t i = 0; i < starts; ++i) out.state.starts.push_back(get_u64(at + kStartsAt + 8 * i));
  for (const std::byte* each = at + kMetAt; each != at + kMetAt + count * kMetBytes; each += kMetBytes)
    out.state.met.push_back(
        {raft::NodeId{get_u64(each)}, raft::Incarnation{get_u64(each + 8)}, get_u64(each + 16)});
  return out;
}

void put_starts(const std::vector<std::uint64_t>& starts, std::byte* at) {
  CHECK(starts.size() <= kStartsMax);
  put_u64(at + kStartsCountAt, starts.size());
  at += kStartsAt;
  for (const std::uint64_t start : starts) {
    put_u64(at, start);
    at += 8;
  }
}

void put_met(const std::vector<raft::Met>& met, std::byte* at) {
  CHECK(met.size() <= kMetMax);
  put_u64(at + kMetCountAt, met.size());
  at += kMetAt;
  for (const raft::Met& each : met) {
    put_u64(at, each.id.v);
    put_u64(at + 8, each.incarnation.v);
    put_u64(at + 16, each.start);
    at += kMetBytes;
  }
}

}  // namespace

Result<HardStateCopies> read_hard_state(io::Disk& disk, const std::string& dir, std::uint64_t owner) {
  const auto file = TRY(disk.open(path_in(dir), io::OpenMode::read));
  HardStateCopies out;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto block = TRY(read_block(*file, path_in(dir), i, kKind, owner));
    if (block) out[i] = decode(*block);
  }
  return out;
}

std::optional<HardStateCopy> newest(const HardStateCopies& copies) {
  const auto& [a, b] = copies;
  return !b || (a && a->generation >= b->generation) ? a : b;
}

Result<HardStateFile> HardStateFile::create(io::Disk& disk, const std::string& dir, std::uint64_t owner,
                                            const raft::HardState& state, std::uint64_t generation) {
  // Under a temporary name first: once `hardstate` exists, both its copies are intact.
  const std::string temporary = path_in(dir) + ".tmp";
  if (TRY(disk.exists(temporary))) TRY(disk.remove(temporary));
  HardStateFile out(TRY(disk.open(temporary, io::OpenMode::create)), owner);
  out.generation_ = generation;
  out.state_ = state;
  TRY(out.write_copies());
  TRY(disk.rename(temporary, path_in(dir)));
  TRY(disk.sync_dir(dir));
  return out;
}

Result<HardStateFile> HardStateFile::open(io::Disk& disk, const std::string& dir, std::uint64_t owner) {
  const std::string path = path_in(dir);
  const std::optional<HardStateCopy> copy = newest(TRY(read_hard_state(disk, dir, owner)));
  if (!copy) return fail(Code::data_loss, "E_HARDSTATE_LOST: both copies in " + path + " are damaged");
  HardStateFile out(TRY(disk.open(path, io::OpenMode::write)), owner);
  out.generation_ = copy->generation;
  out.state_ = copy->state;
  out.beside_ = copy->beside;
  // The copies may also differ from the platter (a process that died between write and sync): write both
  // again.
  TRY(out.write_copies());
  return out;
}

Status HardStateFile::write(const raft::HardState& state, const Beside& beside,
                            std::uint64_t generation_min) {
  state_ = state;
  beside_ = beside;
  generation_ = std::max(generation_ + 1, generation_min);
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
  std::byte* at = block.data();
  put_u64(at + kGenerationAt, generation_);
  put_u64(at + kTermAt, state_.term.v);
  put_u64(at + kVoteAt, state_.vote.v);
  put_u64(at + kVoteIncarnationAt, state_.vote_incarnation.v);
  put_u64(at + kIncarnationAt, state_.life.incarnation.v);
  put_u64(at + kStartAt, state_.life.start);
  put_u64(at + kFullAt, state_.life.full ? 1 : 0);
  put_u64(at + kRecordedAt, state_.life.recorded | std::uint64_t{state_.has_forgotten} << 32);
  put_place(beside_.log, at + kLogAt);
  put_u64(at + kWatermarkAt, beside_.watermark_generation);
  put_starts(state_.starts, at);
  put_met(state_.met, at);
  put_u64(at + kFoundedAt, state_.life.founded);
  seal_block(kKind, owner_, &block);
  return file_->write_at(copy * kBlockBytes, block);
}

}  // namespace cairn::wal
