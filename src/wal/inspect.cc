#include "wal/inspect.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <deque>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "wal/format.h"
#include "wal/hard_state.h"
#include "wal/identity.h"
#include "wal/recovery.h"
#include "wal/segments.h"
#include "wal/snapshot_format.h"
#include "wal/watermark.h"

namespace cairn::wal {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

struct Field {
  std::string_view name;
  std::string text;
  bool is_number = true;

  Field(std::string_view name_in, std::uint64_t number) : name(name_in), text(std::to_string(number)) {}
  Field(std::string_view name_in, std::string text_in)
      : name(name_in), text(std::move(text_in)), is_number(false) {}
};

void print(const InspectSink& sink, std::string_view kind, std::initializer_list<Field> fields) {
  std::string out = sink.json ? "{\"kind\":" + quoted(kind) : std::string(kind);
  for (const Field& field : fields) {
    if (sink.json) {
      out += "," + quoted(field.name) + ":" + (field.is_number ? field.text : quoted(field.text));
    } else {
      out += " " + std::string(field.name) + "=" + field.text;
    }
  }
  sink.line(sink.json ? out + "}" : out);
}

std::string_view name_of(FrameKind kind) {
  if (kind == FrameKind::entries) return "entries";
  return kind == FrameKind::truncate ? "truncate" : "reset";
}

class WalInspector {
 public:
  WalInspector(io::Disk& disk, std::string dir, const InspectSink& sink)
      : disk_(disk), dir_(std::move(dir)), sink_(sink) {}

  Result<bool> run() {
    for (const std::string& file : TRY(disk_.list(dir_ + "/wal"))) {
      if (const auto name = parse_segment_file(file)) names_.push_back(*name);
    }
    const std::optional<std::uint64_t> owner = TRY(find_owner());
    if (!owner) {
      print(sink_, "empty", {{"directory", dir_ + "/wal"}});
      return damaged_;
    }
    const Status looked = inspect(*owner);
    if (!looked) {
      const bool is_verdict = looked.error().message.starts_with("E_");
      if (!is_verdict) return tl::unexpected(looked.error());
      damage(looked.error().message);
    }
    return damaged_;
  }

 private:
  void damage(const std::string& what) {
    damaged_ = true;
    print(sink_, "damage", {{"what", what}});
  }

  std::string path(const SegmentName& name) const { return dir_ + "/wal/" + segment_file(name); }

  // From IDENTITY, or from the first frame when that file is not there.
  Result<std::optional<std::uint64_t>> find_owner() {
    const Result<IdentityFile> identity = read_identity(disk_, dir_);
    if (identity) return std::optional<std::uint64_t>(owner_of(identity->identity));
    if (identity.error().code != Code::not_found) damage(identity.error().message);
    for (const SegmentName& name : names_) {
      const auto file = TRY(disk_.open(path(name), io::OpenMode::read));
      const std::uint64_t size = TRY(file->size());
      for (std::uint64_t at = 0; at + kBlockBytes <= size; at += kBlockBytes) {
        std::array<std::byte, kFrameHeaderBytes> bytes{};
        TRY(file->read_at(at, bytes));
        const auto decoded = decode_header(bytes);
        if (decoded) return std::optional<std::uint64_t>(decoded->header.owner);
      }
    }
    return std::optional<std::uint64_t>();
  }

  Status inspect(std::uint64_t owner) {
    std::vector<Watermark> marks = TRY(inspect_hard_state(owner));
    if (const auto mark = TRY(inspect_watermark(owner))) marks.push_back(*mark);
    const auto open = [this](const SegmentName& name) -> Result<io::File*> {
      file_ = TRY(disk_.open(path(name), io::OpenMode::read));
      return file_.get();
    };
    const auto to_path = [this](const SegmentName& name) { return path(name); };
    const auto observe = [this](const SegmentName& name, const SegmentScanner::Frame& frame, bool taken) {
      const FrameHeader& header = frame.header;
      print(sink_, "frame",
            {{"segment", name.number},
             {"offset", header.offset},
             {"seq", header.seq},
             {"what", std::string(name_of(header.kind))},
             {"first_index", header.first_index.v},
             {"entries", header.entry_count},
             {"term", header.term.v},
             {"payload_bytes", header.payload_bytes},
             {"durable_seq", header.durable_seq},
             {"hard_state", header.hard_state_generation},
             {"state", taken ? "ok" : "left over"}});
      if (taken && sink_.entry && header.kind == FrameKind::entries) show_entries(frame);
    };
    const LogImage image = TRY(read_log({.names = names_,
                                         .open = open,
                                         .path = to_path,
                                         .owner = owner,
                                         .window_bytes = Options{}.read_window_bytes,
                                         .marks = marks},
                                        observe));
    if (!image.damage.empty()) damage("E_WAL_DAMAGED: " + dir_ + "/wal: " + image.damage);
    const std::uint64_t covered = TRY(newest_snapshot());
    if (image.damage.empty() && image.first.v > covered + 1) {
      damage("E_WAL_DAMAGED: " + dir_ + "/wal begins at index " + std::to_string(image.first.v) +
             ", the newest snapshot ends at " + std::to_string(covered));
    }
    for (const Watermark& mark : marks) compare(mark, image);
    std::uint64_t torn_bytes = 0;
    if (!names_.empty()) {
      const SegmentName& tail = names_.back();
      const std::uint64_t from = image.last_segment == tail.number ? image.end_offset : 0;
      SegmentScanner scanner(*TRY(open(tail)), path(tail), owner, tail.number, Options{}.read_window_bytes);
      torn_bytes = TRY(scanner.torn_end(from)) - from;
    }
    print(sink_, "log",
          {{"segments", names_.size()},
           {"first_index", image.first.v},
           {"last_index", image.next.v - 1},
           {"frame_seq", image.seq},
           {"torn_tail_bytes", torn_bytes}});
    return {};
  }

  void show_entries(const SegmentScanner::Frame& frame) {
    EntryReader entries(frame.payload, frame.header);
    for (raft::Entry entry; entries.next(&entry);) sink_.entry(entry);
  }

  void compare(const Watermark& mark, const LogImage& image) {
    if (image.other_than == mark.seq && mark.seq != 0) {
      damage("E_WAL_DAMAGED: frame " + std::to_string(mark.seq) + " in " + dir_ +
             "/wal is not the one that the watermark or the hard state names");
    } else if (image.seq < mark.seq) {
      damage("E_WAL_DAMAGED: " + dir_ + "/wal ends with frame " + std::to_string(image.seq) +
             ", the watermark or the hard state says that frames up to " + std::to_string(mark.seq) +
             " (index " + std::to_string(mark.next.v - 1) + ") were durable");
    }
  }

  Result<std::uint64_t> newest_snapshot() {
    const auto names = disk_.list(dir_ + "/snap");
    if (!names && names.error().code == Code::not_found) return 0;
    if (!names) return tl::unexpected(names.error());
    std::uint64_t newest = 0;
    for (const std::string& name : *names) {
      const auto meta = parse_snapshot_name(name);
      if (meta) newest = std::max(newest, meta->index.v);
    }
    return newest;
  }

  // How far the log was durable when it was written last.
  Result<std::vector<Watermark>> inspect_hard_state(std::uint64_t owner) {
    const auto copies = read_hard_state(disk_, dir_, owner);
    if (!copies) {
      damage(copies.error().code == Code::not_found ? "E_HARDSTATE_LOST: " + copies.error().message
                                                    : copies.error().message);
      return std::vector<Watermark>();
    }
    for (std::size_t i = 0; i < copies->size(); ++i) {
      const std::optional<HardStateCopy>& copy = (*copies)[i];
      const std::string name = i == 0 ? "A" : "B";
      if (!copy) {
        damage("copy " + name + " of " + dir_ + "/hardstate is damaged or torn; the next start repairs one");
        continue;
      }
      print(sink_, "hard_state",
            {{"copy", name},
             {"generation", copy->generation},
             {"term", copy->state.term.v},
             {"vote", copy->state.vote.v},
             {"vote_incarnation", copy->state.vote_incarnation.v},
             {"incarnation", copy->state.life.incarnation.v},
             {"start", copy->state.life.start},
             {"full", std::uint64_t{copy->state.life.full}},
             {"recorded", std::uint64_t{copy->state.life.recorded}},
             {"founded", copy->state.life.founded},
             {"forgotten", std::uint64_t{copy->state.has_forgotten}},
             {"starts", copy->state.starts.size()},
             {"met", copy->state.met.size()},
             {"frame_seq", copy->beside.log.seq},
             {"watermark", copy->beside.watermark_generation}});
      for (const raft::Met& met : copy->state.met)
        print(
            sink_, "met",
            {{"copy", name}, {"member", met.id.v}, {"incarnation", met.incarnation.v}, {"start", met.start}});
    }
    const std::optional<HardStateCopy> newest_copy = newest(*copies);
    if (!newest_copy || newest_copy->beside.log.segment == 0) return std::vector<Watermark>();
    return std::vector<Watermark>{newest_copy->beside.log};
  }

  Result<std::optional<Watermark>> inspect_watermark(std::uint64_t owner) {
    const Result<WatermarkSlots> slots = read_watermark(disk_, dir_, owner);
    if (!slots) {
      if (slots.error().code != Code::not_found) damage(slots.error().message);
      return std::optional<Watermark>();
    }
    for (const std::optional<WatermarkSlot>& slot : *slots) {
      if (!slot) {
        damage("a slot of " + dir_ + "/watermark is damaged or torn; the next start repairs one");
        continue;
      }
      print(sink_, "watermark",
            {{"generation", slot->generation},
             {"frame_seq", slot->mark.seq},
             {"segment", slot->mark.segment},
             {"offset", slot->mark.offset},
             {"last_index", slot->mark.next.v - 1},
             {"hard_state", slot->mark.hard_state_generation}});
    }
    const std::optional<WatermarkSlot> slot = newest(*slots);
    return slot ? std::optional<Watermark>(slot->mark) : std::optional<Watermark>();
  }

  io::Disk& disk_;
  const std::string dir_;
  const InspectSink& sink_;
  std::deque<SegmentName> names_;
  std::unique_ptr<io::File> file_;
  bool damaged_ = false;
};

Result<bool> inspect_snapshot(io::Disk& disk, const std::string& dir, const InspectSink& sink) {
  bool damaged = false;
  const auto damage = [&](const std::string& what) {
    damaged = true;
    print(sink, "damage", {{"what", what}});
  };
  const auto file = disk.open(dir + "/MANIFEST", io::OpenMode::read);
  const auto chunks = disk.open(dir + "/chunks", io::OpenMode::read);
  if (!file || !chunks) {
    damage("E_SNAPSHOT_DAMAGED: " + (file ? chunks.error().message : file.error().message));
    return damaged;
  }
  std::string bytes(std::min<std::uint64_t>(TRY((*file)->size()), SnapshotLimits().manifest_bytes_max + 1),
                    '\0');
  bytes.resize(TRY((*file)->read_at(0, std::as_writable_bytes(std::span(bytes)))));
  const Result<Manifest> manifest = parse_manifest(bytes, dir + "/MANIFEST");
  if (!manifest) {
    damage(manifest.error().message);
    return damaged;
  }
  for (std::size_t i = 0; i < manifest->chunks.size(); ++i) {
    const ChunkInfo& chunk = manifest->chunks[i];
    std::string stored(chunk.stored_bytes, '\0');
    stored.resize(TRY((*chunks)->read_at(chunk.offset, std::as_writable_bytes(std::span(stored)))));
    std::string content(chunk.bytes, '\0');
    const Status ok = unpack_chunk(chunk, stored, dir + "/chunks chunk " + std::to_string(i), content);
    if (!ok) damage(ok.error().message);
  }
  const SnapshotInfo info = manifest->info();
  print(sink, "snapshot",
        {{"directory", dir},
         {"index", info.meta.index.v},
         {"term", info.meta.term.v},
         {"voters", info.meta.members.voters.size()},
         {"learners", info.meta.members.learners.size()},
         {"chunks", info.chunks},
         {"bytes", info.bytes},
         {"stored_bytes", info.stored_bytes},
         {"state", damaged ? "damaged" : "ok"}});
  return damaged;
}

}  // namespace

Result<bool> inspect_wal(io::Disk& disk, const std::string& dir, const InspectSink& sink) {
  return WalInspector(disk, dir, sink).run();
}

Result<bool> inspect_snapshots(io::Disk& disk, const std::string& dir, const InspectSink& sink) {
  bool damaged = false;
  for (const std::string& name : TRY(disk.list(dir + "/snap"))) {
    const std::string path = dir + "/snap/" + name;
    if (!parse_snapshot_name(name)) {
      print(sink, "unfinished", {{"directory", path}});
      continue;
    }
    const bool is_damaged = TRY(inspect_snapshot(disk, path, sink));
    damaged = damaged || is_damaged;
  }
  return damaged;
}

}  // namespace cairn::wal
