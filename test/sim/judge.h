// Judge: where checkers report. The first violation is kept and stops the run.
// Owner: Cluster. Threading: one thread.
#pragma once

#include <string>
#include <utility>

namespace cairn::sim {

class Judge {
 public:
  // invariant: its number, for example "I4 log matching".
  void accuse(const char* invariant, std::string what) {
    if (!violation_.empty()) return;
    violation_ = std::string(invariant) + ": " + std::move(what);
  }
  bool failed() const { return !violation_.empty(); }
  const std::string& violation() const { return violation_; }

 private:
  std::string violation_;
};

}  // namespace cairn::sim
