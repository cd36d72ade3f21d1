// Pace: keeps background work to a share of its time. After each small piece of work the worker rests in
// proportion to what the piece took, waiting for disk and cores included: the busier the machine, the slower
// the work, whatever the disk's speed is. Owner: whoever owns the worker. Threading: one thread at a time;
// off() from any. Bound: one rest lasts at most Limits::rest_max, so that a disk that hung for seconds is not
// answered by a sleep of seconds.
#pragma once

#include <atomic>
#include <functional>
#include <utility>

#include "base/time.h"

namespace cairn::server {

class Pace {
 public:
  struct Limits {
    Duration rest_min = std::chrono::milliseconds(1);  // less is saved up
    Duration rest_max = std::chrono::milliseconds(100);
  };
  struct Clock {
    std::function<Time()> now;
    std::function<void(Duration)> sleep;
  };
  static Clock machine_clock();
  explicit Pace(Clock clock = machine_clock()) : Pace(std::move(clock), Limits()) {}
  Pace(Clock clock, const Limits& limits) : clock_(std::move(clock)), limits_(limits) {}

  // What follows rests `rest_per_work` times as long as it works; 0: never.
  void begin(unsigned rest_per_work);
  void rest();  // a piece of work is done
  void off() { off_ = true; }

 private:
  const Clock clock_;
  const Limits limits_;
  unsigned rest_per_work_ = 0;
  Time work_began_;
  Duration owed_{};
  std::atomic<bool> off_ = false;
};

}  // namespace cairn::server
