#include "wal/quarantine.h"

#include <string>
#include <vector>

namespace cairn::wal {
namespace {

// The folder, durable, and a name in it that is free.
Result<std::string> free_path(io::Disk& disk, const std::string& dir, const std::string& name) {
  const std::string folder = dir + "/quarantine";
  TRY(disk.make_dir(folder));
  TRY(disk.sync_dir(dir));
  const std::string first = folder + "/" + name;
  std::string path = first;
  for (int copy = 2; TRY(disk.exists(path)); ++copy) path = first + "." + std::to_string(copy);
  return path;
}

}  // namespace

Result<std::string> keep_aside(io::Disk& disk, const std::string& dir, const std::string& name,
                               std::span<const std::byte> bytes) {
  const std::string path = TRY(free_path(disk, dir, name));
  const auto file = TRY(disk.open(path, io::OpenMode::create));
  Status written = file->write_at(0, bytes);
  if (written) written = file->sync();
  if (!written) {
    if (written.error().code == io::kFull) TRY(disk.remove(path));
    return tl::unexpected(written.error());
  }
  TRY(disk.sync_dir(dir + "/quarantine"));
  return path;
}

Status copy_aside(io::Disk& disk, const std::string& dir, const std::string& name) {
  const auto file = TRY(disk.open(dir + "/" + name, io::OpenMode::read));
  const std::uint64_t size = TRY(file->size());
  if (size > kCopiedAsideBytesMax)
    return fail(io::kMisplaced,
                dir + "/" + name + " has " + std::to_string(size) +
                    " bytes, as no file of that name has; put back what belongs there, or move "
                    "this away");
  std::vector<std::byte> bytes(size);
  bytes.resize(TRY(file->read_at(0, bytes)));
  TRY(keep_aside(disk, dir, name, bytes));
  return {};
}

Status move_aside(io::Disk& disk, const std::string& dir, const std::string& folder,
                  const std::string& name) {
  const std::string path = TRY(free_path(disk, dir, name));
  TRY(disk.rename(folder + "/" + name, path));
  TRY(disk.sync_dir(dir + "/quarantine"));
  return disk.sync_dir(folder);
}

}  // namespace cairn::wal
