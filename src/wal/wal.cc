#include "wal/wal.h"

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/reached.h"
#include "wal/format.h"
#include "wal/hard_state.h"
#include "wal/packing.h"
#include "wal/recovery.h"
#include "wal/segments.h"

namespace cairn::wal {
namespace {

constexpr std::size_t kFrameTargetBytes = std::size_t{4} << 20;  // a fuller frame is closed
constexpr std::size_t kBufferBytesMax = std::size_t{16} << 20;   // a fuller buffer is synced at once
constexpr std::size_t kEntryBytesMax = std::size_t{512} << 20;   // far above any request limit; fits a frame
constexpr std::uint64_t kUsualFrameBytes = std::uint64_t{6} << 20;  // a full one, and an entry of usual size
constexpr std::uint64_t kSpareFillFactor = 2;  // a spare is ready when half of the segment is written

std::span<const std::byte> as_bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

}  // namespace

// Invariants:
//   W1  frames_ lie in ascending order of index and of (segment, offset), without gap: first_ up to next_ - 1
//   W2  what lies before write_offset_ in the tail is durable and never written again
//   W3  buffer_ holds closed frames, then at most one open one, all for the tail at write_offset_; flush()
//       meets closed ones only: an open frame has no header yet
struct Wal::Impl {
  Impl(io::Disk& disk_in, std::string dir_in, const Options& options_in, HardStateFile hard_state_in,
       Segments segments_in)
      : disk(disk_in),
        dir(std::move(dir_in)),
        options(options_in),
        hard_state(std::move(hard_state_in)),
        segments(std::move(segments_in)) {}

  io::Disk& disk;
  const std::string dir;
  const Options options;
  std::uint64_t owner = 0;
  HardStateFile hard_state;
  Segments segments;
  std::optional<Error> failed;  // the first I/O error: all later calls repeat it
  bool closed = false;

  std::deque<FrameRef> frames;
  raft::Index first{1};
  raft::Index next{1};
  std::uint64_t seq = 0;
  std::uint64_t durable_seq = 0;
  std::uint64_t flushed_bytes = 0;  // since maintain()
  Hash128 chain;
  std::uint64_t last_segment = 0;  // of the last frame
  std::uint64_t write_offset = 0;

  std::vector<std::byte> buffer;
  struct OpenFrame {
    std::size_t start = 0;  // in buffer
    FrameHeader header;
  };
  std::optional<OpenFrame> open_frame;
  std::optional<raft::HardState> pending_hard_state;
  raft::Index drop_before;

  std::uint64_t cached_segment = 0;  // of the frame whose payload was read last
  std::uint64_t cached_offset = 0;
  std::vector<std::byte> cached_payload;

  // ---- errors ----
  Status usable() const {
    if (closed) return fail(Code::failed_precondition, "the log in " + dir + " is closed");
    if (failed) return fail(failed->code, "the log in " + dir + " failed before: " + failed->message);
    return {};
  }
  // After a failed write or sync nobody knows what the file holds: nothing may be written behind it any more.
  Status sticky(Status status) {
    if (!status && !failed) failed = status.error();
    return status;
  }

  // ---- opening ----
  Status recover(const raft::SnapshotMeta& snapshot, Opened* out);
  Status check_image(const LogImage& image, const raft::SnapshotMeta& snapshot) const;
  Status rewrite_tail(std::uint64_t from);
  Status cut_tail(RecoveryReport* report);
  Status continue_behind(const raft::SnapshotMeta& snapshot, Opened* out);

  // ---- writing ----
  Status check(const raft::LogWrite& write) const;
  Status append(const raft::LogWrite& write);
  Status append_entries(const std::vector<raft::Entry>& entries);
  void begin_frame(FrameKind kind, raft::Index index, raft::Term term);
  void put_entry(const raft::Entry& entry);
  Status close_frame();
  Status rotate(OpenFrame* frame);
  Status control_frame(FrameKind kind, raft::Index index, raft::Term term);
  void drop_suffix(raft::Index from);
  Status flush();
  Status sync();
  Status reserve(const raft::LogWrite& write);
  raft::Room room() const;
  Result<bool> maintain();
  Result<bool> recycle();

  // ---- reading ----
  Result<raft::Entry> read(raft::Index index);
  Result<std::span<const std::byte>> payload_of(const FrameRef& frame);
  raft::Term term_at(raft::Index index, const std::vector<raft::Entry>& entries) const {
    return entries[static_cast<std::size_t>(index.v - first.v)].term;
  }
};

// ---- opening ----

Result<Wal::Opened> Wal::open(io::Disk& disk, std::string dir, const Identity& identity,
                              const raft::SnapshotMeta& snapshot, Options options) {
  options.segment_bytes = std::max(options.segment_bytes, kSegmentBytesMin) / kBlockBytes * kBlockBytes;
  options.spare_segments =
      std::max<std::size_t>(options.spare_segments, 1);  // a rotation is not to need room
  const std::uint64_t owner = owner_of(identity);
  const std::string folder = dir + "/wal";
  TRY(disk.make_dir(folder));
  TRY(disk.sync_dir(dir));
  Segments segments = TRY(Segments::open(disk, folder, options));
  const bool has_hard_state = TRY(HardStateFile::exists(disk, dir));
  if (!has_hard_state && !segments.names().empty()) {
    return fail(Code::data_loss,
                "E_HARDSTATE_LOST: " + dir +
                    "/hardstate is missing although there is a log; this member may have voted and "
                    "cannot know: remove it from the cluster and add it again as a new member with "
                    "an empty directory");
  }
  HardStateFile hard_state = has_hard_state ? TRY(HardStateFile::open(disk, dir, owner))
                                            : TRY(HardStateFile::create(disk, dir, owner));
  auto impl =
      std::make_unique<Impl>(disk, std::move(dir), options, std::move(hard_state), std::move(segments));
  impl->owner = owner;
  Opened out;
  TRY(impl->recover(snapshot, &out));
  out.hard_state = impl->hard_state.state();
  out.report.entries = out.entries.size();
  out.wal.reset(new Wal(std::move(impl)));
  return out;
}

Status Wal::Impl::recover(const raft::SnapshotMeta& snapshot, Opened* out) {
  const auto open_segment = [this](const SegmentName& name) { return segments.reader(name.number); };
  const auto path = [this](const SegmentName& name) { return segments.path(name); };
  LogImage image = TRY(read_log(segments.names(), open_segment, path, owner));
  TRY(check_image(image, snapshot));
  frames = std::move(image.frames);
  first = image.first;
  next = image.next;
  seq = durable_seq = image.seq;
  chain = image.chain;
  last_segment = image.last_segment;
  if (segments.names().empty()) {
    TRY(segments.begin(next));
  } else {
    TRY(segments.open_tail());
    if (last_segment == segments.names().back().number) write_offset = image.end_offset;
    TRY(cut_tail(&out->report));
    if (write_offset != 0) TRY(rewrite_tail(image.batch_offset));
    TRY(disk.sync_dir(dir + "/wal"));
  }
  out->entries = std::move(image.entries);
  return continue_behind(snapshot, out);
}

Status Wal::Impl::check_image(const LogImage& image, const raft::SnapshotMeta& snapshot) const {
  if (image.first.v > snapshot.index.v + 1) {
    const std::string what =
        image.damage.empty() ? "the log begins at index " + std::to_string(image.first.v) : image.damage;
    return fail(
        Code::data_loss,
        "E_WAL_DAMAGED: " + dir + "/wal: " + what + ", and the newest snapshot ends at index " +
            std::to_string(snapshot.index.v) + ", so indexes " + std::to_string(snapshot.index.v + 1) +
            " to " + std::to_string(image.first.v - 1) +
            " are not all here. They were durable, so nothing was cut. With other members alive: remove "
            "this member and add it again with an empty directory; alone: restore a backup");
  }
  if (image.hard_state_generation > hard_state.generation()) {
    return fail(Code::data_loss,
                "E_HARDSTATE_STALE: the log in " + dir + " was written under hard state generation " +
                    std::to_string(image.hard_state_generation) + ", the file holds generation " +
                    std::to_string(hard_state.generation()) +
                    "; this member may have voted and cannot know: remove it from the cluster and "
                    "add it again as a new member with an empty directory");
  }
  return {};
}

// The last frames were read, yet may be in the page cache only: the process before may have died before its
// sync, or after a failed one, which leaves pages marked clean (ATC'20). Writing the same bytes once more
// makes them durable.
Status Wal::Impl::rewrite_tail(std::uint64_t from) {
  std::vector<std::byte> bytes(write_offset - from);
  const std::size_t size = TRY(segments.tail().read_at(from, bytes));
  if (size != bytes.size())
    return fail(Code::internal, "the log in " + dir + " became shorter while it was read");
  TRY(segments.tail().write_at(from, bytes));
  return segments.tail().sync();
}

// Keeps the bytes of unfinished frames aside, then zeroes them: no later recovery meets them again.
Status Wal::Impl::cut_tail(RecoveryReport* report) {
  const SegmentName& name = segments.names().back();
  SegmentScanner scanner(segments.tail(), segments.path(name), owner, name.number);
  const std::uint64_t end = TRY(scanner.torn_end(write_offset));
  if (end == write_offset) return {};
  std::vector<std::byte> bytes(end - write_offset);
  TRY(segments.tail().read_at(write_offset, bytes));
  const std::string folder = dir + "/quarantine";
  TRY(disk.make_dir(folder));
  const std::string file = folder + "/" + segment_file(name) + "." + std::to_string(write_offset);
  std::string target = file;
  for (int copy = 2; TRY(disk.exists(target)); ++copy) target = file + "." + std::to_string(copy);
  const auto kept = TRY(disk.open(target, io::OpenMode::create));
  TRY(kept->write_at(0, bytes));
  TRY(kept->sync());
  TRY(disk.sync_dir(folder));
  TRY(disk.sync_dir(dir));
  report->torn_bytes = bytes.size();
  report->quarantine_file = target;
  std::fill(bytes.begin(), bytes.end(), std::byte{0});
  TRY(segments.tail().write_at(write_offset, bytes));
  return segments.tail().sync();
}

Status Wal::Impl::continue_behind(const raft::SnapshotMeta& snapshot, Opened* out) {
  const bool ends_before = next <= snapshot.index;
  const bool disagrees = !ends_before && snapshot.index >= first && snapshot.index.v != 0 &&
                         term_at(snapshot.index, out->entries) != snapshot.term;
  raft::HardState state = hard_state.state();
  const raft::Term seen =
      out->entries.empty() ? snapshot.term : std::max(snapshot.term, out->entries.back().term);
  raft::LogWrite write;
  if (seen > state.term) write.hard_state = raft::HardState{seen, raft::NodeId{}};
  if (ends_before || disagrees) {
    write.reset_to = snapshot;
    out->entries.clear();
  }
  if (!write.hard_state && !write.reset_to) return {};
  TRY(append(write));
  return sync();
}

// ---- writing ----

Status Wal::Impl::check(const raft::LogWrite& write) const {
  if (write.entries.empty()) return {};
  raft::Index expected = write.entries.front().index;
  const raft::Index low = write.reset_to ? write.reset_to->index.next() : first;
  const raft::Index high = write.reset_to ? write.reset_to->index.next() : next;
  if (expected < low || expected > high) {
    return fail(Code::out_of_range, "append at index " + std::to_string(expected.v) + ": the log takes " +
                                        std::to_string(low.v) + " to " + std::to_string(high.v));
  }
  for (const raft::Entry& entry : write.entries) {
    if (entry.index != expected) {
      return fail(Code::out_of_range, "append of index " + std::to_string(entry.index.v) + " where " +
                                          std::to_string(expected.v) + " comes next");
    }
    if (entry.data != nullptr && entry.data->size() > kEntryBytesMax) {
      return fail(Code::out_of_range, "entry " + std::to_string(entry.index.v) + " has " +
                                          std::to_string(entry.data->size()) + " bytes, the most is " +
                                          std::to_string(kEntryBytesMax));
    }
    expected = expected.next();
  }
  return {};
}

Status Wal::Impl::append(const raft::LogWrite& write) {
  if (write.hard_state && (pending_hard_state || *write.hard_state != hard_state.state())) {
    pending_hard_state = write.hard_state;
  }
  if (write.reset_to) {
    TRY(control_frame(FrameKind::reset, write.reset_to->index.next(), write.reset_to->term));
    frames.clear();
    first = next = write.reset_to->index.next();
  }
  TRY(append_entries(write.entries));
  if (write.drop_before) drop_before = std::max(drop_before, *write.drop_before);
  return {};
}

Status Wal::Impl::append_entries(const std::vector<raft::Entry>& entries) {
  for (const raft::Entry& entry : entries) {
    const bool full = open_frame && buffer.size() - open_frame->start > kFrameTargetBytes;
    if (full || (open_frame && entry.index != next)) TRY(close_frame());
    if (buffer.size() > kBufferBytesMax) TRY(sync());
    if (entry.index != next) drop_suffix(entry.index);
    if (!open_frame) begin_frame(FrameKind::entries, entry.index, entry.term);
    put_entry(entry);
  }
  return {};
}

void Wal::Impl::begin_frame(FrameKind kind, raft::Index index, raft::Term term) {
  open_frame = OpenFrame{.start = buffer.size(), .header = {}};
  open_frame->header.kind = kind;
  open_frame->header.first_index = index;
  open_frame->header.term = term;
  buffer.resize(buffer.size() + kFrameHeaderBytes);
}

void Wal::Impl::put_entry(const raft::Entry& entry) {
  const auto data = entry.data == nullptr ? std::span<const std::byte>() : as_bytes(*entry.data);
  std::array<std::byte, kEntryHeaderBytes> header{};
  put_u32(header.data(), static_cast<std::uint32_t>(data.size()));
  header[4] = static_cast<std::byte>(entry.type);
  put_u64(header.data() + 8, entry.term.v);
  buffer.insert(buffer.end(), header.begin(), header.end());
  buffer.insert(buffer.end(), data.begin(), data.end());
  open_frame->header.term = entry.term;
  ++open_frame->header.entry_count;
  next = entry.index.next();
}

Status Wal::Impl::close_frame() {
  if (!open_frame) return {};
  OpenFrame frame = *std::exchange(open_frame, std::nullopt);
  FrameHeader& header = frame.header;
  const std::size_t payload_bytes = buffer.size() - frame.start - kFrameHeaderBytes;
  header.payload_bytes = static_cast<std::uint32_t>(payload_bytes);
  header.payload_hash =
      hash128(std::span<const std::byte>(buffer).subspan(frame.start + kFrameHeaderBytes, payload_bytes));
  const std::uint64_t end = write_offset + frame.start + header.frame_bytes();
  // A frame larger than a segment gets one of its own, which grows.
  if (end > options.segment_bytes && write_offset + frame.start > 0) TRY(rotate(&frame));
  header.owner = owner;
  header.segment = segments.names().back().number;
  header.offset = write_offset + frame.start;
  header.seq = ++seq;
  header.durable_seq = durable_seq;
  header.hard_state_generation = hard_state.generation() + (pending_hard_state ? 1 : 0);
  header.previous = chain;
  const auto bytes = std::span(buffer).subspan(frame.start).first<kFrameHeaderBytes>();
  encode_header(header, bytes);
  chain = hash128(bytes);
  buffer.resize(frame.start + header.frame_bytes());
  last_segment = header.segment;
  if (header.kind == FrameKind::entries) {
    frames.push_back({header.first_index, header.entry_count, header.segment, header.offset, header});
  }
  return {};
}

// Everything before `frame`, the last in the buffer, becomes durable, and it moves to the start of a new
// segment.
Status Wal::Impl::rotate(OpenFrame* frame) {
  const std::vector<std::byte> moved(buffer.begin() + static_cast<std::ptrdiff_t>(frame->start),
                                     buffer.end());
  const raft::Index before =
      frames.empty() ? first : raft::Index{frames.back().first.v + frames.back().count};
  buffer.resize(frame->start);
  TRY(flush());
  TRY(segments.begin(std::min(before, frame->header.first_index), frame->header.frame_bytes()));
  write_offset = 0;
  buffer = moved;
  frame->start = 0;
  return {};
}

Status Wal::Impl::control_frame(FrameKind kind, raft::Index index, raft::Term term) {
  TRY(close_frame());
  begin_frame(kind, index, term);
  return close_frame();
}

void Wal::Impl::drop_suffix(raft::Index from) {
  while (!frames.empty() && frames.back().first >= from) frames.pop_back();
  if (!frames.empty()) frames.back().count = std::min(frames.back().count, from.v - frames.back().first.v);
  next = from;
}

Status Wal::Impl::flush() {
  CHECK(!open_frame);  // W3
  // The hard state first: an entry of a term that the member does not remember must not exist.
  if (pending_hard_state) {
    TRY(hard_state.write(*pending_hard_state));
    pending_hard_state.reset();
  }
  if (buffer.empty()) return {};
  TRY(segments.tail().write_at(write_offset, buffer));
  TRY(segments.tail().sync());
  write_offset += buffer.size();
  flushed_bytes += buffer.size();
  buffer.clear();
  durable_seq = seq;
  return {};
}

Status Wal::Impl::sync() {
  TRY(close_frame());
  return flush();
}

// Whatever the frames of this write need lies ready, or nothing has changed.
Status Wal::Impl::reserve(const raft::LogWrite& write) {
  const std::size_t end = open_frame ? open_frame->start : buffer.size();
  const Needs needs = needs_of({.segment_bytes = options.segment_bytes,
                                .frame_target_bytes = kFrameTargetBytes,
                                .offset = write_offset + end,
                                .open_bytes = buffer.size() - end,
                                .next = next},
                               write);
  if (!needs.segments.empty()) TRY(segments.reserve(needs.segments));
  if (needs.tail_bytes > options.segment_bytes) TRY(segments.extend_tail(needs.tail_bytes));
  return {};
}

// At the end of each segment as much may be left over as a frame takes that does not fit there any more.
raft::Room Wal::Impl::room() const {
  const std::uint64_t left_over = std::min(kUsualFrameBytes, options.segment_bytes / 4);
  const std::uint64_t used = write_offset + buffer.size();
  raft::Room room;
  room.bytes = used + left_over < options.segment_bytes ? options.segment_bytes - used - left_over : 0;
  room.low = segments.shortage() == Segments::Shortage::full ||
             (segments.shortage() == Segments::Shortage::passing && room.bytes < options.segment_bytes / 4);
  room.bytes += segments.spare_count() * (options.segment_bytes - left_over);
  return room;
}

Result<bool> Wal::Impl::maintain() {
  // What replaces the old entries is durable first.
  const Result<bool> recycled = buffer.empty() ? recycle() : Result<bool>(false);
  if (!recycled && !io::is_shortage(recycled.error())) return recycled;  // of descriptors: later, then
  const bool prepared = TRY(segments.prepare_spare(std::exchange(flushed_bytes, 0) * kSpareFillFactor));
  return prepared || recycled.value_or(false);
}

// Lets go of the segments whose entries are all covered: those before drop_before, or all of them after a
// reset. One of them is recycled here; true when there are more.
Result<bool> Wal::Impl::recycle() {
  const std::uint64_t tail = segments.names().back().number;
  while (!frames.empty() && frames.front().segment != tail) {
    const std::uint64_t segment = frames.front().segment;
    const auto behind = std::find_if(frames.begin(), frames.end(),
                                     [segment](const FrameRef& frame) { return frame.segment != segment; });
    const FrameRef& last = *std::prev(behind);
    const raft::Index end{last.first.v + last.count};
    if (end > drop_before) break;
    frames.erase(frames.begin(), behind);
    first = end;
  }
  return segments.recycle_one_before(frames.empty() ? last_segment : frames.front().segment);
}

// ---- reading ----

Result<raft::Entry> Wal::Impl::read(raft::Index index) {
  if (index < first || index >= next) {
    return fail(Code::not_found, "index " + std::to_string(index.v) + " is not in the log, which holds " +
                                     std::to_string(first.v) + " to " + std::to_string(next.v - 1));
  }
  TRY(sticky(close_frame()));
  const auto after = std::upper_bound(frames.begin(), frames.end(), index,
                                      [](raft::Index i, const FrameRef& frame) { return i < frame.first; });
  CHECK(after != frames.begin());  // W1
  const FrameRef& frame = *std::prev(after);
  EntryReader reader(TRY(payload_of(frame)), frame.header);
  raft::Entry entry;
  while (reader.next(&entry)) {
    if (entry.index == index) return entry;
  }
  return fail(Code::data_loss, "E_WAL_DAMAGED: index " + std::to_string(index.v) +
                                   " is not in its frame at offset " + std::to_string(frame.offset) +
                                   " of segment " + std::to_string(frame.segment));
}

Result<std::span<const std::byte>> Wal::Impl::payload_of(const FrameRef& frame) {
  const bool in_buffer = frame.segment == segments.names().back().number && frame.offset >= write_offset;
  if (in_buffer) {
    return std::span<const std::byte>(buffer).subspan(frame.offset - write_offset + kFrameHeaderBytes,
                                                      frame.header.payload_bytes);
  }
  if (cached_segment != frame.segment || cached_offset != frame.offset || cached_payload.empty()) {
    cached_payload.clear();
    std::vector<std::byte> payload(frame.header.payload_bytes);
    io::File* file = TRY(segments.reader(frame.segment));
    const std::size_t size = TRY(file->read_at(frame.offset + kFrameHeaderBytes, payload));
    if (size != payload.size() || hash128(payload) != frame.header.payload_hash) {
      return fail(Code::data_loss,
                  "E_WAL_DAMAGED: segment " + std::to_string(frame.segment) + " in " + dir +
                      "/wal at offset " + std::to_string(frame.offset) + ": the checksum of indexes " +
                      std::to_string(frame.first.v) + " to " +
                      std::to_string(frame.first.v + frame.count - 1) +
                      " does not fit any more; remove this member and add it again with an empty directory");
    }
    cached_segment = frame.segment;
    cached_offset = frame.offset;
    cached_payload = std::move(payload);
  }
  return std::span<const std::byte>(cached_payload);
}

// ---- the public face ----

Wal::Wal(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Wal::~Wal() = default;

Status Wal::append(const raft::LogWrite& write) {
  TRY(impl_->usable());
  TRY(impl_->check(write));
  if (Status reserved = impl_->reserve(write); !reserved) {
    if (!io::is_shortage(reserved.error())) return impl_->sticky(reserved);
    REACHED("wal.append.no_room");
    return reserved;
  }
  return impl_->sticky(impl_->append(write));
}

Status Wal::sync() {
  TRY(impl_->usable());
  return impl_->sticky(impl_->sync());
}

Result<bool> Wal::maintain() {
  TRY(impl_->usable());
  Result<bool> more = impl_->maintain();
  if (!more) TRY(impl_->sticky(tl::unexpected(more.error())));
  return more;
}

raft::Room Wal::room() const { return impl_->room(); }
bool Wal::is_short() const { return impl_->segments.shortage() != Segments::Shortage::none; }

raft::Index Wal::first_index() const { return impl_->first == impl_->next ? raft::Index{} : impl_->first; }
raft::Index Wal::last_index() const {
  return impl_->first == impl_->next ? raft::Index{} : impl_->next.prev();
}

Result<raft::Entry> Wal::read(raft::Index index) {
  TRY(impl_->usable());
  return impl_->read(index);
}

Status Wal::truncate_front(raft::Index first) {
  TRY(impl_->usable());
  if (first < impl_->first || first > impl_->next) {
    return fail(Code::out_of_range, "truncate before index " + std::to_string(first.v) + ": the log holds " +
                                        std::to_string(impl_->first.v) + " to " +
                                        std::to_string(impl_->next.v - 1));
  }
  impl_->drop_before = std::max(impl_->drop_before, first);
  TRY(impl_->sticky(impl_->sync()));
  while (TRY(maintain())) {
  }
  return {};
}

Status Wal::truncate_back(raft::Index last) {
  TRY(impl_->usable());
  if (last.next() < impl_->first || last >= impl_->next) {
    if (last.next() == impl_->next) return {};
    return fail(Code::out_of_range, "truncate after index " + std::to_string(last.v) + ": the log holds " +
                                        std::to_string(impl_->first.v) + " to " +
                                        std::to_string(impl_->next.v - 1));
  }
  if (last.next() == impl_->next) return impl_->sticky(impl_->sync());
  TRY(impl_->sticky(impl_->control_frame(FrameKind::truncate, last.next(), raft::Term{})));
  impl_->drop_suffix(last.next());
  return impl_->sticky(impl_->sync());
}

Status Wal::close() {
  TRY(impl_->usable());
  Status synced = impl_->sticky(impl_->sync());
  impl_->closed = true;
  return synced;
}

}  // namespace cairn::wal
