// SimLog: the log thread without a thread: the real Wal on a simulated disk. What queued while the disk was
// busy is appended and synced together, as in the server. Owner: Member's running process. Threading: one
// thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "node/ports.h"
#include "sim/log_image.h"
#include "sim/world.h"
#include "wal/wal.h"

namespace cairn::sim {

class SimLog final : public node::LogPort {
 public:
  struct Host {
    virtual ~Host() = default;
    virtual Duration disk_latency() = 0;  // of one sync, begun now
    virtual void log_asked(const raft::LogWrite& write) = 0;
    virtual void log_durable(raft::WriteSeq seq, raft::Room room) = 0;  // or the room has changed
    virtual void disk_failed(const Error& error) = 0;                   // the process is about to die
    virtual Schedule::Task while_alive(Schedule::Task task) = 0;  // does nothing once this process is gone
    virtual bool has_misplaced_a_write() const = 0;               // the disk, in this life
    virtual void went_on_behind_misplaced() = 0;                  // what is missing can be told from now on
  };
  SimLog(World& world, Host& host, std::unique_ptr<wal::Wal> log)
      : world_(world), host_(host), log_(std::move(log)) {}

  void write(raft::LogWrite write) override;
  bool is_noted() const { return is_noted_; }  // what is durable is known outside the log, too
  // Frames have become durable behind those of a misplaced write: the log itself tells that something is
  // missing.
  bool went_on_behind_misplaced() const { return syncs_since_misplaced_ > 1; }

 private:
  void begin();
  void finish(raft::WriteSeq seq);
  void tend();
  void ask_again();
  void note_later();  // what is durable, once the log has been idle for a moment
  bool note_durable();

  World& world_;
  Host& host_;
  std::unique_ptr<wal::Wal> log_;
  std::deque<raft::LogWrite> queue_;
  raft::WriteSeq done_;
  bool low_ = false;  // as last reported
  bool is_noted_ = false;
  Time noted_at_{};
  bool has_frames_ = false;                  // what is about to be synced
  std::uint64_t syncs_since_misplaced_ = 0;  // of frames; the first may be of those that were misplaced
  bool busy_ = false;
  bool blocked_ = false;  // what is queued finds no room
  bool tends_ = false;    // the disk will be asked again
};

}  // namespace cairn::sim
