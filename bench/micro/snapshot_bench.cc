// What saving a state as a snapshot and loading it again costs, on a real disk (below $TMPDIR, or /tmp).
// The three states: few keys with a long history, many small values, many values of 4 KiB. Values are random
// and do not compress.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/prng.h"
#include "io/posix_disk.h"
#include "mvcc/state_machine.h"
#include "proto/command.pb.h"
#include "server/read_ahead.h"
#include "wal/snapshot_store.h"

namespace cairn {
namespace {

constexpr std::uint64_t kBatch = 100;

// Random keys, as often as it takes to write `puts` versions.
std::unique_ptr<mvcc::StateMachine> filled(std::uint64_t keys, std::uint64_t puts, std::size_t value_size) {
  auto machine = std::make_unique<mvcc::StateMachine>(std::vector<mvcc::MemberInfo>());
  Prng random(1);
  for (std::uint64_t i = 0; i < puts; i += kBatch) {
    command::Batch batch;
    for (std::uint64_t j = i; j < i + kBatch; ++j) {
      char key[32];
      std::snprintf(key, sizeof key, "/bench/key-%010llu",
                    static_cast<unsigned long long>(keys < puts ? random.below(keys) : j * 7919 % keys));
      std::string value(value_size, '\0');
      for (char& c : value) c = static_cast<char>(random.below(256));
      auto* const put = batch.add_commands()->mutable_put();
      put->set_key(key);
      put->set_value(std::move(value));
    }
    machine->apply({i / kBatch + 1, 1}, batch.SerializeAsString(), nullptr);
  }
  return machine;
}

class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / "cairn-snapshot-bench") {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::unique_ptr<wal::SnapshotStore> open() {
    auto store = wal::SnapshotStore::open(disk_, path_.string());
    CHECK(store.has_value());
    return std::move(*store);
  }

 private:
  io::PosixDisk disk_;
  const std::filesystem::path path_;
};

class Nowhere final : public ByteSink {
 public:
  Status write(std::string_view bytes) override {
    benchmark::DoNotOptimize(bytes.data());
    return {};
  }
};

std::unique_ptr<mvcc::StateMachine> filled(const benchmark::State& state) {
  return filled(static_cast<std::uint64_t>(state.range(0)), static_cast<std::uint64_t>(state.range(1)),
                static_cast<std::size_t>(state.range(2)));
}

void count(benchmark::State& state, std::uint64_t bytes) {
  state.SetItemsProcessed(state.iterations() * state.range(1));  // versions
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

// The walk and the format alone.
void walk(benchmark::State& state) {
  const auto view = filled(state)->view();
  for (auto _ : state) {
    Nowhere sink;
    CHECK(view->save(&sink).has_value());
  }
  count(state, view->size_bytes());
}

void save(benchmark::State& state) {
  const auto view = filled(state)->view();
  Folder folder;
  const auto store = folder.open();
  std::uint64_t index = 0;
  for (auto _ : state) {
    raft::SnapshotMeta meta;
    meta.index = raft::Index{++index};
    const auto writer = store->create(meta);
    CHECK(writer.has_value() && view->save(writer->get()).has_value() && (*writer)->publish().has_value());
  }
  count(state, store->newest()->bytes);
}

void load(benchmark::State& state) {
  Folder folder;
  const auto store = folder.open();
  raft::SnapshotMeta meta;
  meta.index = raft::Index{1};
  {
    const auto view = filled(state)->view();
    const auto writer = store->create(meta);
    CHECK(writer.has_value() && view->save(writer->get()).has_value() && (*writer)->publish().has_value());
  }
  for (auto _ : state) {
    auto chunks = store->read(meta);
    CHECK(chunks.has_value());
    server::ReadAhead source(std::move(*chunks));
    auto machine = mvcc::StateMachine::load(&source);
    state.PauseTiming();
    CHECK(machine.has_value());
    machine->reset();
    state.ResumeTiming();
  }
  count(state, store->newest()->bytes);
}

void states(benchmark::internal::Benchmark* bench) {
  bench->Args({10000, 1000000, 256})->Args({1000000, 1000000, 256})->Args({100000, 100000, 4096});
  bench->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();
}
BENCHMARK(walk)->Apply(states);
BENCHMARK(save)->Apply(states);
BENCHMARK(load)->Apply(states);

}  // namespace
}  // namespace cairn

BENCHMARK_MAIN();
