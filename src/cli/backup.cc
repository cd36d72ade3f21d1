// backup: a folder of backups: taken and read again before they count, as often as is said, the oldest given
// up; followed by every change since; listed; tried out; and restored.
#include <algorithm>
#include <charconv>
#include <optional>
#include <ostream>

#include "cli/backup_folder.h"
#include "cli/commands.h"
#include "cli/drill.h"
#include "cli/durations.h"
#include "cli/follow.h"
#include "cli/json.h"
#include "cli/restoring.h"
#include "cli/timeline.h"

namespace cairn::cli {
namespace {

using std::chrono::steady_clock;
using std::chrono::system_clock;

class Backup {
 public:
  Backup(const Context& context, const BackupOptions& options)
      : context_(context), options_(options), folder_(context, options) {}

  // One now, and then as often as is said until somebody ends it. One that fails does not end it.
  int take() {
    const auto every = options_.every.empty() ? std::nullopt : duration_of(options_.every);
    if (!options_.every.empty() && !every)
      return report(context_, kExitUsage, "backup take: '" + options_.every + "' is no length of time",
                    "write seconds, or a number with s, m, h or d: --every 1h");
    if (const int code = folder_.hold(); code != kExitOk) return code;
    for (auto due = steady_clock::now();;) {
      if (const int code = folder_.check(); code != kExitOk) return code;
      int code = folder_.take_one();
      if (const Status given_up = folder_.give_up_archives(); code == kExitOk && !given_up)
        code = folder_.refuse(given_up.error(), "the new backup is there: remove others");
      if (!every) return code;
      due = std::max(due + *every, steady_clock::now());
      if (folder_.await(due)) return folder_.exit_code();
    }
  }

  int list() {
    const auto files = folder_.disk().list(options_.where);
    if (!files) return folder_.refuse(files.error(), "name a folder that cairn backup take was given");
    const auto timeline = Timeline::read(folder_.disk(), options_.where);
    if (!timeline) return folder_.refuse(timeline.error());
    Listing listing;
    listing.rows = {{"TAKEN", "REVISION", "SIZE", "FILE"}};
    for (const BackupName& each : timeline->backups())
      if (const Status listed = add(each, &listing); !listed) return folder_.refuse(listed.error());
    if (options_.verify && listing.all.empty()) return refuse_empty();
    for (const ArchiveFile& each : timeline->archives()) add(each, &listing);
    if (context_.format == Format::json)
      context_.out << listing.all.dump() << "\n";
    else
      context_.out << table(listing.rows);
    if (!timeline->archives().empty())
      context_.err << "cairn backup restore has " << timeline->in_words() << "\n";
    for (const std::string& file : *files)
      if (Folder::is_half(file))
        context_.err << file << ": one is being taken, or was cut off: the next take removes it\n";
    return listing.code;
  }

  int drill() {
    const auto files = folder_.disk().list(options_.where);
    if (!files) return try_out_file();
    const auto timeline = Timeline::read(folder_.disk(), options_.where);
    if (!timeline) return folder_.refuse(timeline.error());
    const auto ways = timeline->ways_to({});
    if (!ways) return folder_.refuse(ways.error());
    return ways->empty() ? refuse_empty() : try_out(context_, order_of(ways->front(), {}));
  }

  // By the first way that leads there: a backup that is damaged has others before it.
  int restore() {
    if (const int code = check_order(context_, "backup restore", options_.restore, options_.mark_compacted);
        code != kExitOk)
      return code;
    const auto moment = moment_of(options_.at);
    if (!moment)
      return report(context_, kExitUsage,
                    "backup restore: '" + options_.at + "' is neither a revision nor a time",
                    "--at 1234, --at 2026-11-30T12:50:16Z, or --at 10m for ten minutes ago");
    const auto timeline = Timeline::read(folder_.disk(), options_.where);
    if (!timeline) return folder_.refuse(timeline.error(), "name a folder that cairn backup take was given");
    if (timeline->backups().empty()) return refuse_empty();
    const auto ways = timeline->ways_to(*moment);
    if (!ways) return refuse_moment(*timeline, ways.error().message);
    if (ways->empty())
      return refuse_moment(
          *timeline, "nothing in " + options_.where + " has revision " + std::to_string(moment->revision));
    for (const Way& way : *ways) {
      const RestoreOrder order = order_of(way, options_.restore);
      const auto restored = context_.backups->restore(order);
      if (restored) return say(order, *restored);
      const bool may_be_elsewhere =
          restored.error().code == Code::data_loss ||
          (restored.error().code == Code::invalid_argument && way.archives.empty() && moment->revision > 0);
      if (&way == &ways->back() || !may_be_elsewhere) {
        if (may_be_elsewhere) return refuse_moment(*timeline, restored.error().message);
        return refuse_restoring(context_, restored.error());
      }
      context_.err << "note: " << restored.error().message << "; another backup is tried\n";
    }
    return kExitInternal;
  }

 private:
  struct Listing {
    std::vector<std::vector<std::string>> rows;
    Json all = Json::array();
    int code = kExitOk;
  };

  int try_out_file() const {
    RestoreOrder order;
    order.file = options_.where;
    return try_out(context_, order);
  }

  int refuse_empty() const {
    return report(context_, kExitNegative, "there is no backup in " + options_.where,
                  "cairn backup take " + options_.where, "no_backup");
  }

  int refuse_moment(const Timeline& timeline, const std::string& why) const {
    return report(context_, kExitNegative, why, "there is: " + timeline.in_words(), "no_such_moment");
  }

  // A revision, a time, or, of nothing, the newest.
  static std::optional<Moment> moment_of(const std::string& text) {
    Moment moment;
    if (text.empty()) return moment;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), moment.revision);
    if (error == std::errc() && end == text.data() + text.size())
      return moment.revision > 0 ? std::optional(moment) : std::nullopt;
    const auto time = time_of(text, system_clock::now());
    if (!time) return std::nullopt;
    moment.revision = 0;
    moment.unix_ms = std::chrono::duration_cast<std::chrono::milliseconds>(time->time_since_epoch()).count();
    return moment;
  }

  RestoreOrder order_of(const Way& way, RestoreOrder order) const {
    order.file = folder_.path_of(way.file);
    order.revision = way.revision;
    for (const std::string& archive : way.archives) order.archives.push_back(folder_.path_of(archive));
    // Clients may have seen all that is known, also what is not restored.
    if (order.bump_revision > 0 && !way.archives.empty())
      order.bump_revision += way.known_revision - way.revision;
    return order;
  }

  int say(const RestoreOrder& order, const Restored& restored) {
    context_.err << "from " << order.file;
    for (const std::string& archive : order.archives) context_.err << ", " << archive;
    context_.err << "\n";
    return say_restored(context_, order, restored);
  }

  Status add(const BackupName& name, Listing* listing) {
    const auto file = TRY(folder_.disk().open(folder_.path_of(name.file), io::OpenMode::read));
    const std::uint64_t size = TRY(file->size());
    Json line = {
        {"file", name.file}, {"taken", name.taken}, {"revision", name.revision}, {"size_bytes", size}};
    listing->rows.push_back({name.taken, std::to_string(name.revision), in_units(size), name.file});
    if (options_.verify) {
      const std::string damage = damage_of(name);
      if (!damage.empty()) listing->code = kExitNegative;
      line["damage"] = damage.empty() ? Json() : Json(damage);
      listing->rows.back().back() += damage.empty() ? "  intact" : "  " + damage;
    }
    listing->all.push_back(std::move(line));
    return {};
  }

  void add(const ArchiveFile& each, Listing* listing) {
    Json line = {{"file", each.name.file}, {"size_bytes", each.size_bytes}};
    line["damage"] = each.damage.empty() ? Json() : Json(each.damage);
    const bool has_head = each.head.lineage != 0;
    if (has_head) {
      line["after_revision"] = each.head.after;
      line["revision"] = each.revision;
      line["from"] = time_in_words(each.head.created_ms);
      line["to"] = time_in_words(each.seen_ms);
    }
    if (!each.damage.empty()) listing->code = kExitNegative;
    listing->rows.push_back(
        {each.name.taken,
         has_head ? std::to_string(each.head.after) + "-" + std::to_string(each.revision) : "",
         in_units(each.size_bytes), each.name.file});
    listing->rows.back().back() +=
        each.damage.empty() ? "  to " + time_in_words(each.seen_ms) : "  " + each.damage;
    listing->all.push_back(std::move(line));
  }

  std::string damage_of(const BackupName& name) {
    const auto facts = context_.backups->look(folder_.path_of(name.file), false);
    if (!facts) return facts.error().message;
    return facts->revision == name.revision
               ? ""
               : "it holds revision " + std::to_string(facts->revision) + ", another one than its name says";
  }

  const Context& context_;
  const BackupOptions& options_;
  Folder folder_;
};

}  // namespace

int backup(const Context& context, const BackupOptions& options) {
  if (context.backups == nullptr) return report(context, kExitInternal, "this program reads no backups");
  if (options.what == "follow") return follow(context, options);
  Backup backup(context, options);
  if (options.what == "take") return backup.take();
  if (options.what == "restore") return backup.restore();
  return options.what == "list" ? backup.list() : backup.drill();
}

}  // namespace cairn::cli
