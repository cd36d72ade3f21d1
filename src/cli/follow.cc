#include "cli/follow.h"

#include <algorithm>
#include <deque>
#include <ostream>
#include <set>
#include <utility>
#include <vector>

#include "archive/writer.h"
#include "cli/change_connection.h"
#include "cli/durations.h"
#include "cli/timeline.h"

namespace cairn::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr milliseconds kTurn{20};  // between two looks at all that is due
constexpr seconds kMarkEvery{10};  // where nothing changes, it is said so often
constexpr seconds kUsersEvery{5};  // is looked whether users or roles have changed
constexpr seconds kTakeAgain{10};  // when one has failed, or was for nothing
constexpr milliseconds kConnectFirst{100}, kConnectMax{2000};
constexpr std::size_t kLeasesAsked = 1000;     // at once; others are known by their ids alone
constexpr std::size_t kHeldBytes = 64 << 20;   // until it is known how long their leases are
constexpr std::size_t kLeasesMax = 1'000'000;  // whose lengths are written down; then from the beginning

std::int64_t now_ms() {
  return std::chrono::duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

class Follower {
 public:
  Follower(const Context& context, const BackupOptions& options)
      : context_(context), options_(options), folder_(context, options) {}

  int run() {
    const auto every = duration_of(options_.every.empty() ? "24h" : options_.every);
    const auto sync_every = duration_of(options_.sync_every);
    if (!every || !sync_every)
      return report(
          context_, kExitUsage,
          "backup follow: '" + (every ? options_.sync_every : options_.every) + "' is no length of time",
          "write seconds, or a number with s, m, h or d: --every 24h");
    every_ = *every;
    sync_every_ = *sync_every;
    if (const int code = folder_.hold(); code != kExitOk) return code;
    if (const int code = recover(); code != kExitOk) return code;
    while (end_ == kExitOk && !folder_.await(steady_clock::now())) turn();
    sync();
    if (end_ != kExitOk) return end_;
    if (writer_)
      context_.err << "ends; revision " << writer_->revision() << " is the last in " << options_.where
                   << "\n";
    return folder_.exit_code();
  }

 private:
  struct Base {
    std::string file;
    std::int64_t revision = 0;
    std::uint64_t users_revision = 0;
    system_clock::time_point at{};
  };

  struct Revision {
    std::int64_t revision = 0, seen_ms = 0;
    std::vector<std::pair<bool, std::string>> changes;  // deletion, record
    std::vector<std::int64_t> leases;                   // that were not known before
    std::size_t bytes = 0;
  };

  void note(const std::string& what) { context_.err << "note: " << what << "\n" << std::flush; }

  // The disk is not what was believed: nothing goes on. False.
  bool end(const Error& error) {
    if (end_ != kExitOk) return false;
    end_ = folder_.refuse(error, error.code == io::kFull
                                     ? "make room, and start it again: it goes on where it was"
                                     : "start it again once that is mended: it goes on where it was");
    return false;
  }

  // Where the one before has ended: in the newest archive, if it and its backup are there and whole.
  int recover() {
    must_take_ = true;
    const auto timeline = Timeline::read(folder_.disk(), options_.where, true);
    if (!timeline) return folder_.refuse(timeline.error());
    if (timeline->archives().empty()) return kExitOk;
    const ArchiveFile& last = timeline->archives().back();
    auto writer = archive::Writer::reopen(folder_.disk(), folder_.path_of(last.name.file));
    if (!writer && writer.error().code != Code::data_loss) return folder_.refuse(writer.error());
    if (!writer) {
      note(writer.error().message + "; it stays as it is, and a backup is taken to begin anew");
      return kExitOk;
    }
    writer_ = *std::move(writer);
    goes_on_ = true;
    if (writer_->cut_bytes() > 0)
      note(last.name.file + " ended in an unfinished record: " + std::to_string(writer_->cut_bytes()) +
           " bytes are cut off");
    const auto base = backup_called(writer_->head().base);
    const auto facts = context_.backups->look(folder_.path_of(writer_->head().base), false);
    if (!base || !facts) {
      note(writer_->head().base + " is not there or not whole any more: another backup is taken");
      return kExitOk;
    }
    base_ = {base->file, base->revision, facts->users_revision, base->at};
    must_take_ = false;
    return kExitOk;
  }

  void turn() {
    if (is_due()) return take();
    if (!connection_ && (goes_on_ || begins_)) connect();
    if (!connection_) {
      wait_ = std::clamp(2 * wait_, kConnectFirst, kConnectMax);
      folder_.await(steady_clock::now() + wait_);
      return;
    }
    connection_->run_for(kTurn);
    keep_up();
  }

  bool is_due() const {
    return steady_clock::now() >= take_not_before_ &&
           (must_take_ || system_clock::now() >= base_.at + every_);
  }

  // What happens meanwhile is written down, too: a compaction does not wait.
  void take() {
    take_not_before_ = steady_clock::now() + kTakeAgain;
    const bool went_on = goes_on_;
    const int code = folder_.take_one([this] {
      if (!connection_ || end_ != kExitOk) return;
      connection_->run_for(milliseconds(1));
      keep_up();
    });
    if (end_ != kExitOk || folder_.signal() != 0) return;
    if (code != kExitOk) {
      // Whoever may not, or has no place, will not later.
      const bool may_come = code == kExitUnreachable || !base_.file.empty();
      if (!may_come) end_ = code;
      return;
    }
    const Folder::Taken& taken = *folder_.taken();
    const auto name = backup_called(taken.file);
    base_ = {taken.file, taken.facts.revision, taken.facts.users_revision, name->at};
    must_take_ = went_on && !goes_on_;  // whatever ended that may have been before this one or after it
    begins_ = !must_take_;
    drop();
    wait_ = {};
  }

  // What is written from now on does not follow from what was: that takes another backup.
  void begin_anew(const std::string& why) {
    if (!std::exchange(goes_on_, false)) return;
    note(why + ": a backup is taken, to begin anew behind it");
    must_take_ = true;
  }

  void connect() {
    std::string said;
    for (std::size_t tries = context_.endpoints.size(); tries > 0 && !connection_; --tries) {
      const std::string& endpoint = context_.endpoints[next_++ % context_.endpoints.size()];
      auto made = ChangeConnection::open(context_, endpoint);
      const auto cluster =
          made ? (*made)->look() : Result<ChangeConnection::Cluster>(tl::unexpected(made.error()));
      if (!cluster) {
        said += (said.empty() ? "" : "; ") + endpoint + ": " + cluster.error().message;
        continue;
      }
      if (!may_go_on(*cluster)) return;
      connection_ = *std::move(made);
    }
    if (!connection_) {
      if (!std::exchange(is_lost_, true))
        note("nobody can be followed (" + said + "); going on as soon as somebody can");
      return;
    }
    is_lost_ = false;
    wait_ = {};
    heard_ = steady_clock::now();
    seen_revision_ = writer_->revision();
    // The last one that is there is asked for again, as a compaction may have taken some of the one behind
    // it, and of this one that does not matter.
    connection_->watch(writer_->revision(), [this](const auto& response) { take_in(response); });
    context_.err << "follows from revision " << writer_->revision() << " on, at " << connection_->endpoint()
                 << "\n"
                 << std::flush;
  }

  // It is the cluster of before, and has all of it; and there is an archive to write to.
  bool may_go_on(const ChangeConnection::Cluster& cluster) {
    if (goes_on_ && cluster.id != writer_->head().cluster_id) begin_anew("this is another cluster");
    if (goes_on_ && cluster.revision < writer_->revision())
      begin_anew("the cluster has gone back to revision " + std::to_string(cluster.revision));
    if (!goes_on_ && (!begins_ || cluster.revision < base_.revision)) {
      must_take_ = true;
      begins_ = false;
      return false;
    }
    return !begins_ || begin_archive(cluster);
  }

  bool begin_archive(const ChangeConnection::Cluster& cluster) {
    sync();
    archive::Head head;
    head.created_ms = std::max(now_ms(), goes_on_ ? writer_->seen_ms() : 0);
    head.lineage = goes_on_ ? writer_->head().lineage
                            : (static_cast<std::uint64_t>(head.created_ms) ^ cluster.id << 20) | 1U;
    head.cluster_id = cluster.id;
    head.after = goes_on_ ? writer_->revision() : base_.revision;
    head.base = base_.file;
    const auto files = folder_.disk().list(options_.where);
    if (!files) return end(files.error());
    const auto at = next_after(backups_among(*files, kArchiveEnd), system_clock::now());
    auto writer = archive::Writer::create(folder_.disk(), options_.where,
                                          name_of_backup(at, head.after, kArchiveEnd), head);
    if (!writer) return end(writer.error());
    writer_ = *std::move(writer);
    goes_on_ = true;
    begins_ = false;
    leases_.clear();
    if (const Status given_up = folder_.give_up_archives(); !given_up) return end(given_up.error());
    return true;
  }

  void take_in(const etcdserverpb::WatchResponse& response) {
    if (!goes_on_ || end_ != kExitOk) return;
    heard_ = steady_clock::now();
    if (response.header().cluster_id() != writer_->head().cluster_id)
      return begin_anew("this is another cluster");
    if (response.canceled()) {
      if (response.compact_revision() > 0)
        return begin_anew("revisions " + std::to_string(writer_->revision() + 1) + " to " +
                          std::to_string(response.compact_revision()) +
                          " were compacted before they were seen");
      is_cancelled_ = true;
      return note("the watch was ended: " + response.cancel_reason());
    }
    for (const mvccpb::Event& event : response.events()) take_in(event);
    if (!response.fragment()) close_pending();
    write_held();
    if (response.events().empty() && response.header().revision() == writer_->revision() && goes_on_) mark();
  }

  void take_in(const mvccpb::Event& event) {
    const std::int64_t revision = event.kv().mod_revision();
    if (revision <= seen_revision_) return;  // it is there
    if (!pending_.changes.empty() && revision != pending_.revision) close_pending();
    pending_.revision = revision;
    if (event.type() == mvccpb::Event::DELETE) {
      mvccpb::KeyValue key;
      key.set_key(event.kv().key());
      pending_.changes.emplace_back(true, key.SerializeAsString());
    } else {
      pending_.changes.emplace_back(false, event.kv().SerializeAsString());
      ask_lease(event.kv().lease());
    }
    pending_.bytes += pending_.changes.back().second.size();
  }

  // It is whole: the next one begins.
  void close_pending() {
    if (pending_.changes.empty()) return;
    seen_revision_ = pending_.revision;
    held_bytes_ += pending_.bytes;
    pending_.seen_ms = now_ms();
    held_.push_back(std::exchange(pending_, {}));
  }

  // What waits for nothing any more. A lease's length stands in front of the first key that has it, so that
  // what is restored at a revision follows from what is in front of that alone.
  void write_held() {
    if (held_bytes_ > kHeldBytes) unanswered_.clear();
    while (!held_.empty() && goes_on_ && end_ == kExitOk && !waits(held_.front())) {
      write(held_.front());
      held_bytes_ -= held_.front().bytes;
      held_.pop_front();
    }
  }

  bool waits(const Revision& revision) const {
    return std::any_of(revision.leases.begin(), revision.leases.end(),
                       [this](std::int64_t id) { return unanswered_.contains(id); });
  }

  void write(const Revision& held) {
    if (held.revision != writer_->revision() + 1)
      return begin_anew("revision " + std::to_string(held.revision) + " came behind revision " +
                        std::to_string(writer_->revision()));
    std::vector<archive::Change> changes;
    for (const auto& [deletion, record] : held.changes) changes.push_back({deletion, record});
    const Status written = writer_->changes(held.seen_ms, std::move(changes));
    if (!written && written.error().code == Code::out_of_range) return begin_anew(written.error().message);
    if (!written) end(written.error());
  }

  void mark() {
    if (now_ms() - writer_->seen_ms() < milliseconds(kMarkEvery).count()) return;
    if (const Status marked = writer_->mark(now_ms()); !marked) end(marked.error());
  }

  void ask_lease(std::int64_t id) {
    if (id == 0 || unanswered_.size() >= kLeasesAsked) return;
    if (unanswered_.contains(id)) pending_.leases.push_back(id);
    if (leases_.size() >= kLeasesMax) leases_.clear();
    if (!leases_.insert(id).second) return;
    unanswered_.insert(id);
    pending_.leases.push_back(id);
    connection_->ask_lease(id, [this, id](std::int64_t ttl_s) {
      if (unanswered_.erase(id) == 0 || !goes_on_ || end_ != kExitOk) return;
      if (ttl_s > 0)
        if (const Status written = writer_->lease(id, ttl_s); !written) end(written.error());
      write_held();
    });
  }

  void sync() {
    if (!writer_ || end_ != kExitOk) return;
    if (const Status synced = writer_->sync(); !synced) end(synced.error());
  }

  // All that is due by time, and whether the connection is still good.
  void keep_up() {
    const auto now = steady_clock::now();
    if (now >= sync_at_) {
      sync_at_ = now + sync_every_;
      sync();
      connection_->ask_progress();
      if (const int code = folder_.check(); code != kExitOk) end_ = code;
    }
    if (now >= users_at_) {
      users_at_ = now + kUsersEvery;
      connection_->ask_users_revision([this](std::uint64_t revision) {
        if (base_.file.empty() || revision == base_.users_revision || must_take_) return;
        note("users or roles have changed, of which no watch tells: a backup is taken");
        must_take_ = true;
      });
    }
    const bool hangs = now - heard_ > std::max<steady_clock::duration>(context_.timeout, 2 * sync_every_);
    if (hangs || connection_->ended())
      note(connection_->endpoint() + ": " + (hangs ? "nothing comes any more" : connection_->why()) +
           "; going on elsewhere");
    if (hangs || connection_->ended() || is_cancelled_ || !goes_on_) drop();
  }

  void drop() {
    connection_.reset();
    is_cancelled_ = false;
    pending_ = {};
    held_.clear();
    held_bytes_ = 0;
    for (const std::int64_t id : std::exchange(unanswered_, {})) leases_.erase(id);
  }

  const Context& context_;
  const BackupOptions& options_;
  Folder folder_;
  seconds every_{}, sync_every_{};
  int end_ = kExitOk;  // else it ends, and has said why

  Base base_;               // the backup that archives begun from now on name
  bool must_take_ = false;  // another one, however old this one is
  bool begins_ = false;     // it is new: an archive begins with it
  bool goes_on_ = false;    // what comes next follows from the last that writer_ has
  std::unique_ptr<archive::Writer> writer_;

  std::unique_ptr<ChangeConnection> connection_;
  std::size_t next_ = 0;  // endpoint
  bool is_lost_ = false, is_cancelled_ = false;
  milliseconds wait_{};
  steady_clock::time_point heard_, sync_at_, users_at_, take_not_before_;

  Revision pending_;  // which may not be whole
  std::deque<Revision> held_;
  std::size_t held_bytes_ = 0;
  std::int64_t seen_revision_ = 0;     // the last that was whole
  std::set<std::int64_t> leases_;      // whose lengths were asked for, since the archive began
  std::set<std::int64_t> unanswered_;  // of these
};

}  // namespace

int follow(const Context& context, const BackupOptions& options) { return Follower(context, options).run(); }

}  // namespace cairn::cli
