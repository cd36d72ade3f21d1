#include "wal/block.h"

#include <span>

namespace cairn::wal {
namespace {

constexpr std::size_t kMagicAt = 0, kFormatAt = 4, kOwnerAt = 8, kChecksumAt = kBlockBytes - 8;

}  // namespace

void seal_block(const BlockKind& kind, std::uint64_t owner, Block* block) {
  put_u32(block->data() + kMagicAt, kind.magic);
  put_u16(block->data() + kFormatAt, kind.format);
  put_u64(block->data() + kOwnerAt, owner);
  put_u64(block->data() + kChecksumAt, hash64(std::span(*block).first(kChecksumAt)));
}

std::optional<std::uint64_t> owner_in(const Block& block) {
  if (get_u64(block.data() + kChecksumAt) != hash64(std::span(block).first(kChecksumAt))) return std::nullopt;
  return get_u64(block.data() + kOwnerAt);
}

Result<std::optional<OpenedBlock>> read_block(io::File& file, const std::string& path, std::uint64_t number,
                                              const BlockKind& kind, std::uint64_t owner) {
  OpenedBlock out{};
  const std::byte* at = out.bytes.data();
  const std::size_t size = TRY(file.read_at(number * kBlockBytes, out.bytes));
  if (size != kBlockBytes || get_u32(at + kMagicAt) != kind.magic) return std::optional<OpenedBlock>();
  if (get_u64(at + kChecksumAt) != hash64(std::span(out.bytes).first(kChecksumAt))) {
    return std::optional<OpenedBlock>();
  }
  out.format = get_u16(at + kFormatAt);
  if (out.format > kind.format) {
    return fail(Code::failed_precondition, "E_FORMAT_NEWER: " + path + " has format " +
                                               std::to_string(out.format) + ", this program knows up to " +
                                               std::to_string(kind.format) +
                                               "; start a newer version of cairn");
  }
  if (get_u64(at + kOwnerAt) != owner) {
    return fail(Code::failed_precondition,
                "E_IDENTITY: " + path + " was written by another member or cluster; is this the right disk?");
  }
  return std::optional<OpenedBlock>(out);
}

}  // namespace cairn::wal
