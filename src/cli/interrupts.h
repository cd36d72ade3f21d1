// Interrupts: SIGINT, SIGTERM and the end of children as something to wait for, for commands that have to put
// things right before they end. While it lives these signals do nothing else. One at a time.
#pragma once

#include <chrono>
#include <csignal>

namespace cairn::cli {

class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // The signal that has come, or comes within that time; 0: none.
  int wait(std::chrono::milliseconds at_most);
  // In a child, before it becomes another program.
  void restore() const;

 private:
  sigset_t signals_{}, before_{};
};

}  // namespace cairn::cli
