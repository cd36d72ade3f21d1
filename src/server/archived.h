// Archived: what was written since a backup, as archives of changes have it (docs/format/archive.md), one
// going on where the one before ends, up to a revision. Owner: who restores. Threading: blocking, one.
#pragma once

#include <string>
#include <vector>

#include "archive/reader.h"
#include "io/disk.h"
#include "mvcc/etcd_import.h"

namespace cairn::server {

class Archived final : public mvcc::LaterRecords {
 public:
  // `disk` outlives it.
  Archived(io::Disk& disk, std::vector<std::string> paths, std::int64_t until)
      : disk_(disk), paths_(std::move(paths)), until_(until) {}

  // Of all that each() tells. Reads all of it: damage shows before anything is made of it.
  Result<std::string> digest();
  Status each(const bbolt::OnPair& on_record,
              const std::function<void(std::int64_t lease, std::int64_t ttl_s)>& on_lease) override;

 private:
  io::Disk& disk_;
  const std::vector<std::string> paths_;
  const std::int64_t until_;
};

}  // namespace cairn::server
