// LogThread: the thread that makes the Raft log durable. Everything queued while it wrote goes out in the
// next write and shares one fdatasync (group commit). Without anything to write for a few milliseconds it
// notes in the log's watermark what is durable. Owner: Runtime. Threading: write() from the loop thread;
// `persisted` is called on the log thread. Bounded by what the Raft core lets be unpersisted (its
// uncommitted_bytes_max). Errors: a failed append or sync ends the process at once (fatal.h), before anything
// is acknowledged. A shortage (io::is_shortage) is none: what finds no room waits, and the disk is asked
// again every Limits::shortage_pause, writes or not.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/mailbox.h"
#include "node/ports.h"
#include "observe/metrics.h"
#include "observe/slow_ones.h"
#include "wal/wal.h"

namespace cairn::server {

class LogThread final : public node::LogPort {
 public:
  struct Limits {
    std::chrono::milliseconds shortage_pause{200};
    // A write and its sync that took longer are said in the log, once a minute. etcd's own bound is a second.
    SlowOnes::Limits slow_sync{.slow = std::chrono::milliseconds(500)};
  };
  using Persisted = std::function<void(raft::WriteSeq, raft::Room)>;

  LogThread(std::unique_ptr<wal::Wal> log, Histogram* fsync_seconds, Persisted persisted)
      : LogThread(std::move(log), fsync_seconds, std::move(persisted), Limits()) {}
  LogThread(std::unique_ptr<wal::Wal> log, Histogram* fsync_seconds, Persisted persisted,
            const Limits& limits);
  ~LogThread() override;
  void write(raft::LogWrite write) override;
  void stop();  // everything queued is durable afterwards

 private:
  void run();
  bool wait();  // false: nothing will come any more
  void write_waiting();
  void maintain();
  void report();
  void note_durable();
  void log_slow(std::chrono::nanoseconds took, std::size_t writes);

  const Limits limits_;
  std::unique_ptr<wal::Wal> log_;
  Histogram* fsync_seconds_;
  SlowOnes slow_syncs_;
  Persisted persisted_;
  std::vector<raft::LogWrite> arrived_;  // a vector goes to and fro between it and the queue
  std::deque<raft::LogWrite> waiting_;   // not appended yet; the thread's
  raft::WriteSeq done_;
  bool low_ = false;   // as last reported
  bool noted_ = true;  // in the watermark: all that is durable
  std::chrono::steady_clock::time_point noted_at_{};
  Mailbox<raft::LogWrite> queue_;
  std::thread thread_;
};

}  // namespace cairn::server
