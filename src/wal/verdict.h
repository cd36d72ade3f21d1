// Recovery, the judging: what a data directory still remembers, and whether that is all it ever promised.
// Pure: what was found goes in, the verdict comes out; the decision table is in docs/format/wal.md,
// "Recovery". Wal::open acts on it.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "raft/types.h"
#include "wal/format.h"
#include "wal/hard_state.h"
#include "wal/recovery.h"
#include "wal/watermark.h"

namespace cairn::wal {

struct Found {  // before anything is changed
  bool has_hard_state_file = false;
  std::optional<HardStateCopy> hard_state;  // the one that counts
  bool has_watermark_file = false;
  std::optional<WatermarkSlot> watermark;  // the newer slot
  bool has_both_slots = false;
  std::optional<Watermark> mark;  // what says most: the watermark, or the hard state's last write
  std::deque<SegmentName> names;  // oldest first
  LogImage image;
  std::uint64_t torn_end = 0;  // of what looks like an unfinished frame behind the image, in the last segment
  bool written_behind_the_mark = false;  // something that looks like a frame, finished or not

  std::vector<Watermark> marks() const {
    std::vector<Watermark> out;
    if (watermark) out.push_back(watermark->mark);
    if (hard_state && hard_state->beside.log.segment != 0) out.push_back(hard_state->beside.log);
    return out;
  }
  // Where in the last segment the log ends.
  std::uint64_t tail_offset() const {
    return !names.empty() && image.last_segment == names.back().number ? image.end_offset : 0;
  }
};

struct Verdict {
  bool is_first_start = false;
  std::string code;      // of the first finding, "E_..."; empty: nothing was lost
  std::string findings;  // in words, all of them
  IndexRange affected;   // may have been acknowledged, and is not here
  bool log_is_damaged = false;
  bool vote_is_known = true;
  std::uint64_t hard_state_generation = 0;  // the newest that anything knows of
  // What the log goes on with: all that was read, or only frames up to here (0: none).
  std::uint64_t keep_seq = std::numeric_limits<std::uint64_t>::max();
  // Nothing is lost, yet the log's end is: it goes on empty behind the snapshot, which covers it.
  bool start_behind_snapshot = false;

  bool is_loss() const { return !code.empty(); }
  bool keeps_all() const { return keep_seq == std::numeric_limits<std::uint64_t>::max(); }
};

Verdict judge(const Found& found, const raft::SnapshotMeta& snapshot, const std::string& dir);

}  // namespace cairn::wal
