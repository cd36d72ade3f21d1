#include "wal/wal.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "base/reached.h"
#include "wal/packing.h"
#include "wal/wal_impl.h"

namespace cairn::wal {
namespace {

std::span<const std::byte> as_bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

}  // namespace

Status Wal::Impl::usable() const {
  if (closed) {
    REACHED("wal.used.after_close");
    return fail(Code::failed_precondition, "the log in " + dir + " is closed");
  }
  if (failed) {
    REACHED("wal.used.after_failure");
    return fail(failed->code, "the log in " + dir + " failed before: " + failed->message);
  }
  return {};
}

// ---- writing ----

Status Wal::Impl::check(const raft::LogWrite& write) const {
  if (write.entries.empty()) return {};
  raft::Index expected = write.entries.front().index;
  const raft::Index low = write.reset_to ? write.reset_to->index.next() : first;
  const raft::Index high = write.reset_to ? write.reset_to->index.next() : next;
  if (expected < low || expected > high) {
    REACHED("wal.append.out_of_order");
    return fail(Code::out_of_range, "append at index " + std::to_string(expected.v) + ": the log takes " +
                                        std::to_string(low.v) + " to " + std::to_string(high.v));
  }
  for (const raft::Entry& entry : write.entries) {
    if (entry.index != expected) {
      REACHED("wal.append.out_of_order");
      return fail(Code::out_of_range, "append of index " + std::to_string(entry.index.v) + " where " +
                                          std::to_string(expected.v) + " comes next");
    }
    if (entry.data != nullptr && entry.data->size() > options.entry_bytes_max) {
      REACHED("wal.append.entry_too_large");
      return fail(Code::out_of_range, "entry " + std::to_string(entry.index.v) + " has " +
                                          std::to_string(entry.data->size()) + " bytes, the most is " +
                                          std::to_string(options.entry_bytes_max));
    }
    expected = expected.next();
  }
  return {};
}

Status Wal::Impl::append(const raft::LogWrite& write) {
  if (write.hard_state) want_hard_state(*write.hard_state);
  if (write.reset_to) {
    TRY(control_frame(FrameKind::reset, write.reset_to->index.next(), write.reset_to->term));
    frames.clear();
    first = next = write.reset_to->index.next();
  }
  TRY(append_entries(write.entries));
  if (write.drop_before) drop_before = std::max(drop_before, *write.drop_before);
  return {};
}

void Wal::Impl::want_hard_state(raft::HardState wanted) {
  const raft::HardState& last = pending_hard_state ? *pending_hard_state : hard_state.state();
  if (wanted.life == raft::Life{}) {
    wanted.life = last.life;
    wanted.starts = last.starts;
    wanted.has_forgotten = last.has_forgotten;
  }
  if (wanted != last) pending_hard_state = wanted;
}

Status Wal::Impl::append_entries(const std::vector<raft::Entry>& entries) {
  for (const raft::Entry& entry : entries) {
    const bool full = open_frame && buffer.size() - open_frame->start > options.frame_target_bytes;
    if (full || (open_frame && entry.index != next)) TRY(close_frame());
    if (buffer.size() > options.buffer_bytes_max) {
      if (open_frame) REACHED("wal.buffer_full_within_frame");
      REACHED("wal.buffer_full");
      TRY(sync());
    }
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
  if (header.frame_bytes() > options.segment_bytes) REACHED("wal.frame_larger_than_segment");
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
  closed_next = header.kind == FrameKind::entries ? next : header.first_index;
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
  REACHED("wal.rotation");
  if (!buffer.empty()) REACHED("wal.rotation_within_batch");
  TRY(flush());
  TRY(segments.begin(std::min(before, frame->header.first_index), frame->header.frame_bytes()));
  write_offset = 0;
  TRY(note_durable());  // that there is one more segment
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
  REACHED("wal.suffix_replaced");
  while (!frames.empty() && frames.back().first >= from) frames.pop_back();
  if (!frames.empty()) frames.back().count = std::min(frames.back().count, from.v - frames.back().first.v);
  next = from;
}

Status Wal::Impl::flush() {
  CHECK(!open_frame);  // W3
  // The hard state first: an entry of a term that the member does not remember must not exist.
  if (pending_hard_state) {
    TRY(hard_state.write(*pending_hard_state, beside()));
    pending_hard_state.reset();
  }
  if (buffer.empty()) return {};
  TRY(segments.tail().write_at(write_offset, buffer));
  TRY(segments.tail().sync());
  write_offset += buffer.size();
  flushed_bytes += buffer.size();
  if (disk_room) disk_room->unasked_bytes += buffer.size();
  buffer.clear();
  durable_seq = seq;
  durable_frame = chain;
  durable_next = closed_next;
  return watermark ? past_shortage(watermark->jot(here())) : Status();
}

// Where even overwriting takes room, the watermark stays behind until there is some.
Status Wal::Impl::past_shortage(Status noted) {
  return !noted && io::is_shortage(noted.error()) ? Status() : noted;
}

Status Wal::Impl::sync() {
  TRY(close_frame());
  return flush();
}

// Whatever the frames of this write need lies ready, or nothing has changed.
Status Wal::Impl::reserve(const raft::LogWrite& write) {
  if (write.entries.empty() && !write.reset_to) return {};  // votes need nothing
  const std::size_t end = open_frame ? open_frame->start : buffer.size();
  const Needs needs = needs_of({.segment_bytes = options.segment_bytes,
                                .frame_target_bytes = options.frame_target_bytes,
                                .buffer_bytes_max = options.buffer_bytes_max,
                                .offset = write_offset + end,
                                .closed_bytes = end,
                                .open_bytes = buffer.size() - end,
                                .next = next},
                               write);
  if (!needs.segments.empty()) TRY(segments.reserve(needs.segments));
  TRY(segments.extend_tail(std::max(needs.tail_bytes, options.segment_bytes)));
  return {};
}

// At the end of each segment as much may be left over as a frame takes that does not fit there any more.
raft::Room Wal::Impl::room() {
  const std::uint64_t left_over = std::min(options.usual_frame_bytes, options.segment_bytes / 4);
  const std::uint64_t used = write_offset + buffer.size();
  raft::Room room;
  room.bytes = used + left_over < options.segment_bytes ? options.segment_bytes - used - left_over : 0;
  room.low = segments.shortage() == Segments::Shortage::full ||
             (segments.shortage() == Segments::Shortage::passing && room.bytes < options.segment_bytes / 4);
  room.bytes += segments.spare_count() * (options.segment_bytes - left_over);
  if (segments.shortage() == Segments::Shortage::none) room.bytes += disk_room_bytes();
  return room;
}

// Asking takes longer than all else that a small write costs here. Where there is plenty, little depends on
// the answer: others may fill the disk a moment later as well.
std::uint64_t Wal::Impl::disk_room_bytes() {
  const bool known = disk_room && disk_room->bytes >= options.ample_room_bytes &&
                     disk_room->unasked_bytes < options.ask_room_bytes;
  if (!known) disk_room = DiskRoom{.bytes = segments.disk_room_bytes()};
  return disk_room->bytes;
}

Result<bool> Wal::Impl::maintain() {
  // What replaces the old entries is durable first.
  const Result<bool> recycled = buffer.empty() ? recycle() : Result<bool>(false);
  if (!recycled && !io::is_shortage(recycled.error())) return recycled;  // of descriptors: later, then
  const std::uint64_t fill_bytes = std::exchange(flushed_bytes, 0) * options.spare_fill_factor;
  const bool prepared = TRY(segments.prepare_spare(fill_bytes));
  return prepared || recycled.value_or(false);
}

Watermark Wal::Impl::here() const {
  return {.seq = durable_seq,
          .segment = segments.names().back().number,
          .offset = write_offset,
          .next = durable_next,
          .frame = durable_frame,
          .hard_state_generation = hard_state.generation()};
}

Beside Wal::Impl::beside() const {
  return {here(), watermark ? watermark->generation() : hard_state.beside().watermark_generation};
}

Status Wal::Impl::note_durable() {
  disk_room.reset();
  if (!buffer.empty() || open_frame || watermark->mark() == here()) return {};
  REACHED("wal.durable_noted");
  return past_shortage(watermark->write(here()));
}

// An older log that is put back while no process runs is told by the hard state, which names this one.
Status Wal::Impl::note_beside() {
  if (hard_state.beside() == beside()) return {};
  return hard_state.write(hard_state.state(), beside());
}

// Lets go of the segments whose entries are all covered: those before drop_before, or all of them after a
// reset. One of them is recycled here; true when there are more.
Result<bool> Wal::Impl::recycle() {
  const std::uint64_t tail = segments.names().back().number;
  while (!frames.empty() && frames.front().segment != tail) {
    const std::uint64_t segment = frames.front().segment;
    const auto behind =
        std::upper_bound(frames.begin(), frames.end(), segment,
                         [](std::uint64_t at, const FrameRef& frame) { return at < frame.segment; });  // W1
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
    REACHED("wal.read.not_in_log");
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
    REACHED("wal.read.from_buffer");
    return std::span<const std::byte>(buffer).subspan(frame.offset - write_offset + kFrameHeaderBytes,
                                                      frame.header.payload_bytes);
  }
  if (cached_segment != frame.segment || cached_offset != frame.offset || cached_payload.empty()) {
    cached_payload.clear();
    std::vector<std::byte> payload(frame.header.payload_bytes);
    io::File* file = TRY(segments.reader(frame.segment));
    const std::size_t size = TRY(file->read_at(frame.offset + kFrameHeaderBytes, payload));
    if (size != payload.size() || hash128(payload) != frame.header.payload_hash) {
      REACHED("wal.read.damaged");
      return fail(Code::data_loss,
                  "E_WAL_DAMAGED: segment " + std::to_string(frame.segment) + " in " + dir +
                      "/wal at offset " + std::to_string(frame.offset) + ": the checksum of indexes " +
                      std::to_string(frame.first.v) + " to " +
                      std::to_string(frame.first.v + frame.count - 1) +
                      " does not fit any more; the next start finds it and says what is lost");
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

Status Wal::note_durable() {
  TRY(impl_->usable());
  return impl_->sticky(impl_->note_durable());
}

std::chrono::milliseconds Wal::watermark_idle() const { return impl_->options.watermark_idle; }
std::chrono::milliseconds Wal::watermark_lag_max() const { return impl_->options.watermark_lag_max; }

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
  if (synced) synced = impl_->sticky(impl_->note_durable());
  if (synced) synced = impl_->sticky(impl_->note_beside());
  impl_->closed = true;
  return synced;
}

}  // namespace cairn::wal
