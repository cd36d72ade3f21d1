#include "server/disk_gauge.h"

#include "io/disk_space.h"

namespace cairn::server {

void DiskGauge::look() {
  const Result<io::DiskSpace> space = io::disk_space(data_dir_);
  const Result<std::uint64_t> log = io::folder_bytes(data_dir_ + "/wal");
  if (!space || !log) return;  // the guard tells of a directory that is lost
  log_bytes_ = *log;
  free_bytes_ = space->free_bytes;
  total_bytes_ = space->total_bytes;
}

std::optional<node::DiskUse> DiskGauge::latest() const {
  if (total_bytes_ == 0) return std::nullopt;
  return node::DiskUse{.log_bytes = log_bytes_, .free_bytes = free_bytes_, .total_bytes = total_bytes_};
}

}  // namespace cairn::server
