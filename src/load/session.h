// Session: one benchmark from its connections to its figures; the face of this folder. Threading: one thread;
// fill() and measure() block.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "load/figures.h"
#include "load/options.h"

namespace cairn::load {

class Session {
 public:
  Session(const std::vector<std::string>& endpoints, const Options& options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  std::string open();  // what is wrong, or ""
  // Watches and leases that the work stands on; what is wrong, or "".
  std::string prepare();
  // The work reads keys, and not all of them are there: it would measure something else.
  bool lacks_keys();
  Figures fill(Progress progress);  // writes all keys; its progress is in keys a second
  Figures measure(Progress progress);
  Record take_record();  // of measure(), if Options ask for one
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cairn::load
