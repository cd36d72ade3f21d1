#include "server/log_thread.h"

#include <chrono>
#include <iterator>
#include <limits>
#include <utility>

#include "observe/log.h"
#include "server/fatal.h"
#include "server/thread_name.h"

namespace cairn::server {

LogThread::LogThread(std::unique_ptr<wal::Wal> log, Histogram* fsync_seconds, Persisted persisted,
                     const Limits& limits)
    : limits_(limits),
      log_(std::move(log)),
      fsync_seconds_(fsync_seconds),
      slow_syncs_(limits.slow_sync),
      persisted_(std::move(persisted)),
      queue_(std::numeric_limits<std::size_t>::max()),
      thread_([this] { run(); }) {}

LogThread::~LogThread() { stop(); }

void LogThread::write(raft::LogWrite write) { queue_.push(std::move(write)); }

void LogThread::stop() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

void LogThread::run() {
  name_this_thread("log");
  while (wait()) {
    if (!waiting_.empty()) write_waiting();
    maintain();
    if (log_->room().low != low_) report();
  }
  if (!waiting_.empty())
    log_warn("stopping with writes that found no room on the disk; none of them was acknowledged",
             {{"writes", waiting_.size()}});
  if (Status closed = log_->close(); !closed) stop_for_disk_error("closing the log", closed.error());
}

bool LogThread::wait() {
  const bool tend = log_->is_short() || !waiting_.empty();
  const auto patience = tend ? limits_.shortage_pause : log_->watermark_idle();
  const bool goes_on = tend || !noted_ ? queue_.drain_for(&arrived_, patience) : queue_.drain(&arrived_);
  if (arrived_.empty() && !noted_) note_durable();
  std::move(arrived_.begin(), arrived_.end(), std::back_inserter(waiting_));
  return goes_on;
}

void LogThread::write_waiting() {
  const auto start = std::chrono::steady_clock::now();
  std::size_t writes = 0;
  for (; !waiting_.empty(); waiting_.pop_front(), ++writes) {
    const Status appended = log_->append(waiting_.front());
    if (!appended && io::is_shortage(appended.error())) break;
    if (!appended) stop_for_disk_error("appending to the log", appended.error());
    done_ = waiting_.front().seq;
  }
  if (writes == 0) return;
  if (Status synced = log_->sync(); !synced) stop_for_disk_error("syncing the log", synced.error());
  noted_ = false;
  const auto now = std::chrono::steady_clock::now();
  fsync_seconds_->observe(std::chrono::duration<double>(now - start).count());
  log_slow(now - start, writes);
  report();
  if (now - noted_at_ >= log_->watermark_lag_max()) note_durable();
}

void LogThread::log_slow(std::chrono::nanoseconds took, std::size_t writes) {
  log_debug("the log was synced", {{"took-us", took.count() / 1000}, {"writes", writes}});
  if (const auto slow = slow_syncs_.took(took, std::chrono::steady_clock::now()))
    log_warn("slow disk: writing and syncing the log took too long; every write of a client waits for that",
             {{"longest-ms", milliseconds_of(slow->longest)},
              {"times", slow->times},
              {"limit-ms", milliseconds_of(limits_.slow_sync.slow)},
              {"next", "look for what else uses that disk, or give the log a faster one"}});
}

void LogThread::note_durable() {
  if (Status noted = log_->note_durable(); !noted)
    stop_for_disk_error("noting what of the log is durable", noted.error());
  noted_ = true;
  noted_at_ = std::chrono::steady_clock::now();
}

void LogThread::maintain() {
  for (bool more = true; more;) {
    const Result<bool> maintained = log_->maintain();
    if (!maintained) stop_for_disk_error("preparing the log's next segment", maintained.error());
    more = *maintained && queue_.empty();
  }
}

void LogThread::report() {
  const raft::Room room = log_->room();
  if (room.low && !low_)
    log_warn("the disk has no room for the log; while too few members have some, writes are refused",
             {{"left-bytes", room.bytes},
              {"next", "make room on the disk of --data-dir, or delete keys and compact"}});
  if (!room.low && low_) log_info("the disk has room for the log again");
  low_ = room.low;
  persisted_(done_, room);
}

}  // namespace cairn::server
