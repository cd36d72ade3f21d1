#include "wal/segments.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <utility>

#include "base/reached.h"

namespace cairn::wal {
namespace {

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
  std::unique_ptr<io::Directory> directory = TRY(disk.open_dir(dir));
  Segments out(disk, std::move(dir), options, std::move(directory));
  for (const std::string& file : TRY(disk.list(out.dir_))) {
    if (const auto name = parse_segment_file(file)) {
      out.names_.push_back(*name);
    } else if (const auto number = parse_spare(file)) {
      TRY(out.load_spare(*number));
    } else if ("/" + file == kFillingName) {
      TRY(disk.remove(out.dir_ + kFillingName));
    }
  }
  const auto by_number = [](const SegmentName& a, const SegmentName& b) { return a.number < b.number; };
  std::sort(out.names_.begin(), out.names_.end(), by_number);
  return out;
}

Status Segments::load_spare(std::uint64_t number) {
  next_spare_ = std::max(next_spare_, number + 1);
  Spare spare{number, options_.segment_bytes, TRY(disk_->open(spare_path(number), io::OpenMode::write))};
  if (TRY(spare.file->size()) != options_.segment_bytes) return disk_->remove(spare_path(number));
  spares_.push_back(std::move(spare));
  return {};
}

std::string Segments::spare_path(std::uint64_t number) const {
  return dir_ + "/" + std::to_string(number) + kSpareSuffix;
}

// After a failed fsync nobody knows what the folder holds, whatever the reason: never a mere shortage.
Status Segments::sync_names() {
  Status synced = directory_->sync();
  if (!synced && io::is_shortage(synced.error())) return fail(Code::internal, synced.error().message);
  return synced;
}

std::size_t Segments::spare_count() const {
  return static_cast<std::size_t>(std::count_if(spares_.begin(), spares_.end(), [this](const Spare& spare) {
    return spare.bytes == options_.segment_bytes;
  }));
}

std::uint64_t Segments::disk_room_bytes() const { return disk_->room_bytes(dir_).value_or(0); }

// The first spare from that place on that is as large as a segment for such a frame has to be; those that
// are larger than usual are left for the frames that they were made for.
std::size_t Segments::spare_for(std::uint64_t frame_bytes, std::size_t from) const {
  const bool usual = frame_bytes <= options_.segment_bytes;
  while (from < spares_.size()) {
    const Spare& spare = spares_[from];
    if (usual ? spare.bytes == options_.segment_bytes : spare.bytes >= frame_bytes) break;
    ++from;
  }
  return from;
}

Status Segments::begin(raft::Index first, std::uint64_t frame_bytes) {
  TRY(reserve({frame_bytes}));
  const auto spare = spares_.begin() + static_cast<std::ptrdiff_t>(spare_for(frame_bytes, 0));
  const SegmentName name{names_.empty() ? 1 : names_.back().number + 1, first};
  TRY(disk_->rename(spare_path(spare->number), path(name)));
  TRY(sync_names());
  tail_ = std::move(spare->file);
  tail_bytes_ = spare->bytes;
  spares_.erase(spare);
  names_.push_back(name);
  return {};
}

Status Segments::reserve(const std::vector<std::uint64_t>& frame_bytes) {
  std::vector<bool> taken;  // by index, as begin() will take them one after the other
  for (const std::uint64_t bytes : frame_bytes) {
    const bool usual = bytes <= options_.segment_bytes;
    const std::uint64_t size =
        usual ? options_.segment_bytes : (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
    taken.resize(spares_.size());
    std::size_t found = spare_for(bytes, 0);
    while (found < spares_.size() && taken[found]) found = spare_for(bytes, found + 1);
    if (found == spares_.size()) {
      REACHED("wal.spare.filled_when_needed");
      const Status filled = fill(size, size);
      if (!filled) {
        TRY(give_up_filling(filled.error()));
        return filled;
      }
      taken.resize(spares_.size());
    } else {
      REACHED("wal.spare.used");
    }
    taken[found] = true;
  }
  return {};
}

Status Segments::extend_tail(std::uint64_t size_bytes) {
  if (size_bytes <= tail_bytes_) return {};
  for (std::uint64_t at = tail_bytes_; at < size_bytes;) {
    const std::span<const std::byte> piece = zeros(size_bytes - at);
    const Status written = tail_->write_at(at, piece);
    if (!written) {
      TRY(tail_->truncate(tail_bytes_));
      return written;
    }
    at += piece.size();
  }
  tail_bytes_ = size_bytes;
  return {};
}

Status Segments::open_tail() {
  tail_ = TRY(disk_->open(path(names_.back()), io::OpenMode::write));
  tail_bytes_ = TRY(tail_->size());
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
  std::unique_ptr<io::File> file = TRY(disk_->open(old, io::OpenMode::write));
  // A segment that grew for one large frame is not worth keeping.
  const bool fits = TRY(file->size()) == options_.segment_bytes;
  // One more than are filled: in a steady state every new segment is a recycled one.
  if (fits && spares_.size() <= options_.spare_segments) {
    REACHED("wal.segment.recycled");
    TRY(disk_->rename(old, spare_path(next_spare_)));
    spares_.push_back({next_spare_++, options_.segment_bytes, std::move(file)});
  } else {
    file = nullptr;
    readers_.erase(names_.front().number);
    REACHED("wal.segment.removed");
    TRY(disk_->remove(old));
  }
  readers_.erase(names_.front().number);
  names_.pop_front();
  TRY(sync_names());
  return goes();
}

Result<bool> Segments::prepare_spare(std::uint64_t bytes) {
  if (spares_.size() >= options_.spare_segments) {
    shortage_ = Shortage::none;
    return false;
  }
  if (shortage_ == Shortage::full && filling_ == nullptr) {
    const Result<std::uint64_t> room = disk_->room_bytes(dir_);
    if (room && *room < options_.segment_bytes + options_.room_beside_spare_bytes) return false;
  }
  const std::uint64_t piece = shortage_ == Shortage::none ? bytes : std::max(bytes, options_.refill_bytes);
  const Status filled = fill(piece, options_.segment_bytes);
  if (!filled) {
    TRY(give_up_filling(filled.error()));
    return false;
  }
  if (shortage_ != Shortage::none && spares_.size() >= options_.spare_segments) {
    REACHED("wal.spare.shortage_over");
    shortage_ = Shortage::none;
  }
  return shortage_ != Shortage::none;
}

// Gives back what was taken: the log still has room in its segment, and others may need it. Not a shortage:
// the error is returned.
Status Segments::give_up_filling(const Error& why) {
  if (!io::is_shortage(why)) return tl::unexpected(why);
  REACHED("wal.spare.shortage");
  shortage_ = why.code == io::kFull ? Shortage::full : Shortage::passing;
  if (filling_ == nullptr) return {};
  Status removed = disk_->remove(dir_ + kFillingName);
  if (removed) filling_ = nullptr;
  return removed || io::is_shortage(removed.error()) ? Status() : removed;
}

Status Segments::fill(std::uint64_t bytes, std::uint64_t size_bytes) {
  if (filling_ == nullptr) {
    filling_ = TRY(disk_->open(dir_ + kFillingName, io::OpenMode::create));
    filled_bytes_ = 0;
  }
  if (filled_bytes_ < size_bytes) TRY(fill_some(std::min(bytes, size_bytes - filled_bytes_)));
  if (filled_bytes_ < size_bytes) return {};
  return finish_spare();
}

// A piece of so many, or of as many as are written at once. Kept, since there is one to be written with every
// sync.
std::span<const std::byte> Segments::zeros(std::uint64_t bytes) {
  const std::size_t size = std::min<std::uint64_t>(bytes, options_.fill_write_bytes);
  if (zeros_.size() < size) zeros_.resize(size);
  return std::span(zeros_).first(size);
}

Status Segments::fill_some(std::uint64_t bytes) {
  while (bytes > 0) {
    const std::span<const std::byte> piece = zeros(bytes);
    const std::size_t size = piece.size();
    TRY(filling_->write_at(filled_bytes_, piece));
    const bool crosses =
        filled_bytes_ / options_.fill_sync_bytes != (filled_bytes_ + size) / options_.fill_sync_bytes;
    filled_bytes_ += size;
    bytes -= size;
    if (crosses) TRY(filling_->sync());
  }
  return {};
}

Status Segments::finish_spare() {
  TRY(filling_->sync());
  TRY(disk_->rename(dir_ + kFillingName, spare_path(next_spare_)));
  spares_.push_back({next_spare_++, filled_bytes_, std::move(filling_)});
  return sync_names();
}

}  // namespace cairn::wal
