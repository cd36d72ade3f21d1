#include "server/log_thread.h"

#include <chrono>
#include <limits>
#include <utility>
#include <vector>

#include "server/fatal.h"
#include "server/thread_name.h"

namespace cairn::server {

LogThread::LogThread(std::unique_ptr<wal::Wal> log, Histogram* fsync_seconds,
                     std::function<void(raft::WriteSeq)> persisted)
    : log_(std::move(log)),
      fsync_seconds_(fsync_seconds),
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
  std::vector<raft::LogWrite> batch;
  while (queue_.drain(&batch)) {
    const auto start = std::chrono::steady_clock::now();
    for (const raft::LogWrite& write : batch)
      if (Status appended = log_->append(write); !appended)
        stop_for_disk_error("appending to the log", appended.error());
    if (Status synced = log_->sync(); !synced) stop_for_disk_error("syncing the log", synced.error());
    fsync_seconds_->observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    persisted_(batch.back().seq);
    maintain();
  }
  if (Status closed = log_->close(); !closed) stop_for_disk_error("closing the log", closed.error());
}

void LogThread::maintain() {
  for (bool more = true; more;) {
    const Result<bool> maintained = log_->maintain();
    if (!maintained) stop_for_disk_error("preparing the log's next segment", maintained.error());
    more = *maintained && queue_.empty();
  }
}

}  // namespace cairn::server
