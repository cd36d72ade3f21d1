#include "wal/watermark.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "wal/block.h"

namespace cairn::wal {
namespace {

constexpr BlockKind kKind{.magic = 0x4d574743, .format = 1};  // "CGWM"
constexpr std::size_t kGenerationAt = kBlockFieldsAt, kPlaceAt = 24, kHardStateAt = kPlaceAt + kPlaceBytes;
constexpr std::size_t kSegmentAt = 8, kOffsetAt = 16, kNextAt = 24, kFrameAt = 32;  // in the place

std::string path_in(const std::string& dir) { return dir + "/watermark"; }

Block encode(const WatermarkSlot& slot, std::uint64_t owner) {
  Block block{};
  std::byte* at = block.data();
  put_u64(at + kGenerationAt, slot.generation);
  put_place(slot.mark, at + kPlaceAt);
  put_u64(at + kHardStateAt, slot.mark.hard_state_generation);
  seal_block(kKind, owner, &block);
  return block;
}

bool is_plausible(const WatermarkSlot& slot) {
  return std::max(slot.generation, slot.mark.hard_state_generation) < kIndexMax && slot.mark.segment != 0 &&
         is_plausible_place(slot.mark);
}

WatermarkSlot decode(const Block& block) {
  const std::byte* at = block.data();
  WatermarkSlot slot;
  slot.generation = get_u64(at + kGenerationAt);
  slot.mark = get_place(at + kPlaceAt);
  slot.mark.hard_state_generation = get_u64(at + kHardStateAt);
  return slot;
}

}  // namespace

const Watermark& newer(const Watermark& a, const Watermark& b) {
  return std::tie(a.seq, a.segment) < std::tie(b.seq, b.segment) ? b : a;
}

void put_place(const Watermark& mark, std::byte* at) {
  put_u64(at, mark.seq);
  put_u64(at + kSegmentAt, mark.segment);
  put_u64(at + kOffsetAt, mark.offset);
  put_u64(at + kNextAt, mark.next.v);
  put_u64(at + kFrameAt, mark.frame.low);
  put_u64(at + kFrameAt + 8, mark.frame.high);
}

Watermark get_place(const std::byte* at) {
  return {.seq = get_u64(at),
          .segment = get_u64(at + kSegmentAt),
          .offset = get_u64(at + kOffsetAt),
          .next = raft::Index{get_u64(at + kNextAt)},
          .frame = {get_u64(at + kFrameAt), get_u64(at + kFrameAt + 8)}};
}

// Numbers count up one by one: no honest one comes near the end of its range. Frames end with a block, and
// indexes begin with 1.
bool is_plausible_place(const Watermark& mark) {
  if (std::max({mark.seq, mark.segment, mark.offset, mark.next.v}) >= kIndexMax) return false;
  return mark.segment == 0 || (mark.offset % kBlockBytes == 0 && mark.next.v != 0);
}

Result<WatermarkSlots> read_watermark(io::Disk& disk, const std::string& dir, std::uint64_t owner) {
  const auto file = TRY(disk.open(path_in(dir), io::OpenMode::read));
  WatermarkSlots out;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto block = TRY(read_block(*file, path_in(dir), i, kKind, owner));
    if (!block) continue;
    const WatermarkSlot slot = decode(block->bytes);
    if (is_plausible(slot)) out[i] = slot;
  }
  return out;
}

std::optional<WatermarkSlot> newest(const WatermarkSlots& slots) {
  const auto& [a, b] = slots;
  return !b || (a && a->generation > b->generation) ? a : b;
}

Result<WatermarkFile> WatermarkFile::create(io::Disk& disk, const std::string& dir, std::uint64_t owner,
                                            const Watermark& mark) {
  // Under a temporary name first: once `watermark` exists, both its slots are intact.
  const std::string temporary = path_in(dir) + ".tmp";
  if (TRY(disk.exists(temporary))) TRY(disk.remove(temporary));
  WatermarkFile out(TRY(disk.open(temporary, io::OpenMode::create)), owner);
  TRY(out.write(mark));
  TRY(out.write(mark));
  TRY(disk.rename(temporary, path_in(dir)));
  TRY(disk.sync_dir(dir));
  return out;
}

Result<WatermarkFile> WatermarkFile::open(io::Disk& disk, const std::string& dir, std::uint64_t owner) {
  const std::optional<WatermarkSlot> slot = newest(TRY(read_watermark(disk, dir, owner)));
  CHECK(slot.has_value());
  WatermarkFile out(TRY(disk.open(path_in(dir), io::OpenMode::write)), owner);
  out.generation_ = slot->generation;
  out.mark_ = slot->mark;
  return out;
}

Status WatermarkFile::jot(const Watermark& mark) {
  const std::uint64_t next = generation_ + 1;  // the slot that is durable stays as it is
  return file_->write_at(next % 2 * kBlockBytes, encode({next, mark}, owner_));
}

Status WatermarkFile::write(const Watermark& mark) {
  TRY(jot(mark));
  TRY(file_->sync());
  ++generation_;
  mark_ = mark;
  return {};
}

}  // namespace cairn::wal
