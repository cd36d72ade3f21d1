#include "sim/sim_log.h"

#include <utility>

namespace cairn::sim {

void SimLog::write(raft::LogWrite write) {
  host_.log_asked(write);
  ++world_.counters.log_writes;
  queue_.push_back(std::move(write));
  if (!busy_) {
    busy_ = true;
    // The log thread wakes up a moment later: what the turn still adds goes along.
    world_.schedule.after(Duration{}, host_.while_alive([this] { begin(); }));
  }
}

void SimLog::begin() {
  std::vector<raft::LogWrite> batch;
  batch.swap(queue_);
  for (const raft::LogWrite& write : batch) {
    if (const Status appended = log_->append(write); !appended) return host_.disk_failed(appended.error());
  }
  const raft::WriteSeq seq = batch.back().seq;
  world_.schedule.after(host_.disk_latency(), host_.while_alive([this, seq] { finish(seq); }));
}

void SimLog::finish(raft::WriteSeq seq) {
  if (const Status synced = log_->sync(); !synced) return host_.disk_failed(synced.error());
  host_.log_durable(seq);
  if (const auto maintained = log_->maintain(); !maintained) return host_.disk_failed(maintained.error());
  busy_ = !queue_.empty();
  if (busy_) begin();
}

}  // namespace cairn::sim
