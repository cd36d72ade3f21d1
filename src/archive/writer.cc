#include "archive/writer.h"

#include <algorithm>
#include <span>
#include <utility>

#include "archive/reader.h"

namespace cairn::archive {

Result<std::unique_ptr<Writer>> Writer::create(io::Disk& disk, const std::string& folder,
                                               const std::string& file, const Head& head,
                                               const Limits& limits) {
  const std::string path = folder + "/" + file, part = path + ".part";
  (void)disk.remove(part);  // of an attempt that was cut off
  std::unique_ptr<io::File> opened = TRY(disk.open(part, io::OpenMode::create));
  const std::string bytes = encode(head);
  TRY(opened->write_at(0, std::as_bytes(std::span(bytes))));
  TRY(opened->sync());
  TRY(disk.rename(part, path));
  TRY(disk.sync_dir(folder));
  std::unique_ptr<Writer> writer(new Writer(std::move(opened), head, limits));
  writer->size_ = bytes.size();
  writer->durable_ = bytes.size();
  return writer;
}

Result<std::unique_ptr<Writer>> Writer::reopen(io::Disk& disk, const std::string& path,
                                               const Limits& limits) {
  const auto reader = TRY(Reader::open(disk, path, limits));
  while (TRY(reader->next()) != nullptr) {
  }
  std::unique_ptr<io::File> opened = TRY(disk.open(path, io::OpenMode::write));
  const std::uint64_t all = TRY(opened->size());
  if (all > reader->good_bytes()) TRY(opened->truncate(reader->good_bytes()));
  TRY(opened->sync());
  std::unique_ptr<Writer> writer(new Writer(std::move(opened), reader->head(), limits));
  writer->size_ = reader->good_bytes();
  writer->durable_ = reader->good_bytes();
  writer->cut_bytes_ = all - reader->good_bytes();
  writer->revision_ = reader->revision();
  writer->seen_ms_ = reader->seen_ms();
  return writer;
}

Status Writer::changes(std::int64_t seen_ms, std::vector<Change> changes) {
  std::size_t record_bytes = 0;
  for (const Change& change : changes) record_bytes += change.record.size();
  if (const std::size_t bytes = changes_bytes(changes.size(), record_bytes); bytes > limits_.frame_bytes_max)
    return fail(Code::out_of_range, "revision " + std::to_string(revision_ + 1) + " takes " +
                                        std::to_string(bytes) + " bytes, and an archive takes " +
                                        std::to_string(limits_.frame_bytes_max) + " of one revision");
  Frame frame;
  frame.kind = Kind::changes;
  frame.revision = revision_ + 1;
  frame.seen_ms = std::max(seen_ms, seen_ms_);
  frame.changes = std::move(changes);
  TRY(put(frame));
  revision_ = frame.revision;
  seen_ms_ = frame.seen_ms;
  return {};
}

Status Writer::mark(std::int64_t seen_ms) {
  Frame frame;
  frame.revision = revision_;
  frame.seen_ms = std::max(seen_ms, seen_ms_);
  TRY(put(frame));
  seen_ms_ = frame.seen_ms;
  return {};
}

Status Writer::lease(std::int64_t id, std::int64_t ttl_s) {
  Frame frame;
  frame.kind = Kind::lease;
  frame.lease = id;
  frame.ttl_s = ttl_s;
  return put(frame);
}

Status Writer::put(Frame& frame) {
  scratch_.clear();
  frame.durable = durable_;
  append(frame, &scratch_);
  if (const Status written = file_->write_at(size_, std::as_bytes(std::span(scratch_))); !written) {
    (void)file_->truncate(size_);  // nothing half done; if that fails, too, whoever opens it next cuts it
    return written;
  }
  size_ += scratch_.size();
  dirty_ = true;
  return {};
}

Status Writer::sync() {
  if (!std::exchange(dirty_, false)) return {};
  TRY(file_->sync());
  durable_ = size_;
  return {};
}

}  // namespace cairn::archive
