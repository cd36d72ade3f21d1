#include "cli/interrupts.h"

#include <algorithm>
#include <ctime>

namespace cairn::cli {

Interrupts::Interrupts() {
  sigemptyset(&signals_);
  for (const int signal : {SIGINT, SIGTERM, SIGCHLD}) sigaddset(&signals_, signal);
  sigprocmask(SIG_BLOCK, &signals_, &before_);
}

Interrupts::~Interrupts() { restore(); }

void Interrupts::restore() const { sigprocmask(SIG_SETMASK, &before_, nullptr); }

int Interrupts::wait(std::chrono::milliseconds at_most) {
  const auto ms = std::max<std::chrono::milliseconds::rep>(at_most.count(), 0);
  const timespec time{.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1'000'000};
  return std::max(sigtimedwait(&signals_, nullptr, &time), 0);
}

}  // namespace cairn::cli
