#include "server/pace.h"

#include <algorithm>
#include <thread>

namespace cairn::server {

Pace::Clock Pace::machine_clock() {
  return {.now = [] { return std::chrono::steady_clock::now(); },
          .sleep = [](Duration how_long) { std::this_thread::sleep_for(how_long); }};
}

void Pace::begin(unsigned rest_per_work) {
  rest_per_work_ = rest_per_work;
  work_began_ = clock_.now();
  owed_ = {};
}

void Pace::rest() {
  if (rest_per_work_ == 0 || off_) return;
  owed_ += rest_per_work_ * (clock_.now() - work_began_);
  if (owed_ >= limits_.rest_min) {
    clock_.sleep(std::min(owed_, limits_.rest_max));
    owed_ = {};
  }
  work_began_ = clock_.now();
}

}  // namespace cairn::server
