#include "wal/owners.h"

#include <optional>
#include <span>

#include "wal/block.h"
#include "wal/format.h"

namespace cairn::wal {
namespace {

constexpr int kCopies = 2;  // of hard state and watermark

std::optional<Block> read(io::Disk& disk, const std::string& path, std::uint64_t number) {
  const auto file = disk.open(path, io::OpenMode::read);
  if (!file) return std::nullopt;
  Block block{};
  const Result<std::size_t> size = (*file)->read_at(number * kBlockBytes, block);
  if (!size || *size != block.size()) return std::nullopt;
  return block;
}

std::optional<std::uint64_t> owner_by_blocks(io::Disk& disk, const std::string& path) {
  for (std::uint64_t number = 0; number < kCopies; ++number) {
    const std::optional<Block> block = read(disk, path, number);
    const std::optional<std::uint64_t> owner = block ? owner_in(*block) : std::nullopt;
    if (owner) return owner;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> owner_by_frame(io::Disk& disk, const std::string& path) {
  const std::optional<Block> block = read(disk, path, 0);
  const auto decoded = block ? decode_header(std::span(*block).first(kFrameHeaderBytes)) : std::nullopt;
  if (!decoded) return std::nullopt;
  return decoded->header.owner;
}

}  // namespace

std::vector<OwnedFile> owned_files(io::Disk& disk, const std::string& dir) {
  std::vector<OwnedFile> out;
  for (const char* name : {"/hardstate", "/watermark"}) {
    if (const auto owner = owner_by_blocks(disk, dir + name)) out.push_back({dir + name, *owner});
  }
  const std::string folder = dir + "/wal";
  const Result<std::vector<std::string>> names = disk.list(folder);
  if (!names) return out;
  for (const std::string& name : *names) {
    if (!parse_segment_file(name)) continue;
    const std::string path = folder + "/" + name;
    if (const auto owner = owner_by_frame(disk, path)) out.push_back({path, *owner});
  }
  return out;
}

}  // namespace cairn::wal
