// Writer: appends to an archive of changes. What was appended is durable after sync(); what an append that
// was cut off has left is gone once it is opened again. Owner: who writes, one for each file. Threading:
// blocking, one. After an error it is to be given up. Bound: one frame.
#pragma once

#include <memory>
#include <string>

#include "archive/format.h"
#include "io/disk.h"

namespace cairn::archive {

class Writer {
 public:
  // Not there before; durable with its name.
  static Result<std::unique_ptr<Writer>> create(io::Disk& disk, const std::string& folder,
                                                const std::string& file, const Head& head,
                                                const Limits& limits = {});
  // Goes on behind what is whole. data_loss where something before the end is damaged: nothing was changed.
  static Result<std::unique_ptr<Writer>> reopen(io::Disk& disk, const std::string& path,
                                                const Limits& limits = {});

  const Head& head() const { return head_; }
  std::int64_t revision() const { return revision_; }
  std::int64_t seen_ms() const { return seen_ms_; }
  std::uint64_t cut_bytes() const { return cut_bytes_; }  // by reopen()
  bool dirty() const { return dirty_; }

  // Of revision() + 1. A time before seen_ms() counts as that one.
  Status changes(std::int64_t seen_ms, std::vector<Change> changes);
  Status mark(std::int64_t seen_ms);  // nothing was new at that time
  Status lease(std::int64_t id, std::int64_t ttl_s);
  Status sync();

 private:
  Writer(std::unique_ptr<io::File> file, Head head, const Limits& limits)
      : file_(std::move(file)),
        head_(std::move(head)),
        limits_(limits),
        revision_(head_.after),
        seen_ms_(head_.created_ms) {}
  Status put(Frame& frame);

  const std::unique_ptr<io::File> file_;
  const Head head_;
  const Limits limits_;
  std::string scratch_;
  std::uint64_t size_ = 0, durable_ = 0, cut_bytes_ = 0;
  std::int64_t revision_, seen_ms_;
  bool dirty_ = false;
};

}  // namespace cairn::archive
