#include "server/snapshot_thread.h"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "observe/log.h"
#include "server/fatal.h"
#include "server/read_ahead.h"
#include "server/thread_name.h"
#include "wal/snapshot_format.h"

namespace cairn::server {
namespace {

const Error kBusy{Code::resource_exhausted, "the snapshot thread has too much queued; try again"};

// A shortage is survivable here: the log goes on, and the snapshot is tried again later. So is a peer that
// sends something else than its manifest announced, what somebody's hands have put in the way (nothing had
// begun then), and a member that stops meanwhile.
bool survivable(Code code) {
  return code == io::kFull || code == io::kPassing || code == io::kMisplaced || code == Code::data_loss ||
         code == Code::out_of_range || code == Code::failed_precondition || code == Code::cancelled;
}

// A stop need not wait until gigabytes are saved: what is half done is removed.
class UntilStopped final : public ByteSink {
 public:
  UntilStopped(ByteSink* inner, std::function<bool()> stopped)
      : inner_(inner), stopped_(std::move(stopped)) {}
  Status write(std::string_view bytes) override {
    if (stopped_()) return fail(Code::cancelled, "the member is stopping");
    return inner_->write(bytes);
  }

 private:
  ByteSink* const inner_;
  const std::function<bool()> stopped_;
};

Status checked(const char* what, Status status) {
  if (!status && !survivable(status.error().code)) stop_for_disk_error(what, status.error());
  return status;
}

}  // namespace

SnapshotThread::SnapshotThread(std::unique_ptr<wal::SnapshotStore> store, Pace* pace, Lost lost,
                               const Limits& limits)
    : limits_(limits),
      pace_(pace),
      lost_(std::move(lost)),
      store_(std::move(store)),
      tasks_(limits.tasks_max),
      thread_([this] { run(); }) {}

SnapshotThread::~SnapshotThread() { stop(); }

void SnapshotThread::stop() {
  tasks_.close();
  pace_->off();  // last: whoever is not made to rest any more meets a closed queue
  if (thread_.joinable()) thread_.join();
}

// On Linux a nice value belongs to a thread. Where cores are few, a snapshot must not make the loop and the
// log wait for one; it takes longer instead. Failing to lower oneself harms nothing.
void SnapshotThread::run() {
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), limits_.nice);
  name_this_thread("snapshot");
  std::vector<Task> batch;
  while (tasks_.drain(&batch))
    for (const Task& task : batch) {
      pace_->begin(limits_.rest_per_work);
      task();
    }
}

void SnapshotThread::save(raft::SnapshotMeta meta, std::shared_ptr<const mvcc::View> view,
                          std::function<void(Status)> done) {
  tasks_.push([this, meta = std::move(meta), view = std::move(view), done = std::move(done)] {
    done(checked("saving a snapshot", save_now(meta, *view)));
  });
}

Status SnapshotThread::save_now(const raft::SnapshotMeta& meta, const mvcc::View& view) {
  const std::unique_ptr<wal::SnapshotWriter> writer = TRY(store_->create(meta, view.size_bytes()));
  UntilStopped sink(writer.get(), [this] { return tasks_.closed(); });
  TRY(view.save(&sink));
  return writer->publish();
}

void SnapshotThread::load(raft::SnapshotMeta meta,
                          std::function<void(Result<std::unique_ptr<mvcc::StateMachine>>)> done) {
  tasks_.push([this, meta = std::move(meta), done = std::move(done)] { done(load_now(meta)); });
}

Result<std::unique_ptr<mvcc::StateMachine>> SnapshotThread::load_now(const raft::SnapshotMeta& meta) {
  pace_->begin(0);  // the member serves nothing new until this is done
  ReadAhead source(TRY(store_->read(meta)));
  return mvcc::StateMachine::load(&source);
}

void SnapshotThread::newest(std::function<void(std::optional<wal::SnapshotInfo>)> done) {
  tasks_.push([this, done = std::move(done)] { done(store_->newest()); });
}

void SnapshotThread::manifest(raft::SnapshotMeta meta, std::function<void(Result<std::string>)> done) {
  auto task = [this, meta = std::move(meta), done] {
    Result<std::string> manifest = store_->manifest(meta);
    if (!manifest) keep_from_peers(meta, manifest.error());
    done(std::move(manifest));
  };
  if (!tasks_.try_push(std::move(task))) done(tl::unexpected(kBusy));
}

void SnapshotThread::chunk(raft::SnapshotMeta meta, std::uint64_t number,
                           std::function<void(Result<std::string>)> done) {
  auto task = [this, meta = std::move(meta), number, done] {
    Result<std::string> stored = store_->chunk(meta, number);
    if (!stored) keep_from_peers(meta, stored.error());
    done(std::move(stored));
  };
  if (!tasks_.try_push(std::move(task))) done(tl::unexpected(kBusy));
}

void SnapshotThread::keep_from_peers(const raft::SnapshotMeta& meta, const Error& why) {
  if (why.code != Code::data_loss) return;
  const auto newest = store_->newest();
  const bool is_newest = newest && newest->meta.index <= meta.index;
  const Result<std::string> aside = store_->put_aside(meta);
  if (!aside && aside.error().code == Code::not_found) return;  // another stream of it met the same
  if (!aside && io::is_shortage(aside.error())) {
    log_error(
        "a snapshot on this disk is damaged, and there is no room to put it aside; it is sent to nobody",
        {{"index", meta.index.v}, {"why", why.message}, {"error", aside.error().message}});
    return;
  }
  if (!aside) stop_for_disk_error("putting a damaged snapshot aside", aside.error());
  log_error("a snapshot on this disk is damaged; it is put aside and sent to nobody",
            {{"index", meta.index.v}, {"why", why.message}, {"kept-in", *aside}});
  if (is_newest) lost_(meta);
}

void SnapshotThread::begin_receive(raft::NodeId from, raft::SnapshotMeta meta, std::string manifest,
                                   std::function<void(Result<std::uint64_t>)> done) {
  auto task = [this, from, meta = std::move(meta), manifest = std::move(manifest), done]() -> void {
    // Published, it would be the newest snapshot at the next start, whatever the core was offered.
    const Result<wal::Manifest> parsed = wal::parse_manifest(manifest, "received manifest");
    if (!parsed) return done(tl::unexpected(parsed.error()));
    if (parsed->meta != meta)
      return done(fail(Code::invalid_argument, "the manifest is of another snapshot than the offer"));
    // The store keeps the files of one transfer: an older one, say of a leader that has been replaced
    // meanwhile, would write into what is gone or is now another's, so it ends here.
    receiving_.clear();
    Result<std::unique_ptr<wal::SnapshotReceiver>> receiver = store_->receive(manifest);
    if (!receiver) {
      const Status failed = checked("beginning to receive a snapshot", tl::unexpected(receiver.error()));
      return done(tl::unexpected(failed.error()));
    }
    const std::uint64_t next = (*receiver)->next_chunk();
    receiving_[from] = std::move(*receiver);
    done(next);
  };
  if (!tasks_.try_push(std::move(task))) done(tl::unexpected(kBusy));
}

void SnapshotThread::receive_chunk(raft::NodeId from, std::uint64_t number, std::string stored,
                                   std::function<void(Status)> done) {
  auto task = [this, from, number, stored = std::move(stored), done]() -> void {
    const auto found = receiving_.find(from);
    if (found == receiving_.end()) return done(fail(Code::failed_precondition, "no snapshot stream is open"));
    done(checked("receiving a snapshot", found->second->write_chunk(number, stored)));
  };
  if (!tasks_.try_push(std::move(task))) done(tl::unexpected(kBusy));
}

void SnapshotThread::finish_receive(raft::NodeId from, std::function<void(Status)> done) {
  auto task = [this, from, done]() -> void {
    const auto found = receiving_.find(from);
    if (found == receiving_.end()) return done(fail(Code::failed_precondition, "no snapshot stream is open"));
    const std::unique_ptr<wal::SnapshotReceiver> receiver = std::move(found->second);
    receiving_.erase(found);
    done(checked("publishing a received snapshot", receiver->publish()));
  };
  if (!tasks_.try_push(std::move(task))) done(tl::unexpected(kBusy));
}

}  // namespace cairn::server
