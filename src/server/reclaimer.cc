#include "server/reclaimer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "server/thread_name.h"

namespace cairn::server {
Reclaimer::Reclaimer(Pace::Clock clock, const Limits& limits)
    : limits_(limits), pace_(std::move(clock)), files_(limits.files_max), thread_([this] { run(); }) {}

Reclaimer::~Reclaimer() {
  pace_.off();
  files_.close();
  thread_.join();
}

void Reclaimer::take(std::unique_ptr<io::File> removed) { (void)files_.try_push(std::move(removed)); }

void Reclaimer::run() {
  name_this_thread("reclaimer");
  std::vector<std::unique_ptr<io::File>> batch;
  while (files_.drain(&batch)) {
    for (std::unique_ptr<io::File>& file : batch) {
      shrink(*file);
      file = nullptr;
    }
  }
}

// Nobody reads the file any more: what fails here only means that the rest is freed at once, when it closes.
void Reclaimer::shrink(io::File& file) {
  pace_.begin(limits_.rest_per_work);
  std::uint64_t size = file.size().value_or(0);
  while (size > 0 && !files_.closed()) {
    size -= std::min(size, limits_.step_bytes);
    // Synced, because a journal would gather the steps and free them in one.
    if (!file.truncate(size) || !file.sync()) return;
    pace_.rest();
  }
}

}  // namespace cairn::server
