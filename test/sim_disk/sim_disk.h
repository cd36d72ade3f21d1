// SimDisk: a disk in memory that fails as real ones do. What was not synced may be lost, torn or kept at a
// crash, each write by itself; names not covered by sync_dir may vanish; any I/O can be made to fail; the
// disk can be full. Owner: a test or one simulated machine. Threading: single-threaded. Deterministic: no
// randomness but the Prng that is handed to crash(). Model: every file has its content as programs see it
// (cached) and as it lies on the platter (durable), with the list of writes between the two. Every folder has
// the same pair for its names; at a crash a prefix of a folder's unsynced changes survives, as with a
// journalling file system.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/prng.h"
#include "io/disk.h"

namespace cairn::sim {

enum class Operation : std::uint8_t {
  open,
  read,
  create,
  write,
  truncate,
  sync,
  make_dir,
  rename,
  remove,
  sync_dir
};

// What becomes of each unsynced write at a crash: one of the three is drawn with these weights.
struct CrashOptions {
  std::uint64_t keep = 1;
  std::uint64_t lose = 1;
  std::uint64_t tear = 1;  // each 512-byte sector of the write is kept or lost by itself
  enum class Names : std::uint8_t { keep_all, lose_all, prefix } names = Names::prefix;
};

class SimDisk final : public io::Disk {
 public:
  SimDisk();
  ~SimDisk() override;

  Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenMode mode) override;
  Status make_dir(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& dir) override;
  Result<bool> exists(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_dir(const std::string& dir) override;
  Result<std::unique_ptr<io::Directory>> open_dir(const std::string& dir) override;
  Result<std::uint64_t> room_bytes(const std::string& dir) override;
  Result<std::unique_ptr<io::DirectoryLock>> lock(const std::string& path) override;

  // Power cut: decides what survives, forgets the rest, releases locks, clears injected faults. Files opened
  // before fail from now on.
  void crash(Prng& prng, const CrashOptions& options = {});
  // The process dies but the machine lives: nothing is lost, locks are released, files opened before fail
  // from now on.
  void kill_process();

  // The nth I/O from now (1 is the next one) fails with `code`; with for_ever also every one after it. A
  // failed sync forgets the writes it should have made durable, a failed write may leave half of its bytes
  // behind.
  void fail_io(std::uint64_t nth, Code code, bool for_ever);
  // As fail_io with for_ever, but only I/Os that change something are counted: a power cut just before that
  // one.
  void stop_at_change(std::uint64_t nth);
  void clear_faults();
  // The nth write to a file from now reports success and goes nowhere (lost), or its bytes land in another
  // sector of the file (misdirected), as worn-out disks do: to_offset counts round and round the file, and
  // what would lie behind its end goes nowhere.
  void lose_write(std::uint64_t nth);
  void misdirect_write(std::uint64_t nth, std::uint64_t to_offset);
  std::string misplaced() const;  // in words, such a write in this life of the machine; empty: none
  // It was only late, if there was one: it arrives where it belongs, and what it had overwritten is there
  // again, wherever nothing was written since.
  void place_late();
  void set_capacity(std::uint64_t bytes);  // writes that would grow the files beyond it: resource_exhausted

  // Called before every I/O that changes something.
  using Hook = std::function<void(Operation, const std::string& path)>;
  void set_hook(Hook hook);

  std::uint64_t io_count() const;
  std::uint64_t change_count() const;  // I/Os that change something, syncs included
  std::uint64_t sync_count() const;    // File::sync only
  std::uint64_t used_bytes() const;

  // For tests: look at a file, or damage it behind everybody's back (both the cached and the durable
  // content).
  std::string contents(const std::string& path) const;
  std::vector<std::string> files() const;                       // every file's path, sorted
  void put(const std::string& path, const std::string& bytes);  // durable at once; parents are made
  void overwrite(const std::string& path, std::uint64_t offset, const std::string& bytes);
  void flip_bit(const std::string& path, std::uint64_t bit);

  // While no process runs: changes that are durable at once, as somebody's hands make them.
  void cut_file(const std::string& path, std::uint64_t size_bytes);
  void remove_tree(const std::string& path);  // a file, or a folder with all that is in it; nothing if absent
  // All that is durable, for a roll-back.
  struct Copy;
  std::shared_ptr<const Copy> copy() const;
  void restore(const Copy& copy);

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace cairn::sim
