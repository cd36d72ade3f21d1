// backup: a folder of backups: taken and read again before they count, as often as is said, the oldest given
// up; listed; and tried out.
#include <algorithm>
#include <optional>
#include <ostream>

#include "cli/backup_names.h"
#include "cli/commands.h"
#include "cli/drill.h"
#include "cli/durations.h"
#include "cli/interrupts.h"
#include "cli/json.h"
#include "cli/saving.h"
#include "io/posix_disk.h"

namespace cairn::cli {
namespace {

using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr const char* kTaking = ".taking.db";     // until it is known what it holds
constexpr const char* kPart = ".taking.db.part";  // until it is whole
constexpr const char* kLock = ".lock";
constexpr auto kAhead = std::chrono::minutes(1);  // that names may be of the clock without a word

int refuse(const Context& context, const Error& error, const std::string& hint = "") {
  return report(context, exit_code_of_file(error), error.message, hint);
}

class Folder {
 public:
  Folder(const Context& context, const BackupOptions& options) : context_(context), options_(options) {}

  // One now, and then as often as is said until somebody ends it. One that fails does not end it.
  int take() {
    const auto every = options_.every.empty() ? std::nullopt : duration_of(options_.every);
    if (!options_.every.empty() && !every)
      return report(context_, kExitUsage, "backup take: '" + options_.every + "' is no length of time",
                    "write seconds, or a number with s, m, h or d: --every 1h");
    if (const Status made = disk_.make_dir(options_.where); !made) return refuse(context_, made.error());
    const auto lock = disk_.lock(path_of(kLock));
    if (!lock && lock.error().code == Code::failed_precondition)
      return report(context_, kExitLocalIo, "another cairn backup takes them into " + options_.where,
                    "wait for its end, or name another folder", "backup_under_way");
    if (!lock) return refuse(context_, lock.error());
    interrupts_.emplace();
    for (auto due = steady_clock::now();;) {
      if (const Status held = (*lock)->check(); !held)
        return report(context_, kExitLocalIo, held.error().message, "see where it leads, and start it again");
      const int code = take_one();
      if (!every) return code;
      due = std::max(due + *every, steady_clock::now());
      if (await(due)) return signal_ == SIGINT ? kExitInterrupted : kExitOk;
    }
  }

  int list() {
    const auto files = disk_.list(options_.where);
    if (!files) return refuse(context_, files.error(), "name a folder that cairn backup take was given");
    std::vector<std::vector<std::string>> rows = {{"TAKEN", "REVISION", "SIZE", "FILE"}};
    Json all = Json::array();
    int code = kExitOk;
    for (const BackupName& each : backups_among(*files)) {
      const auto size = size_of(each.file);
      if (!size) return refuse(context_, size.error());
      Json line = {
          {"file", each.file}, {"taken", each.taken}, {"revision", each.revision}, {"size_bytes", *size}};
      rows.push_back({each.taken, std::to_string(each.revision), in_units(*size), each.file});
      if (options_.verify) {
        const std::string damage = damage_of(each);
        if (!damage.empty()) code = kExitNegative;
        line["damage"] = damage.empty() ? Json() : Json(damage);
        rows.back().back() += damage.empty() ? "  intact" : "  " + damage;
      }
      all.push_back(std::move(line));
    }
    if (options_.verify && all.empty()) return refuse_empty();
    if (context_.format == Format::json)
      context_.out << all.dump() << "\n";
    else
      context_.out << table(rows);
    for (const std::string& file : *files)
      if (file == kTaking || file == kPart)
        context_.err << file << ": one is being taken, or was cut off: the next take removes it\n";
    return code;
  }

  int drill() {
    const auto files = disk_.list(options_.where);
    if (!files) return try_out(context_, options_.where);  // a file
    const std::vector<BackupName> all = backups_among(*files);
    if (all.empty()) return refuse_empty();
    return try_out(context_, path_of(all.back().file));
  }

 private:
  std::string path_of(const std::string& file) const { return options_.where + "/" + file; }

  int refuse_empty() const {
    return report(context_, kExitNegative, "there is no backup in " + options_.where,
                  "cairn backup take " + options_.where, "no_backup");
  }

  // Somebody ends it.
  bool await(steady_clock::time_point until) {
    while (signal_ == 0) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now());
      const int signal = interrupts_->wait(std::max(left, std::chrono::milliseconds(0)));
      if (signal == SIGINT || signal == SIGTERM) signal_ = signal;
      if (signal == 0 && left.count() <= 0) break;
    }
    return signal_ != 0;
  }

  // What is there half, of this attempt or of one that was killed.
  void sweep() {
    for (const char* const half : {kTaking, kPart}) (void)disk_.remove(path_of(half));
  }

  int take_one() {
    sweep();
    const int code = take_whole();
    if (code != kExitOk) sweep();
    return code;
  }

  // It has its name once it was read again, as a whole.
  int take_whole() {
    const auto begun = system_clock::now();
    const auto stop = [this] { return await(steady_clock::now()); };
    const SaveEnd end = save_backup(context_, disk_, path_of(kTaking), stop);
    if (end.exit_code != kExitOk) return report(context_, end.exit_code, end.message, end.hint);
    const auto facts = context_.backups->look(path_of(kTaking), false);
    if (!facts) return refuse(context_, facts.error(), "what was saved cannot be read: it is no backup");
    const auto file = give_name(begun, facts->revision);
    if (!file) return refuse(context_, file.error());
    const auto retention = give_up_old(facts->revision);
    say(*file, end, *facts, retention ? *retention : Retention());
    return retention ? kExitOk : refuse(context_, retention.error(), "the new one is there: remove others");
  }

  Result<std::string> give_name(system_clock::time_point begun, std::int64_t revision) {
    const auto all = backups_among(TRY(disk_.list(options_.where)));
    const auto taken = next_after(all, begun);
    if (taken - begun > kAhead)
      context_.err
          << "warning: " << all.back().file
          << " is of a later time than it is here: the new one is named after it, to keep the order; "
             "look at the clock\n";
    std::string file = name_of_backup(taken, revision);
    TRY(disk_.rename(path_of(kTaking), path_of(file)));
    TRY(disk_.sync_dir(options_.where));
    return file;
  }

  Result<Retention> give_up_old(std::int64_t revision) {
    Retention retention = retention_of(backups_among(TRY(disk_.list(options_.where))),
                                       static_cast<std::size_t>(options_.keep), revision);
    for (const BackupName& each : retention.given_up) TRY(disk_.remove(path_of(each.file)));
    return retention;
  }

  static Json names_of(const std::vector<BackupName>& backups) {
    Json names = Json::array();
    for (const BackupName& each : backups) names.push_back(each.file);
    return names;
  }

  void say(const std::string& file, const SaveEnd& end, const BackupFacts& facts,
           const Retention& retention) {
    if (context_.format == Format::json) {
      context_.out << Json({{"file", path_of(file)},
                            {"revision", facts.revision},
                            {"keys", facts.keys},
                            {"size_bytes", end.size_bytes},
                            {"from", end.from},
                            {"removed", names_of(retention.given_up)},
                            {"of_later_revisions", names_of(retention.besides)}})
                          .dump()
                   << "\n"
                   << std::flush;
      return;
    }
    context_.out << path_of(file) << "\n" << std::flush;
    context_.err << "revision " << facts.revision << ", " << facts.keys << " keys, "
                 << in_units(end.size_bytes) << ", from " << end.from << "; read again and intact";
    if (!retention.given_up.empty())
      context_.err << "; removed " << retention.given_up.size() << " beyond --keep";
    if (!retention.besides.empty())
      context_.err << "; " << retention.besides.size()
                   << " of later revisions stay besides: what they hold, the member that was asked has not";
    context_.err << "\n" << std::flush;
  }

  Result<std::uint64_t> size_of(const std::string& file) {
    return TRY(disk_.open(path_of(file), io::OpenMode::read))->size();
  }

  std::string damage_of(const BackupName& name) {
    const auto facts = context_.backups->look(path_of(name.file), false);
    if (!facts) return facts.error().message;
    return facts->revision == name.revision
               ? ""
               : "it holds revision " + std::to_string(facts->revision) + ", another one than its name says";
  }

  const Context& context_;
  const BackupOptions& options_;
  io::PosixDisk disk_;
  std::optional<Interrupts> interrupts_;  // while it takes some
  int signal_ = 0;                        // that ends it
};

}  // namespace

int backup(const Context& context, const BackupOptions& options) {
  if (context.backups == nullptr) return report(context, kExitInternal, "this program reads no backups");
  Folder folder(context, options);
  if (options.what == "take") return folder.take();
  return options.what == "list" ? folder.list() : folder.drill();
}

}  // namespace cairn::cli
