#include "sim/sim_log.h"

#include <chrono>
#include <utility>

namespace cairn::sim {

void SimLog::write(raft::LogWrite write) {
  host_.log_asked(write);
  is_noted_ = false;
  ++world_.counters.log_writes;
  queue_.push_back(std::move(write));
  if (!busy_ && !blocked_) {
    busy_ = true;
    // The log thread wakes up a moment later: what the turn still adds goes along.
    world_.schedule.after(Duration{}, host_.while_alive([this] { begin(); }));
  }
}

void SimLog::begin() {
  bool any = false;
  blocked_ = false;
  for (; !queue_.empty() && !blocked_; any = true) {
    const Status appended = log_->append(queue_.front());
    blocked_ = !appended && io::is_shortage(appended.error());
    if (blocked_) break;
    if (!appended) return host_.disk_failed(appended.error());
    has_frames_ = has_frames_ || !queue_.front().entries.empty() || queue_.front().reset_to;
    done_ = queue_.front().seq;
    queue_.pop_front();
  }
  if (!any) return tend();
  world_.schedule.after(host_.disk_latency(), host_.while_alive([this, seq = done_] { finish(seq); }));
}

void SimLog::finish(raft::WriteSeq seq) {
  if (const Status synced = log_->sync(); !synced) return host_.disk_failed(synced.error());
  if (std::exchange(has_frames_, false) && host_.has_misplaced_a_write() && ++syncs_since_misplaced_ == 2)
    host_.went_on_behind_misplaced();
  low_ = log_->room().low;
  host_.log_durable(seq, log_->room());
  if (world_.schedule.now() - noted_at_ >= log_->watermark_lag_max() && !note_durable()) return;
  tend();
}

void SimLog::tend() {
  if (const auto maintained = log_->maintain(); !maintained) return host_.disk_failed(maintained.error());
  if (const raft::Room room = log_->room(); room.low != low_) {
    low_ = room.low;
    host_.log_durable(done_, room);
  }
  busy_ = !queue_.empty() && !blocked_;
  if (busy_) return begin();  // which may be the end of this process
  if (blocked_ || log_->is_short()) ask_again();
  note_later();
}

void SimLog::note_later() {
  const auto note = [this, seq = done_] {
    if (!busy_ && queue_.empty() && seq == done_) note_durable();
  };
  world_.schedule.after(log_->watermark_idle(), host_.while_alive(note));
}

// False: this process is no more.
bool SimLog::note_durable() {
  if (const Status noted = log_->note_durable(); !noted) {
    host_.disk_failed(noted.error());
    return false;
  }
  noted_at_ = world_.schedule.now();
  is_noted_ = queue_.empty();
  return true;
}

// While there is a shortage, the disk is asked now and then; what has found no room waits so long.
void SimLog::ask_again() {
  ++world_.counters.shortages;
  if (tends_) return;
  tends_ = true;
  const auto pause = std::chrono::milliseconds(world_.options.limits.shortage_pause_ms);
  world_.schedule.after(pause, host_.while_alive([this] {
    tends_ = false;
    if (busy_) return;  // it ends with tend()
    busy_ = true;
    begin();
  }));
}

}  // namespace cairn::sim
