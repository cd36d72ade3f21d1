#include "wal/segments.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <utility>

namespace cairn::wal {
namespace {

constexpr std::size_t kFillBytes = std::size_t{256} << 10;
// A sync of the log may have to wait for one of these, here or at another member of the same disk.
constexpr std::uint64_t kFillSyncBytes = std::uint64_t{512} << 10;
constexpr const char* kFillingName = "/spare.tmp";
constexpr const char* kSpareSuffix = ".spare";

std::optional<std::uint64_t> parse_spare(std::string_view file) {
  if (!file.ends_with(kSpareSuffix)) return std::nullopt;
  std::uint64_t number = 0;
  const char* end = file.data() + file.size() - std::string_view(kSpareSuffix).size();
  const auto parsed = std::from_chars(file.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return number;
}

}  // namespace

Result<Segments> Segments::open(io::Disk& disk, std::string dir, const Options& options) {
  Segments out(disk, std::move(dir), options);
  for (const std::string& file : TRY(disk.list(out.dir_))) {
    if (const auto name = parse_segment_file(file)) {
      out.names_.push_back(*name);
    } else if (const auto number = parse_spare(file)) {
      out.next_spare_ = std::max(out.next_spare_, *number + 1);
      const auto spare = TRY(disk.open(out.spare_path(*number), io::OpenMode::read));
      if (TRY(spare->size()) == options.segment_bytes) {
        out.spares_.push_back(*number);
      } else {
        TRY(disk.remove(out.spare_path(*number)));
      }
    } else if ("/" + file == kFillingName) {
      TRY(disk.remove(out.dir_ + kFillingName));
    }
  }
  const auto by_number = [](const SegmentName& a, const SegmentName& b) { return a.number < b.number; };
  std::sort(out.names_.begin(), out.names_.end(), by_number);
  return out;
}

std::string Segments::spare_path(std::uint64_t number) const {
  return dir_ + "/" + std::to_string(number) + kSpareSuffix;
}

Status Segments::begin(raft::Index first) {
  if (spares_.empty()) TRY(fill(options_.segment_bytes));
  const SegmentName name{names_.empty() ? 1 : names_.back().number + 1, first};
  TRY(disk_->rename(spare_path(spares_.front()), path(name)));
  TRY(disk_->sync_dir(dir_));
  spares_.pop_front();
  names_.push_back(name);
  return open_tail();
}

Status Segments::open_tail() {
  tail_ = TRY(disk_->open(path(names_.back()), io::OpenMode::write));
  return {};
}

Result<io::File*> Segments::reader(std::uint64_t number) {
  std::unique_ptr<io::File>& file = readers_[number];
  if (file == nullptr) {
    const auto is_it = [number](const SegmentName& name) { return name.number == number; };
    const auto found = std::find_if(names_.begin(), names_.end(), is_it);
    if (found == names_.end()) return fail(Code::internal, "no segment " + std::to_string(number));
    file = TRY(disk_->open(path(*found), io::OpenMode::read));
  }
  return file.get();
}

Result<bool> Segments::recycle_one_before(std::uint64_t number) {
  const auto goes = [&] { return names_.size() > 1 && names_.front().number < number; };
  if (!goes()) return false;
  const std::string old = path(names_.front());
  readers_.erase(names_.front().number);
  const auto file = TRY(disk_->open(old, io::OpenMode::read));
  // A segment that grew for one large frame is not worth keeping.
  const bool fits = TRY(file->size()) == options_.segment_bytes;
  // One more than are filled: in a steady state every new segment is a recycled one.
  if (fits && spares_.size() <= options_.spare_segments) {
    TRY(disk_->rename(old, spare_path(next_spare_)));
    spares_.push_back(next_spare_++);
  } else {
    TRY(disk_->remove(old));
  }
  TRY(disk_->sync_dir(dir_));
  names_.pop_front();
  return goes();
}

Status Segments::prepare_spare(std::uint64_t bytes) {
  if (spares_.size() >= options_.spare_segments) return {};
  Status filled = fill(bytes);
  if (filled || filled.error().code != Code::resource_exhausted) return filled;
  // The disk is full: give back what was taken, the log itself still has room in its segment.
  filling_ = nullptr;
  return disk_->remove(dir_ + kFillingName);
}

Status Segments::fill(std::uint64_t bytes) {
  if (filling_ == nullptr) {
    filling_ = TRY(disk_->open(dir_ + kFillingName, io::OpenMode::create));
    filled_bytes_ = 0;
  }
  TRY(fill_some(std::min(bytes, options_.segment_bytes - filled_bytes_)));
  if (filled_bytes_ < options_.segment_bytes) return {};
  return finish_spare();
}

Status Segments::fill_some(std::uint64_t bytes) {
  static const std::vector<std::byte> zeros(kFillBytes);
  while (bytes > 0) {
    const std::uint64_t size = std::min<std::uint64_t>(bytes, zeros.size());
    TRY(filling_->write_at(filled_bytes_, std::span(zeros).first(size)));
    const bool crosses = filled_bytes_ / kFillSyncBytes != (filled_bytes_ + size) / kFillSyncBytes;
    filled_bytes_ += size;
    bytes -= size;
    if (crosses) TRY(filling_->sync());
  }
  return {};
}

Status Segments::finish_spare() {
  TRY(filling_->sync());
  filling_ = nullptr;
  TRY(disk_->rename(dir_ + kFillingName, spare_path(next_spare_)));
  TRY(disk_->sync_dir(dir_));
  spares_.push_back(next_spare_++);
  return {};
}

}  // namespace cairn::wal
