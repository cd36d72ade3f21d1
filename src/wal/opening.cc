// Wal::open: looks (changes nothing), judges (verdict.h), and only then acts. Whatever it finds lost, a crash
// between any two of its writes leads the next start to the same end: the new life is durable before anything
// is taken out of the log, and the hard state names the log that was until the log is whole again.
#include <algorithm>
#include <map>
#include <memory>

#include "base/reached.h"
#include "raft/life.h"
#include "wal/quarantine.h"
#include "wal/wal_impl.h"

namespace cairn::wal {
namespace {

constexpr std::size_t kGibibyte = std::size_t{1} << 30;

Options legal(Options options) {
  options.segment_bytes = std::max(options.segment_bytes, kSegmentBytesMin) / kBlockBytes * kBlockBytes;
  options.spare_segments =
      std::max<std::size_t>(options.spare_segments, 1);  // a rotation is not to need room
  options.fill_write_bytes = std::max<std::size_t>(options.fill_write_bytes, kBlockBytes);
  options.fill_sync_bytes = std::max<std::uint64_t>(options.fill_sync_bytes, kBlockBytes);
  options.refill_bytes = std::max<std::uint64_t>(options.refill_bytes, kBlockBytes);
  options.spare_fill_factor = std::max<std::uint64_t>(options.spare_fill_factor, 1);
  // A frame's size fits its 32 bits.
  options.frame_target_bytes = std::clamp<std::size_t>(options.frame_target_bytes, 1, kGibibyte);
  options.entry_bytes_max = std::min(options.entry_bytes_max, kGibibyte);
  options.buffer_bytes_max = std::max<std::size_t>(options.buffer_bytes_max, kBlockBytes);
  options.read_window_bytes = std::max(options.read_window_bytes, kBlockBytes);
  if (options.fresh.v == 0) options.fresh.v = 1;
  return options;
}

// Reads what the directory holds.
class Look {
 public:
  Look(io::Disk& disk, const std::string& dir, std::uint64_t owner, const Options& options)
      : disk_(disk), dir_(dir), folder_(dir + "/wal"), owner_(owner), options_(options) {}

  Result<Found> all() {
    Found found;
    TRY(states(&found));
    if (TRY(disk_.exists(folder_))) {
      for (const std::string& file : TRY(disk_.list(folder_))) {
        if (const auto name = parse_segment_file(file)) found.names.push_back(*name);
      }
    }
    const auto by_number = [](const SegmentName& a, const SegmentName& b) { return a.number < b.number; };
    std::sort(found.names.begin(), found.names.end(), by_number);
    found.image = TRY(log(found, std::numeric_limits<std::uint64_t>::max()));
    found.torn_end = TRY(torn_end(found));
    if (found.mark && found.image.seq < found.mark->seq) TRY(behind_the_mark(&found));
    return found;
  }

  Result<LogImage> log(const Found& found, std::uint64_t last_seq) {
    return read_log({.names = found.names,
                     .open = [this](const SegmentName& name) { return file(name); },
                     .path = [this](const SegmentName& name) { return path(name); },
                     .owner = owner_,
                     .window_bytes = options_.read_window_bytes,
                     .last_seq = last_seq,
                     .marks = found.marks()});
  }

  // Of what looks like an unfinished frame in the last segment.
  Result<std::uint64_t> torn_end(const Found& found) {
    return found.names.empty() ? 0 : end_of_writing(found.names.back(), found.tail_offset());
  }

 private:
  std::string path(const SegmentName& name) const { return folder_ + "/" + segment_file(name); }
  Result<io::File*> file(const SegmentName& name) {
    std::unique_ptr<io::File>& file = files_[name.number];
    if (file == nullptr) file = TRY(disk_.open(path(name), io::OpenMode::read));
    return file.get();
  }

  Status states(Found* found) {
    const Result<HardStateCopies> copies = read_hard_state(disk_, dir_, owner_);
    if (!copies && copies.error().code != Code::not_found) return tl::unexpected(copies.error());
    found->has_hard_state_file = copies.has_value();
    if (copies) {
      found->hard_state = newest(*copies);
      if (found->hard_state && (!(*copies)[0] || !(*copies)[1])) REACHED("wal.recovery.hard_state_one_copy");
    }
    const Result<WatermarkSlots> slots = read_watermark(disk_, dir_, owner_);
    if (!slots && slots.error().code != Code::not_found) return tl::unexpected(slots.error());
    found->has_watermark_file = slots.has_value();
    if (const auto slot = slots ? newest(*slots) : std::nullopt) {
      found->watermark = slot;
      found->has_both_slots = (*slots)[0] && (*slots)[1];
      if (!found->has_both_slots) REACHED("wal.recovery.watermark_one_slot");
    }
    for (const Watermark& mark : found->marks()) found->mark = newer(found->mark.value_or(mark), mark);
    return {};
  }

  Status behind_the_mark(Found* found) {
    const SegmentName* tail = found->names.empty() ? nullptr : &found->names.back();
    if (tail == nullptr || tail->number < found->mark->segment) return {};
    found->written_behind_the_mark = tail->number > found->mark->segment ||
                                     TRY(end_of_writing(*tail, found->mark->offset)) != found->mark->offset;
    return {};
  }

  Result<std::uint64_t> end_of_writing(const SegmentName& name, std::uint64_t from) {
    SegmentScanner scanner(*TRY(file(name)), path(name), owner_, name.number, options_.read_window_bytes);
    return scanner.torn_end(from);
  }

  io::Disk& disk_;
  const std::string& dir_;
  const std::string folder_;
  const std::uint64_t owner_;
  const Options& options_;
  std::map<std::uint64_t, std::unique_ptr<io::File>> files_;
};

std::string in_words(const Verdict& verdict) {
  std::string out = verdict.code + ": " + verdict.findings;
  if (verdict.affected == IndexRange{}) return out;
  const std::string first = std::to_string(verdict.affected.first.v);
  const std::string last = std::to_string(verdict.affected.last.v);
  return out + "; indexes from " + first + " on (known of: up to " + last +
         ") may have been acknowledged and are affected";
}

tl::unexpected<Error> refusal(const Verdict& verdict) {
  return fail(
      Code::data_loss,
      in_words(verdict) +
          ". Nothing was changed. A member of several is taken in again by the others, by itself; alone "
          "there is nobody to ask: restore a backup, or start with an empty directory and lose all data");
}

raft::Term last_term(const std::vector<raft::Entry>& entries, const raft::SnapshotMeta& snapshot) {
  return entries.empty() ? snapshot.term : std::max(snapshot.term, entries.back().term);
}

void count_start(std::uint64_t random, raft::HardState* state) {
  state->life.start = raft::next_start(state->life.start, random);
  state->starts.push_back(state->life.start);
  if (state->starts.size() > kStartsMax) state->starts.erase(state->starts.begin());
}

// The steps that change something.
class Act {
 public:
  Act(io::Disk& disk, const std::string& dir, std::uint64_t owner, const Options& options)
      : disk_(disk), dir_(dir), owner_(owner), options_(options) {}

  Result<HardStateFile> hard_state(const Found& found) {
    if (found.has_hard_state_file) return HardStateFile::open(disk_, dir_, owner_);
    raft::HardState state;
    state.life = {options_.fresh, 0, false};
    state.has_forgotten = options_.was_there;
    return HardStateFile::create(disk_, dir_, owner_, state);
  }

  // A life that remembers no more than the log and the hard state, as far as they are left.
  Result<HardStateFile> forgetful_hard_state(const Found& found, const Verdict& verdict,
                                             const raft::SnapshotMeta& snapshot) {
    raft::HardState state = found.hard_state ? found.hard_state->state : raft::HardState{};
    const raft::Term seen = last_term(found.image.entries, snapshot);
    if (seen > state.term || !verdict.vote_is_known) {
      state.term = std::max(state.term, seen);
      state.vote = {};
      state.vote_incarnation = {};
    }
    const bool is_old = state.life.incarnation == options_.fresh;
    state.life = {raft::Incarnation{options_.fresh.v + (is_old ? 1 : 0)}, 1, false, 0, state.life.founded};
    state.starts = {state.life.start};
    state.has_forgotten = true;
    const std::uint64_t generation = verdict.hard_state_generation + 1;
    if (found.hard_state) {
      HardStateFile file = TRY(HardStateFile::open(disk_, dir_, owner_));
      TRY(file.write(state, found.hard_state->beside, generation));  // what tells of the loss
      return file;
    }
    if (found.has_hard_state_file) TRY(copy_aside(disk_, dir_, "hardstate"));
    return HardStateFile::create(disk_, dir_, owner_, state, generation);
  }

  // Newest first: what is left is always the log's beginning.
  Status move_segments_behind(std::uint64_t number, std::deque<SegmentName>* names) {
    while (!names->empty() && names->back().number > number) {
      TRY(move_aside(disk_, dir_, dir_ + "/wal", segment_file(names->back())));
      names->pop_back();
    }
    return {};
  }

  // The log begins anew with segment 1: nothing may be in it that was written for an earlier segment 1.
  Status remove_spares() {
    const std::string folder = dir_ + "/wal";
    for (const std::string& file : TRY(disk_.list(folder))) {
      if (file.ends_with(".spare")) TRY(disk_.remove(folder + "/" + file));
    }
    return disk_.sync_dir(folder);
  }

  Result<WatermarkFile> watermark(const Found& found, const Watermark& mark) {
    if (!found.watermark) {
      if (found.has_watermark_file) TRY(copy_aside(disk_, dir_, "watermark"));
      return WatermarkFile::create(disk_, dir_, owner_, mark);
    }
    WatermarkFile file = TRY(WatermarkFile::open(disk_, dir_, owner_));
    TRY(file.write(mark));
    TRY(file.write(mark));  // both slots: an older file is told from this one by either
    return file;
  }

 private:
  io::Disk& disk_;
  const std::string& dir_;
  const std::uint64_t owner_;
  const Options& options_;
};

}  // namespace

Result<Wal::Opened> Wal::open(io::Disk& disk, std::string dir, const Identity& identity,
                              const raft::SnapshotMeta& snapshot, Options options) {
  options = legal(options);
  const std::uint64_t owner = owner_of(identity);
  Look look(disk, dir, owner, options);
  Found found = TRY(look.all());
  const Verdict verdict = judge(found, snapshot, dir);
  if (verdict.is_loss() && options.on_loss == OnLoss::refuse) return refusal(verdict);

  const std::string folder = dir + "/wal";
  TRY(disk.make_dir(folder));
  TRY(disk.sync_dir(dir));
  Act act(disk, dir, owner, options);
  if (!verdict.keeps_all()) found.image = TRY(look.log(found, verdict.keep_seq));
  HardStateFile hard_state = verdict.is_loss() ? TRY(act.forgetful_hard_state(found, verdict, snapshot))
                                               : TRY(act.hard_state(found));
  if (verdict.log_is_damaged) {
    TRY(act.move_segments_behind(found.image.last_segment, &found.names));
    found.torn_end = TRY(look.torn_end(found));
  }
  if (found.names.empty()) TRY(act.remove_spares());
  Segments segments = TRY(Segments::open(disk, folder, options));
  auto impl = std::make_unique<Impl>(disk, dir, options, std::move(hard_state), std::move(segments));
  impl->owner = owner;
  Opened out;
  if (verdict.is_loss()) out.report.lost = in_words(verdict);
  out.report.affected = verdict.affected;
  TRY(impl->load(&found, verdict, &out));
  impl->watermark.emplace(TRY(act.watermark(found, impl->here())));
  TRY(impl->continue_behind(snapshot, verdict.start_behind_snapshot, &out));
  TRY(impl->note_durable());
  raft::HardState state = impl->hard_state.state();
  if (!verdict.is_loss()) count_start(options.fresh.v >> raft::kStartCountBits, &state);
  TRY(impl->hard_state.write(state, impl->beside()));
  TRY(impl->note_durable());  // that there is this one
  out.hard_state = impl->hard_state.state();
  out.report.entries = out.entries.size();
  out.wal.reset(new Wal(std::move(impl)));
  return out;
}

// The log as it was found, durable, and its last segment ready for more.
Status Wal::Impl::load(Found* found, const Verdict& verdict, Opened* out) {
  LogImage& image = found->image;
  frames = std::move(image.frames);
  first = image.first;
  next = closed_next = durable_next = image.next;
  seq = durable_seq = image.seq;
  chain = durable_frame = image.chain;
  if (verdict.start_behind_snapshot) {  // numbers are never used twice
    seq = durable_seq = found->mark->seq;
    closed_next = durable_next = found->mark->next;
    chain = durable_frame = found->mark->frame;
  }
  last_segment = image.last_segment;
  out->entries = std::move(image.entries);
  if (segments.names().empty()) return segments.begin(next);
  TRY(segments.open_tail());
  write_offset = found->tail_offset();
  TRY(cut_tail(found->torn_end, &out->report));
  if (write_offset != 0) TRY(rewrite_tail(image.batch_offset));
  return disk.sync_dir(dir + "/wal");
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

// Keeps the bytes behind the log's end aside, then zeroes them: no later recovery meets them again.
Status Wal::Impl::cut_tail(std::uint64_t end, RecoveryReport* report) {
  if (end == write_offset) return {};
  std::vector<std::byte> bytes(end - write_offset);
  TRY(segments.tail().read_at(write_offset, bytes));
  const std::string name = segment_file(segments.names().back()) + "." + std::to_string(write_offset);
  // A full disk is no reason not to start: what is cut off is of use for nothing but a look at it.
  const Result<std::string> kept = keep_aside(disk, dir, name, bytes);
  if (!kept && kept.error().code != io::kFull) return tl::unexpected(kept.error());
  report->quarantine_file = kept.value_or("nowhere, as the disk is full");
  report->torn_bytes = bytes.size();
  std::fill(bytes.begin(), bytes.end(), std::byte{0});
  TRY(segments.tail().write_at(write_offset, bytes));
  return segments.tail().sync();
}

Status Wal::Impl::continue_behind(const raft::SnapshotMeta& snapshot, bool in_any_case, Opened* out) {
  const bool ends_before = next <= snapshot.index;
  const bool disagrees = !ends_before && snapshot.index >= first && snapshot.index.v != 0 &&
                         term_at(snapshot.index, out->entries) != snapshot.term;
  const raft::Term seen = last_term(out->entries, snapshot);
  raft::LogWrite write;
  if (seen > hard_state.state().term) {
    write.hard_state = hard_state.state();
    write.hard_state->term = seen;
    write.hard_state->vote = {};
    write.hard_state->vote_incarnation = {};
  }
  if (ends_before || disagrees || in_any_case) {
    REACHED("wal.recovery.goes_on_behind_snapshot");
    write.reset_to = snapshot;
    out->entries.clear();
  }
  if (!write.hard_state && !write.reset_to) return {};
  TRY(append(write));
  return sync();
}

}  // namespace cairn::wal
