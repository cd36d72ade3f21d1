#include "cli/backup_folder.h"

#include <algorithm>
#include <ostream>

#include "cli/timeline.h"

namespace cairn::cli {
namespace {

using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr const char* kTaking = ".taking.db";     // until it is known what it holds
constexpr const char* kPart = ".taking.db.part";  // until it is whole
constexpr const char* kLock = ".lock";
constexpr auto kAhead = std::chrono::minutes(1);  // that names may be of the clock without a word

}  // namespace

int Folder::refuse(const Error& error, const std::string& hint) const {
  return report(context_, exit_code_of_file(error), error.message, hint);
}

bool Folder::is_half(const std::string& file) { return file == kTaking || file == kPart; }

int Folder::hold() {
  if (const Status made = disk_.make_dir(options_.where); !made) return refuse(made.error());
  auto lock = disk_.lock(path_of(kLock));
  if (!lock && lock.error().code == Code::failed_precondition)
    return report(context_, kExitLocalIo,
                  "another cairn backup takes them into " + options_.where + ", or follows there",
                  "wait for its end, or name another folder", "backup_under_way");
  if (!lock) return refuse(lock.error());
  lock_ = *std::move(lock);
  interrupts_.emplace();
  return kExitOk;
}

int Folder::check() {
  const Status held = lock_->check();
  return held
             ? kExitOk
             : report(context_, kExitLocalIo, held.error().message, "see where it leads, and start it again");
}

int Folder::exit_code() const { return signal_ == SIGINT ? kExitInterrupted : kExitOk; }

bool Folder::await(steady_clock::time_point until) {
  while (signal_ == 0) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now());
    const int signal = interrupts_->wait(std::max(left, std::chrono::milliseconds(0)));
    if (signal == SIGINT || signal == SIGTERM) signal_ = signal;
    if (signal == 0 && left.count() <= 0) break;
  }
  return signal_ != 0;
}

void Folder::sweep() {
  for (const char* const half : {kTaking, kPart}) (void)disk_.remove(path_of(half));
}

int Folder::take_one(const std::function<void()>& meanwhile) {
  sweep();
  const int code = take_whole(meanwhile);
  if (code != kExitOk) sweep();
  return code;
}

// It has its name once it was read again, as a whole.
int Folder::take_whole(const std::function<void()>& meanwhile) {
  const auto begun = system_clock::now();
  const auto stop = [&] {
    if (meanwhile) meanwhile();
    return await(steady_clock::now());
  };
  const SaveEnd end = save_backup(context_, disk_, path_of(kTaking), stop);
  if (end.exit_code != kExitOk) return report(context_, end.exit_code, end.message, end.hint);
  const auto facts = context_.backups->look(path_of(kTaking), false);
  if (!facts) return refuse(facts.error(), "what was saved cannot be read: it is no backup");
  const auto file = give_name(begun, facts->revision);
  if (!file) return refuse(file.error());
  taken_ = Taken{*file, *facts};
  const auto retention = give_up_old(facts->revision);
  say(*file, end, *facts, retention ? *retention : Retention());
  return retention ? kExitOk : refuse(retention.error(), "the new one is there: remove others");
}

Result<std::string> Folder::give_name(system_clock::time_point begun, std::int64_t revision) {
  const auto all = backups_among(TRY(disk_.list(options_.where)));
  const auto taken = next_after(all, begun);
  if (taken - begun > kAhead)
    context_.err << "warning: " << all.back().file
                 << " is of a later time than it is here: the new one is named after it, to keep the order; "
                    "look at the clock\n";
  std::string file = name_of_backup(taken, revision);
  TRY(disk_.rename(path_of(kTaking), path_of(file)));
  TRY(disk_.sync_dir(options_.where));
  return file;
}

Result<Retention> Folder::give_up_old(std::int64_t revision) {
  Retention retention = retention_of(backups_among(TRY(disk_.list(options_.where))),
                                     static_cast<std::size_t>(options_.keep), revision);
  for (const BackupName& each : retention.given_up) TRY(disk_.remove(path_of(each.file)));
  return retention;
}

Json Folder::names_of(const std::vector<BackupName>& backups) {
  Json names = Json::array();
  for (const BackupName& each : backups) names.push_back(each.file);
  return names;
}

void Folder::say(const std::string& file, const SaveEnd& end, const BackupFacts& facts,
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
  context_.err << "revision " << facts.revision << ", " << facts.keys << " keys, " << in_units(end.size_bytes)
               << ", from " << end.from << "; read again and intact";
  if (!retention.given_up.empty())
    context_.err << "; removed " << retention.given_up.size() << " beyond --keep";
  if (!retention.besides.empty())
    context_.err << "; " << retention.besides.size()
                 << " of later revisions stay besides: what they hold, the member that was asked has not";
  context_.err << "\n" << std::flush;
}

Status Folder::give_up_archives() {
  const Timeline timeline = TRY(Timeline::read(disk_, options_.where, true));
  for (const std::string& file : timeline.needed_by_none()) TRY(disk_.remove(path_of(file)));
  return {};
}

}  // namespace cairn::cli
