// What the log costs beside the device: encoding, checksums and bookkeeping, on a disk in memory.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <utility>

#include "base/check.h"
#include "sim_disk/sim_disk.h"
#include "wal/wal.h"

namespace cairn::wal {
namespace {

constexpr std::size_t kEntryBytes = 256;
constexpr std::int64_t kPendingEntries = 10000;  // then the measurement pauses and the log is emptied

// A log on its own disk, which appends `count` entries at a time behind what it has.
class Log {
 public:
  Log() {
    CHECK(disk_.make_dir("data").has_value());
    auto opened = Wal::open(disk_, "data", {1, 1}, {}, {.segment_bytes = std::uint64_t{4} << 20});
    CHECK(opened.has_value());
    wal_ = std::move(opened->wal);
  }

  void append(std::int64_t count) {
    raft::LogWrite write;
    for (std::int64_t i = 0; i < count; ++i) {
      last_ = last_.next();
      write.entries.push_back({raft::Term{1}, last_, raft::EntryType::command, data_});
    }
    CHECK(wal_->append(write).has_value());
  }
  void sync() { CHECK(wal_->sync().has_value() && wal_->maintain().has_value()); }
  // So that memory does not grow with the length of the measurement.
  void forget() { CHECK(wal_->truncate_front(last_).has_value()); }

 private:
  sim::SimDisk disk_;
  std::unique_ptr<Wal> wal_;
  raft::Index last_;
  Bytes data_ = make_bytes(std::string(kEntryBytes, 'v'));
};

void count(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * state.range(0) * static_cast<std::int64_t>(kEntryBytes));
}

// Entries into the buffer of the next frame, whose checksum is taken when it is synced.
void append(benchmark::State& state) {
  Log log;
  std::int64_t pending = 0;
  for (auto _ : state) {
    log.append(state.range(0));
    pending += state.range(0);
    if (pending < kPendingEntries) continue;
    state.PauseTiming();
    pending = 0;
    log.sync();
    log.forget();
    state.ResumeTiming();
  }
  count(state);
}

// One group commit: what the log thread does per turn, less the device.
void append_and_sync(benchmark::State& state) {
  Log log;
  std::int64_t kept = 0;
  for (auto _ : state) {
    log.append(state.range(0));
    log.sync();
    kept += state.range(0);
    if (kept < kPendingEntries) continue;
    state.PauseTiming();
    kept = 0;
    log.forget();
    state.ResumeTiming();
  }
  count(state);
}

BENCHMARK(append)->Arg(1)->Arg(10)->Arg(100)->Arg(1000);
BENCHMARK(append_and_sync)->Arg(1)->Arg(10)->Arg(100)->Arg(1000);

}  // namespace
}  // namespace cairn::wal

BENCHMARK_MAIN();
