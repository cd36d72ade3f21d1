#include "wal/recovery.h"

#include <algorithm>

#include "base/reached.h"

namespace cairn::wal {
namespace {

// Folds frames in the order they were written into the log they describe.
class LogReader {
 public:
  LogReader(LogImage* image, const LogSource& source)
      : image_(image),
        source_(source),
        has_previous_(source.names.empty() || source.names.front().number == 1) {}

  // False when the frame is not part of the log (yet it is intact: a left-over of a cut tail).
  bool take(const SegmentScanner::Frame& frame, const std::string& path) {
    const FrameHeader& header = frame.header;
    if (header.seq > source_.last_seq) return false;
    if (has_previous_) {
      const bool follows = header.seq == image_->seq + 1 && header.previous == image_->chain;
      if (!follows) {
        // Only a frame that was written after its missing predecessor was durable proves damage: frames of
        // one sync may reach the platter in any order.
        const bool convicts = header.seq > image_->seq + 1 && header.durable_seq > image_->seq;
        if (!convicts) return false;
        note_damage(header, path);
      }
    }
    std::vector<raft::Entry> entries;
    if (!decode(frame, &entries)) {
      // The checksums fit and the content does not: written by a faulty program or machine.
      note_damage(header, path);
      image_->nonsense = true;
      return false;
    }
    has_previous_ = true;
    fold(header, std::move(entries), path);
    return true;
  }

  // Nothing of what was read reaches the index at which the last segment, without a frame, was begun.
  void end_before(const SegmentName& tail, const std::string& path) {
    LogImage& log = *image_;
    if (anchored_) log.pieces.push_back({log.first, log.next, log.seq});
    if (log.damage.empty()) {
      log.damage = "indexes " + std::to_string(log.next.v) + " to " + std::to_string(tail.first.v - 1) +
                   " are damaged or missing before " + path;
    }
    log.frames.clear();
    log.entries.clear();
    log.first = log.next = tail.first;
  }

  void note_damage(const FrameHeader& found, const std::string& path) {
    if (anchored_) image_->pieces.push_back({image_->first, image_->next, image_->seq});
    anchored_ = false;
    if (!image_->damage.empty()) return;
    image_->damage = "frames " + std::to_string(image_->seq + 1) + " to " + std::to_string(found.seq - 1) +
                     " are damaged or missing; the next intact one is frame " + std::to_string(found.seq) +
                     " (index " + std::to_string(found.first_index.v) + ") in " + path + " at offset " +
                     std::to_string(found.offset) + "; the last intact index before is " +
                     std::to_string(image_->next.v - 1);
  }

 private:
  static bool decode(const SegmentScanner::Frame& frame, std::vector<raft::Entry>* out) {
    const FrameHeader& header = frame.header;
    if (header.first_index.v == 0 || header.first_index.v > kIndexMax) return false;
    if (header.kind == FrameKind::truncate || header.kind == FrameKind::reset)
      return header.payload_bytes == 0;
    if (header.kind != FrameKind::entries || header.entry_count == 0) return false;
    EntryReader reader(frame.payload, header);
    raft::Entry entry;
    while (reader.next(&entry)) out->push_back(std::move(entry));
    return reader.ok();
  }

  void fold(const FrameHeader& header, std::vector<raft::Entry> entries, const std::string& path) {
    LogImage& log = *image_;
    const raft::Index first = header.first_index;
    if (anchored_ && first > log.next && header.kind != FrameKind::reset) {
      note_damage(header, path);
    }
    if (!anchored_ || header.kind == FrameKind::reset || first < log.first) {
      log.frames.clear();
      log.entries.clear();
      log.first = log.next = first;
      anchored_ = true;
    }
    drop_from(first);
    log.next = raft::Index{first.v + entries.size()};
    if (header.kind == FrameKind::entries) {
      log.frames.push_back({first, header.entry_count, header.segment, header.offset, header});
      std::move(entries.begin(), entries.end(), std::back_inserter(log.entries));
    }
    std::array<std::byte, kFrameHeaderBytes> bytes;
    encode_header(header, bytes);
    log.chain = hash128(bytes);
    if (header.segment != log.last_segment || header.durable_seq >= log.seq) log.batch_offset = header.offset;
    log.seq = header.seq;
    for (const Watermark& mark : source_.marks) {
      if (log.seq == mark.seq && log.chain != mark.frame) log.other_than = log.seq;  // seq counts from 1
    }
    log.last_segment = header.segment;
    log.end_offset = header.offset + header.frame_bytes();
    log.hard_state_generation = std::max(log.hard_state_generation, header.hard_state_generation);
  }

  void drop_from(raft::Index first) {
    LogImage& log = *image_;
    while (!log.frames.empty() && log.frames.back().first >= first) log.frames.pop_back();
    if (!log.frames.empty()) {
      FrameRef& last = log.frames.back();
      last.count = std::min(last.count, first.v - last.first.v);
    }
    log.entries.resize(static_cast<std::size_t>(first.v - log.first.v));
  }

  LogImage* image_;
  const LogSource& source_;
  bool has_previous_;      // image_->seq and chain are those of the frame before
  bool anchored_ = false;  // the entries in the image are known to continue up to next
};

}  // namespace

Result<std::span<const std::byte>> SegmentScanner::view(std::uint64_t offset, std::uint64_t bytes) {
  if (offset < window_at_ || offset + bytes > window_at_ + window_.size()) {
    window_.resize(std::min(std::max(window_bytes_, bytes), size_ - offset));
    window_at_ = offset;
    const std::size_t size = TRY(file_.read_at(offset, window_));
    if (size != window_.size())
      return fail(Code::internal, path_ + " became shorter while it was being read");
  }
  return std::span<const std::byte>(window_).subspan(offset - window_at_, bytes);
}

// As it reads once the file is filled up to whole blocks with zeros, before more is written.
Result<std::array<std::byte, kFrameHeaderBytes>> SegmentScanner::padded_header(std::uint64_t offset) {
  std::array<std::byte, kFrameHeaderBytes> out{};
  const auto bytes = TRY(view(offset, std::min<std::uint64_t>(kFrameHeaderBytes, size_ - offset)));
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

Result<std::optional<FrameHeader>> SegmentScanner::header_in(std::span<const std::byte> bytes,
                                                             std::uint64_t offset) const {
  const auto decoded = decode_header(bytes);
  if (!decoded) return std::optional<FrameHeader>();
  if (decoded->version > kFormatVersion) {
    REACHED("wal.recovery.newer_format");
    return fail(Code::failed_precondition,
                "E_FORMAT_NEWER: " + path_ + " holds frames of format " + std::to_string(decoded->version) +
                    ", this program knows up to " + std::to_string(kFormatVersion) +
                    "; start a newer version of cairn");
  }
  const FrameHeader& header = decoded->header;
  if (header.owner != owner_) {
    REACHED("wal.recovery.other_owner");
    return fail(Code::failed_precondition,
                "E_IDENTITY: " + path_ + " at offset " + std::to_string(offset) +
                    " was written by another member or cluster; is this the right disk?");
  }
  if (header.segment != number_ || header.offset != offset) return std::optional<FrameHeader>();
  return std::optional<FrameHeader>(header);
}

bool SegmentScanner::names_this_segment(std::span<const std::byte> block) const {
  FrameHeader expected;
  expected.owner = owner_;
  expected.segment = number_;
  std::array<std::byte, kFrameHeaderBytes> bytes;
  encode_header(expected, bytes);
  // Owner and segment number; a left-over of a recycled file has another number there, or payload.
  return std::equal(bytes.begin() + 8, bytes.begin() + 24, block.begin() + 8);
}

Result<std::optional<SegmentScanner::Frame>> SegmentScanner::next() {
  if (at_ == 0) size_ = TRY(file_.size());
  while (at_ + kBlockBytes <= size_) {
    frame_at_ = at_;
    const auto bytes = TRY(view(at_, kFrameHeaderBytes));
    const std::optional<FrameHeader> header = TRY(header_in(bytes, at_));
    at_ += kBlockBytes;
    if (!header || header->frame_bytes() > size_ - frame_at_) continue;
    const auto payload = TRY(view(frame_at_ + kFrameHeaderBytes, header->payload_bytes));
    if (hash128(payload) != header->payload_hash) continue;
    at_ = frame_at_ + header->frame_bytes();
    return std::optional<Frame>(Frame{*header, payload});
  }
  return std::optional<Frame>();
}

Result<std::uint64_t> SegmentScanner::torn_end(std::uint64_t from) {
  size_ = TRY(file_.size());
  std::uint64_t end = from;
  for (std::uint64_t at = from; at < size_; at += kBlockBytes) {
    const auto bytes = TRY(padded_header(at));
    const std::optional<FrameHeader> header = TRY(header_in(bytes, at));
    if (header) {
      end = std::max(end, std::min(size_, at + header->frame_bytes()));
    } else if (names_this_segment(bytes)) {
      // The header itself is torn: its length is not to be believed.
      end = std::max(end, std::min(size_, at + kBlockBytes));
    }
  }
  return end;
}

Result<LogImage> read_log(const LogSource& source, const FrameObserver& observe) {
  const std::deque<SegmentName>& names = source.names;
  LogImage image;
  LogReader reader(&image, source);
  for (const SegmentName& name : names) {
    SegmentScanner scanner(*TRY(source.open(name)), source.path(name), source.owner, name.number,
                           source.window_bytes);
    while (auto frame = TRY(scanner.next())) {
      const bool taken = reader.take(*frame, source.path(name));
      if (observe) observe(name, *frame, taken);
      if (!taken) scanner.retreat();
    }
  }
  // The last segment was begun only after everything before it was durable, and its name says where that
  // ended.
  const bool begun_further_on = !names.empty() && image.last_segment != names.back().number &&
                                image.next < names.back().first &&
                                source.last_seq == std::numeric_limits<std::uint64_t>::max();
  if (begun_further_on) reader.end_before(names.back(), source.path(names.back()));
  return image;
}

}  // namespace cairn::wal
