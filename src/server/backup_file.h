// BackupFile: a backup on disk (docs/format/backup.md): the database, and behind it the SHA-256 of all its
// bytes, which is checked before anything in it is believed. Owner: who reads. Threading: blocking, one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "bbolt/reader.h"
#include "io/disk.h"

namespace cairn::server {

class BackupFile final : public bbolt::Bytes {
 public:
  // data_loss when it is not what was written. A database without a digest, as it lies in etcd's own data
  // directory, is read only when that is asked for.
  static Result<std::unique_ptr<BackupFile>> open(io::Disk& disk, const std::string& path,
                                                  bool skip_hash_check);
  // Not checked: open() does that.
  BackupFile(std::string path, std::unique_ptr<io::File> file, std::uint64_t size)
      : path_(std::move(path)), file_(std::move(file)), size_(size) {}
  std::uint64_t size() const override { return size_; }
  Status read(std::uint64_t offset, std::span<char> into) override;
  const std::string& digest() const { return digest_; }  // of the database, as it was read

 private:
  const std::string path_;
  const std::unique_ptr<io::File> file_;
  std::uint64_t size_;
  std::string digest_;
};

}  // namespace cairn::server
