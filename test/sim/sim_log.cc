#include "sim/sim_log.h"

#include <chrono>
#include <utility>

namespace cairn::sim {
namespace {

constexpr Duration kShortagePause = std::chrono::milliseconds(50);

}  // namespace

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
  bool any = false;
  for (; !queue_.empty(); queue_.pop_front(), any = true) {
    const Status appended = log_->append(queue_.front());
    if (!appended && io::is_shortage(appended.error())) break;
    if (!appended) return host_.disk_failed(appended.error());
    done_ = queue_.front().seq;
  }
  any_ = any;
  if (!any) return tend();
  world_.schedule.after(host_.disk_latency(), host_.while_alive([this, seq = done_] { finish(seq); }));
}

void SimLog::finish(raft::WriteSeq seq) {
  if (const Status synced = log_->sync(); !synced) return host_.disk_failed(synced.error());
  low_ = log_->room().low;
  host_.log_durable(seq, log_->room());
  tend();
}

// While there is a shortage, the disk is asked again and again; what has found no room waits so long.
void SimLog::tend() {
  if (const auto maintained = log_->maintain(); !maintained) return host_.disk_failed(maintained.error());
  if (const raft::Room room = log_->room(); room.low != low_) {
    low_ = room.low;
    host_.log_durable(done_, room);
  }
  const bool is_short = log_->is_short();
  busy_ = is_short || !queue_.empty();
  if (is_short || !any_) {
    ++world_.counters.shortages;
    world_.schedule.after(kShortagePause, host_.while_alive([this] { begin(); }));
  } else if (busy_) {
    begin();
  }
}

}  // namespace cairn::sim
