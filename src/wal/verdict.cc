#include "wal/verdict.h"

#include <algorithm>
#include <utility>

#include "base/reached.h"

namespace cairn::wal {
namespace {

std::string text(std::uint64_t number) { return std::to_string(number); }
std::string text(const IndexRange& range) {
  return range.first == range.last ? "index " + text(range.first.v)
                                   : "indexes " + text(range.first.v) + " to " + text(range.last.v);
}

class Judge {
 public:
  Judge(const Found& found, const raft::SnapshotMeta& snapshot, const std::string& dir)
      : found_(found), snapshot_(snapshot), dir_(dir) {}

  Verdict run() {
    if (is_first_start()) {
      REACHED("wal.recovery.first_start");
      verdict_.is_first_start = true;
      return verdict_;
    }
    judge_hard_state();
    judge_watermark();
    judge_log();
    if (verdict_.log_is_damaged) choose_what_to_keep();
    if (!verdict_.is_loss()) count_harmless();
    return verdict_;
  }

 private:
  bool is_first_start() const {
    return !found_.has_hard_state_file && !found_.has_watermark_file && found_.names.empty() &&
           snapshot_.index.v == 0;
  }
  // The first start ends by numbering itself 1: until then, files are missing because they were never there.
  bool has_started() const {
    return found_.hard_state && found_.hard_state->format >= 2 && found_.hard_state->state.life.start > 0;
  }

  void find(const char* code, const std::string& what) {
    if (verdict_.code.empty()) verdict_.code = code;
    verdict_.findings += (verdict_.findings.empty() ? "" : "; ") + what;
  }
  void find_in_log(const char* code, const std::string& what) {
    find(code, what);
    verdict_.log_is_damaged = true;
  }

  void judge_hard_state() {
    const std::uint64_t of_mark = found_.watermark ? found_.watermark->mark.hard_state_generation : 0;
    verdict_.hard_state_generation = std::max(found_.image.hard_state_generation, of_mark);
    find_hard_state_lost();
    verdict_.vote_is_known = !verdict_.is_loss();
  }

  void find_hard_state_lost() {
    const std::string path = dir_ + "/hardstate";
    if (!found_.has_hard_state_file) {
      REACHED("wal.recovery.hard_state_missing");
      find("E_HARDSTATE_LOST", path +
                                   " is missing although there is a log or a snapshot: this member may have "
                                   "voted and cannot know");
    } else if (!found_.hard_state) {
      REACHED("wal.recovery.hard_state_damaged");
      find("E_HARDSTATE_LOST",
           "both copies in " + path + " are damaged: this member may have voted and cannot know");
    } else {
      const std::uint64_t known = verdict_.hard_state_generation;
      if (known <= found_.hard_state->generation) return;
      REACHED("wal.recovery.hard_state_stale");
      find("E_HARDSTATE_STALE", "the log in " + dir_ + " was written under hard state generation " +
                                    text(known) + ", " + path + " holds generation " +
                                    text(found_.hard_state->generation) +
                                    ": this member may have voted and cannot know");
    }
  }

  void judge_watermark() {
    if (found_.watermark) return judge_watermark_age();
    if (!found_.has_watermark_file && !has_started()) return;
    const std::string path = dir_ + "/watermark";
    REACHED("wal.recovery.watermark_lost");
    find("E_WATERMARK_LOST",
         (found_.has_watermark_file ? "both slots in " + path + " are damaged" : path + " is missing") +
             ": whether the log, which ends at index " + text(found_.image.next.v - 1) +
             ", is complete cannot be known");
    verdict_.affected = {found_.image.next, found_.image.next};
  }

  // Slots are written in turn, so a damaged one was no more than one ahead of the other.
  void judge_watermark_age() {
    const std::uint64_t known = found_.hard_state ? found_.hard_state->beside.watermark_generation : 0;
    const std::uint64_t newest = found_.watermark->generation + (found_.has_both_slots ? 0 : 1);
    if (newest >= known) return;
    REACHED("wal.recovery.watermark_stale");
    watermark_is_old_ = true;
    find("E_WATERMARK_STALE", dir_ + "/watermark holds generation " + text(newest) +
                                  " at most, the hard state was written beside generation " + text(known) +
                                  ": it and maybe the log, which ends at index " +
                                  text(found_.image.next.v - 1) + ", are older copies");
    verdict_.affected = {found_.image.next, found_.image.next};
  }

  void judge_log() {
    const LogImage& image = found_.image;
    const std::string folder = dir_ + "/wal";
    if (found_.names.empty()) {
      // A state is written again only once there is a log.
      const bool had_log = found_.mark || (found_.hard_state && found_.hard_state->generation > 1);
      if (!had_log) return;
      REACHED("wal.recovery.log_missing");
      return find_in_log("E_WAL_LOST", folder + " holds no log although there was one");
    }
    if (image.nonsense) {
      REACHED("wal.recovery.nonsense");
      find_in_log("E_WAL_DAMAGED", folder + ": " + image.damage);
    }
    if (image.first.v > snapshot_.index.v + 1) return judge_gap();
    if (!found_.mark) return;
    const Watermark& mark = *found_.mark;
    if (image.other_than != 0) {
      REACHED("wal.recovery.other_log");
      find_in_log("E_WAL_DAMAGED", folder + ": frame " + text(image.other_than) +
                                       " is not the one that the watermark or the hard state in " + dir_ +
                                       " names: files of different times are mixed");
    } else if (mark.segment > found_.names.back().number) {
      REACHED("wal.recovery.last_segment_missing");
      find_in_log("E_WAL_LOST", folder + " ends with segment " + text(found_.names.back().number) +
                                    ", segment " + text(mark.segment) + " had been begun: it is missing");
    } else if (image.seq < mark.seq) {
      judge_end(mark);
    }
  }

  void judge_gap() {
    const LogImage& image = found_.image;
    const bool broken = !image.damage.empty();
    if (broken) {
      REACHED("wal.recovery.damaged");
    } else {
      REACHED("wal.recovery.snapshot_gap");
    }
    const std::string what = broken ? image.damage : "the log begins at index " + text(image.first.v);
    find_in_log("E_WAL_DAMAGED", dir_ + "/wal: " + what + ", and the newest snapshot ends at index " +
                                     text(snapshot_.index.v) + ": " +
                                     text(IndexRange{snapshot_.index.next(), image.first.prev()}) +
                                     " are not all here");
  }

  void judge_end(const Watermark& mark) {
    // Behind the mark lies nothing: what it says of the log is all that there was.
    const bool is_covered = mark.next.v <= snapshot_.index.v + 1 && !found_.written_behind_the_mark;
    if (is_covered && is_latest(mark)) {
      REACHED("wal.recovery.end_covered_by_snapshot");
      verdict_.start_behind_snapshot = true;
      return;
    }
    REACHED("wal.recovery.lost_suffix");
    find_in_log("E_WAL_DAMAGED", dir_ + "/wal: the last intact frame is " + text(found_.image.seq) +
                                     " (the log ends at index " + text(found_.image.next.v - 1) +
                                     "), frames up to " + text(mark.seq) + " were durable (up to index " +
                                     text(mark.next.v - 1) + "), in segment " + text(mark.segment) +
                                     " up to offset " + text(mark.offset));
  }

  // No frame knows of a later hard state than the mark does, nor the hard state of a later watermark. A mark
  // whose frame is missing, and which is older all the same, is of an earlier log, whose numbers went further
  // before a loss made this one begin anew: it says nothing of where this one ends.
  bool is_latest(const Watermark& mark) const {
    const bool is_watermark = found_.watermark && mark == found_.watermark->mark;
    const std::uint64_t known = is_watermark ? mark.hard_state_generation : found_.hard_state->generation;
    return known >= found_.image.hard_state_generation && !(is_watermark && watermark_is_old_);
  }

  // The longest part that begins at the log's beginning or connects to the snapshot.
  void choose_what_to_keep() {
    const LogImage& image = found_.image;
    raft::Index kept_next = image.next;
    if (image.first.v > snapshot_.index.v + 1) {
      kept_next = raft::Index{1};
      verdict_.keep_seq = 0;
      for (const LogImage::Piece& piece : image.pieces) {
        if (piece.first.v > snapshot_.index.v + 1 || piece.next < kept_next) continue;
        kept_next = piece.next;
        verdict_.keep_seq = piece.seq;
      }
    }
    if (found_.names.empty()) verdict_.keep_seq = 0;
    const raft::Index first = std::max(kept_next, snapshot_.index.next());
    raft::Index last = std::max(image.next.prev(), first);
    if (found_.mark) last = std::max(last, found_.mark->next.prev());
    verdict_.affected = {first, last};
  }

  void count_harmless() const {
    if (!found_.image.damage.empty()) {
      REACHED("wal.recovery.damage_covered_by_snapshot");
    } else if (found_.torn_end > found_.tail_offset()) {
      REACHED("wal.recovery.torn_tail");
    } else {
      REACHED("wal.recovery.clean");
    }
  }

  const Found& found_;
  const raft::SnapshotMeta& snapshot_;
  const std::string& dir_;
  Verdict verdict_;
  bool watermark_is_old_ = false;
};

}  // namespace

Verdict judge(const Found& found, const raft::SnapshotMeta& snapshot, const std::string& dir) {
  return Judge(found, snapshot, dir).run();
}

}  // namespace cairn::wal
