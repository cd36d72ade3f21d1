#include "server/backup_file.h"

#include <algorithm>
#include <vector>

#include "base/sha256.h"

namespace cairn::server {
namespace {

constexpr std::uint64_t kReadBytes = std::uint64_t{1} << 20;
constexpr std::uint64_t kPageBytesMin = 512;  // a database is a whole number of them

}  // namespace

Result<std::unique_ptr<BackupFile>> BackupFile::open(io::Disk& disk, const std::string& path,
                                                     bool skip_hash_check) {
  std::unique_ptr<io::File> opened = TRY(disk.open(path, io::OpenMode::read));
  const std::uint64_t all = TRY(opened->size());
  const bool has_digest = all % kPageBytesMin == Sha256::kBytes;
  if (!has_digest && !skip_hash_check)
    return fail(Code::data_loss, path +
                                     " has no digest at its end: it is cut, or was copied out of a data "
                                     "directory, and nothing tells whether it is whole");
  const std::uint64_t size = has_digest ? all - Sha256::kBytes : all;
  auto file = std::make_unique<BackupFile>(path, std::move(opened), size);
  Sha256 hash;
  std::vector<char> buffer(static_cast<std::size_t>(std::min(kReadBytes, size)));
  for (std::uint64_t at = 0; at < size;) {
    const auto some = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size - at));
    TRY(file->read(at, std::span(buffer).first(some)));
    hash.update({buffer.data(), some});
    at += some;
  }
  file->digest_ = hash.digest();
  if (!has_digest) return file;
  file->size_ = all;
  std::string stored(Sha256::kBytes, '\0');
  TRY(file->read(size, stored));
  file->size_ = size;
  if (stored != file->digest_ && !skip_hash_check)
    return fail(Code::data_loss, "E_BACKUP_DAMAGED: " + path +
                                     " is not what was written: its SHA-256 is not the one at its end; take "
                                     "another copy of it");
  return file;
}

Status BackupFile::read(std::uint64_t offset, std::span<char> into) {
  if (offset > size_ || into.size() > size_ - offset)
    return fail(Code::data_loss, path_ + " ends before byte " + std::to_string(offset + into.size()));
  const std::size_t count = TRY(file_->read_at(offset, std::as_writable_bytes(into)));
  if (count == into.size()) return {};
  return fail(Code::data_loss, path_ + " has become shorter while it was read");
}

}  // namespace cairn::server
