// Reclaimer: gives the room of removed files back to the filesystem in small steps. Freeing a file of
// gigabytes at once can occupy a disk for hundreds of milliseconds (each freed block may be discarded), and
// the log's sync would wait behind it. The files have no names any more: after a crash the filesystem frees
// them by itself. Owner: run(). Threading: take() from any thread; the steps on a thread of its own.
// Bound: Limits::files_max files wait; one that finds no room among them is freed at once.
#pragma once

#include <memory>
#include <thread>
#include <utility>

#include "base/mailbox.h"
#include "io/disk.h"
#include "server/pace.h"

namespace cairn::server {

class Reclaimer {
 public:
  struct Limits {  // at least one each
    std::size_t files_max = 256;
    std::uint64_t step_bytes = std::uint64_t{4} << 20;
    unsigned rest_per_work = 9;  // a tenth of the disk's time
  };

  explicit Reclaimer(Pace::Clock clock = Pace::machine_clock()) : Reclaimer(std::move(clock), Limits()) {}
  Reclaimer(Pace::Clock clock, const Limits& limits);
  ~Reclaimer();  // what is left is freed at once

  void take(std::unique_ptr<io::File> removed);

 private:
  void run();
  void shrink(io::File& file);

  const Limits limits_;
  Pace pace_;
  Mailbox<std::unique_ptr<io::File>> files_;
  std::thread thread_;
};

}  // namespace cairn::server
