#include "cli/timeline.h"

#include <algorithm>
#include <ctime>
#include <limits>
#include <utility>

#include "archive/reader.h"

namespace cairn::cli {
namespace {

// Who follows says at least every ten seconds that it does; beyond this it was not there.
constexpr std::int64_t kUnwatchedMs = 60'000;

Result<ArchiveFile> look_at(io::Disk& disk, const std::string& folder, BackupName name, bool heads) {
  ArchiveFile file;
  file.name = std::move(name);
  const std::string path = folder + "/" + file.name.file;
  const auto opened = TRY(disk.open(path, io::OpenMode::read));
  file.size_bytes = TRY(opened->size());
  const auto reader = archive::Reader::open(disk, path);
  if (!reader) {
    if (reader.error().code != Code::data_loss) return tl::unexpected(reader.error());
    file.damage = reader.error().message;
    return file;
  }
  file.head = (*reader)->head();
  for (bool more = !heads; more;) {
    const auto frame = (*reader)->next();
    if (!frame && frame.error().code != Code::data_loss) return tl::unexpected(frame.error());
    if (!frame) file.damage = frame.error().message;
    more = frame && *frame != nullptr;
  }
  file.revision = (*reader)->revision();
  file.seen_ms = (*reader)->seen_ms();
  file.torn = (*reader)->torn();
  return file;
}

// Of what there is of it without a gap: one that is damaged ends it.
struct Span {
  const ArchiveFile* first = nullptr;
  const ArchiveFile* last = nullptr;
};

Span span_of(const std::vector<ArchiveFile>& archives, std::uint64_t lineage) {
  Span span;
  for (const ArchiveFile& each : archives) {
    if (each.head.lineage != lineage) continue;
    if (span.last != nullptr && each.head.after != span.last->revision) span.first = nullptr;
    if (span.first == nullptr) span.first = &each;
    span.last = &each;
  }
  return span;
}

}  // namespace

std::string time_in_words(std::int64_t unix_ms) {
  const std::time_t seconds = unix_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

Result<Timeline> Timeline::read(io::Disk& disk, const std::string& folder, bool heads) {
  Timeline timeline;
  timeline.disk_ = &disk;
  timeline.folder_ = folder;
  const auto files = TRY(disk.list(folder));
  timeline.backups_ = backups_among(files);
  for (BackupName& name : backups_among(files, kArchiveEnd)) {
    auto file = look_at(disk, folder, std::move(name), heads);
    if (!file && file.error().code == Code::not_found) continue;  // given up meanwhile
    timeline.archives_.push_back(TRY(std::move(file)));
  }
  return timeline;
}

// From the backup on through all that follow one another. An archive that nothing reaches any more, as the
// one before it is damaged, is out of reach.
Timeline::Reach Timeline::reach_of(const BackupName& backup) const {
  Reach reach{0, backup.revision};
  for (const ArchiveFile& each : archives_)
    if (each.head.base == backup.file) reach.lineage = each.head.lineage;
  if (reach.lineage == 0) return reach;
  for (const ArchiveFile& each : archives_)
    if (each.head.lineage == reach.lineage && each.head.after <= reach.revision)
      reach.revision = std::max(reach.revision, each.revision);
  return reach;
}

Way Timeline::way(const BackupName& from, const Reach& reach, std::int64_t revision) const {
  Way way{from.file, revision, {}, reach.revision};
  if (revision == from.revision) return way;
  for (const ArchiveFile& each : archives_)
    if (each.head.lineage == reach.lineage && each.revision > from.revision && each.head.after < revision)
      way.archives.push_back(each.name.file);
  return way;
}

// The last one that had been seen by then.
Result<std::int64_t> Timeline::revision_at(std::int64_t unix_ms, std::uint64_t* lineage) const {
  const ArchiveFile* found = nullptr;
  std::int64_t next_ms = 0;  // when somebody looked again; 0: not yet
  for (const ArchiveFile& each : archives_) {
    if (each.head.lineage == 0) continue;
    if (each.head.created_ms <= unix_ms) {
      found = &each;
      next_ms = 0;
    } else if (found != nullptr && next_ms == 0 && each.head.lineage == found->head.lineage &&
               each.head.after == found->revision) {
      next_ms = each.head.created_ms;
    }
  }
  if (found == nullptr)
    return fail(Code::not_found, "no archive knows which revision there was at " + time_in_words(unix_ms));
  *lineage = found->head.lineage;
  const auto reader = TRY(archive::Reader::open(*disk_, folder_ + "/" + found->name.file));
  std::int64_t revision = reader->revision(), seen_ms = reader->seen_ms();
  for (;;) {
    const auto frame = reader->next();
    if (!frame || *frame == nullptr) break;
    if (reader->seen_ms() > unix_ms) {
      next_ms = reader->seen_ms();
      break;
    }
    revision = reader->revision();
    seen_ms = reader->seen_ms();
  }
  if (seen_ms == unix_ms || (next_ms != 0 && next_ms - seen_ms <= kUnwatchedMs)) return revision;
  if (next_ms == 0)
    return fail(Code::not_found, found->name.file + " reaches to " + time_in_words(seen_ms) + " only");
  return fail(Code::not_found, "nobody looked from " + time_in_words(seen_ms) + ", at revision " +
                                   std::to_string(revision) + ", to " + time_in_words(next_ms) +
                                   ": name a revision");
}

Result<std::vector<Way>> Timeline::ways_to(const Moment& moment) const {
  std::vector<Way> ways;
  if (backups_.empty()) return ways;
  std::uint64_t lineage = 0;
  std::int64_t revision = moment.revision;
  if (moment.unix_ms) revision = TRY(revision_at(*moment.unix_ms, &lineage));
  if (revision == 0) {
    // The newest backup, and what has followed it; or archives that were written on after it was taken.
    const ArchiveFile* const last = archives_.empty() ? nullptr : &archives_.back();
    const Reach reach = reach_of(backups_.back());
    const std::int64_t taken_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(backups_.back().at.time_since_epoch()).count();
    const bool archive_is_newer = last != nullptr && last->head.lineage != 0 && last->seen_ms >= taken_ms;
    if (reach.lineage == 0 && !archive_is_newer)
      return std::vector<Way>{way(backups_.back(), reach, reach.revision)};
    lineage = archive_is_newer ? last->head.lineage : reach.lineage;
    for (const BackupName& each : backups_)
      if (const Reach known = reach_of(each); known.lineage == lineage)
        revision = std::max(revision, known.revision);
  }
  for (auto each = backups_.rbegin(); each != backups_.rend(); ++each) {
    const Reach reach = reach_of(*each);
    const bool is_of_it = lineage == 0 || reach.lineage == lineage;
    if (is_of_it && each->revision <= revision && revision <= reach.revision)
      ways.push_back(way(*each, reach, revision));
  }
  // Last, what a later backup remembers of the past, of which only the file itself knows how long it is.
  const bool is_remembered = ways.empty() && lineage == 0;
  for (const BackupName& each : backups_)
    if (is_remembered && each.revision > revision) ways.push_back({each.file, revision, {}, each.revision});
  return ways;
}

std::string Timeline::in_words() const {
  std::string words;
  const auto add = [&words](const std::string& more) { words += (words.empty() ? "" : "; ") + more; };
  std::uint64_t told = 0;
  for (const BackupName& each : backups_) {
    const Reach reach = reach_of(each);
    if (reach.lineage == 0 || reach.revision == each.revision) {
      add("revision " + std::to_string(each.revision));
      continue;
    }
    if (std::exchange(told, reach.lineage) == reach.lineage) continue;
    const Span span = span_of(archives_, reach.lineage);
    add("revisions " + std::to_string(each.revision) + " to " + std::to_string(reach.revision) + ", " +
        time_in_words(span.first->head.created_ms) + " to " + time_in_words(span.last->seen_ms));
  }
  return words;
}

std::vector<std::string> Timeline::needed_by_none() const {
  std::vector<std::string> none;
  for (std::size_t i = 0; i < archives_.size(); ++i) {
    const ArchiveFile& each = archives_[i];
    if (each.head.lineage == 0) continue;  // damaged: somebody may want to look at it
    // Of one that another goes on from, the end is known without reading it.
    std::int64_t last = std::numeric_limits<std::int64_t>::max();
    for (std::size_t next = archives_.size() - 1; next > i; --next)
      if (archives_[next].head.lineage == each.head.lineage) last = archives_[next].head.after;
    const bool needed = std::any_of(backups_.begin(), backups_.end(), [&](const BackupName& backup) {
      if (backup.file == each.head.base) return true;
      return reach_of(backup).lineage == each.head.lineage && last > backup.revision;
    });
    if (!needed) none.push_back(each.name.file);
  }
  return none;
}

}  // namespace cairn::cli
