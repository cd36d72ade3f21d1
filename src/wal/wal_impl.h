// Wal's inside, shared by wal.cc (writing and reading) and opening.cc. For nobody else.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "wal/format.h"
#include "wal/hard_state.h"
#include "wal/recovery.h"
#include "wal/segments.h"
#include "wal/verdict.h"
#include "wal/wal.h"
#include "wal/watermark.h"

namespace cairn::wal {

// Invariants:
//   W1  `frames`, the closed ones with entries, lie in ascending order of index and of (segment, offset), and
//       without gap; with the open one they hold `first` up to `next` - 1
//   W2  what lies before `write_offset` in the tail is durable and never written again
//   W3  `buffer` holds closed frames, then at most one open one, all for the tail at `write_offset`; flush()
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
  std::optional<WatermarkFile> watermark;  // always, once open
  std::optional<Error> failed;             // the first I/O error: all later calls repeat it
  bool closed = false;

  std::deque<FrameRef> frames;
  raft::Index first{1};
  raft::Index next{1};
  raft::Index closed_next{1};   // as the closed frames have it
  raft::Index durable_next{1};  // as the durable ones have it
  std::uint64_t seq = 0;
  std::uint64_t durable_seq = 0;
  std::uint64_t flushed_bytes = 0;  // since maintain()
  struct DiskRoom {
    std::uint64_t bytes = 0;          // when the disk was asked last
    std::uint64_t unasked_bytes = 0;  // written since
  };
  std::optional<DiskRoom> disk_room;
  Hash128 chain;                   // hash of the last frame's header
  Hash128 durable_frame;           // ... of the last durable one's
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
  Status usable() const;
  // After a failed write or sync nobody knows what the file holds: nothing may be written behind it any more.
  Status sticky(Status status) {
    if (!status && !failed) failed = status.error();
    return status;
  }

  // ---- opening ----
  Status load(Found* found, const Verdict& verdict, Opened* out);
  Status rewrite_tail(std::uint64_t from);
  Status cut_tail(std::uint64_t end, RecoveryReport* report);
  Status continue_behind(const raft::SnapshotMeta& snapshot, bool in_any_case, Opened* out);

  // ---- writing ----
  Status check(const raft::LogWrite& write) const;
  Status append(const raft::LogWrite& write);
  void want_hard_state(raft::HardState wanted);
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
  raft::Room room();
  std::uint64_t disk_room_bytes();
  Result<bool> maintain();
  Result<bool> recycle();
  Watermark here() const;
  Beside beside() const;
  Status note_beside();
  Status note_durable();
  static Status past_shortage(Status noted);

  // ---- reading ----
  Result<raft::Entry> read(raft::Index index);
  Result<std::span<const std::byte>> payload_of(const FrameRef& frame);
  raft::Term term_at(raft::Index index, const std::vector<raft::Entry>& entries) const {
    return entries[static_cast<std::size_t>(index.v - first.v)].term;
  }
};

}  // namespace cairn::wal
