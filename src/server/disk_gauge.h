// DiskGauge: what the log takes of the disk and what the disk has, as it was at the last look. A disk that
// hangs makes nobody wait but whoever looks. Owner: run(). Threading: look() on one thread at a time, here
// the guard's; latest() on any.
#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "node/status.h"

namespace cairn::server {

class DiskGauge {
 public:
  explicit DiskGauge(std::string data_dir) : data_dir_(std::move(data_dir)) {}
  void look();
  std::optional<node::DiskUse> latest() const;  // null before the first look that found something

 private:
  const std::string data_dir_;
  std::atomic<std::uint64_t> log_bytes_{0}, free_bytes_{0}, total_bytes_{0};
};

}  // namespace cairn::server
