// LogThread: the thread that makes the Raft log durable. Everything queued while it wrote goes out in the
// next write and shares one fdatasync (group commit). Owner: Runtime. Threading: write() from the loop
// thread; `persisted` is called on the log thread. Bounded by what the Raft core lets be unpersisted (its
// uncommitted_bytes_max). Errors: a failed append or sync ends the process at once (fatal.h), before anything
// is acknowledged.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "base/mailbox.h"
#include "node/ports.h"
#include "observe/metrics.h"
#include "wal/wal.h"

namespace cairn::server {

class LogThread final : public node::LogPort {
 public:
  LogThread(std::unique_ptr<wal::Wal> log, Histogram* fsync_seconds,
            std::function<void(raft::WriteSeq)> persisted);
  ~LogThread() override;
  void write(raft::LogWrite write) override;
  void stop();  // everything queued is durable afterwards

 private:
  void run();
  void maintain();

  std::unique_ptr<wal::Wal> log_;
  Histogram* fsync_seconds_;
  std::function<void(raft::WriteSeq)> persisted_;
  Mailbox<raft::LogWrite> queue_;
  std::thread thread_;
};

}  // namespace cairn::server
