// What one apply, one read and one list cost, and what a million keys hold in memory.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstdio>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/prng.h"
#include "etcd/validate.h"
#include "mvcc/changes.h"
#include "mvcc/history.h"
#include "mvcc/state_machine.h"
#include "proto/command.pb.h"

namespace cairn::mvcc {
namespace {

constexpr std::size_t kValueSize = 256;
constexpr std::size_t kSmallValueSize = 32;
constexpr int kBatch = 100;

std::string key_of(std::uint64_t number) {
  char text[32];
  std::snprintf(text, sizeof text, "/bench/key-%010llu", static_cast<unsigned long long>(number));
  return text;
}

std::string batch_of(const std::vector<std::uint64_t>& numbers, std::size_t value_size = kValueSize) {
  command::Batch batch;
  for (const std::uint64_t number : numbers) {
    auto* const put = batch.add_commands()->mutable_put();
    put->set_key(key_of(number));
    put->set_value(std::string(value_size, 'v'));
  }
  return batch.SerializeAsString();
}

// In scattered order, each key once.
std::unique_ptr<StateMachine> filled(std::uint64_t keys, std::size_t value_size = kValueSize) {
  auto machine = std::make_unique<StateMachine>(std::vector<MemberInfo>());
  std::uint64_t index = 0;
  for (std::uint64_t i = 0; i < keys; i += kBatch) {
    std::vector<std::uint64_t> numbers;
    for (std::uint64_t j = i; j < std::min(keys, i + kBatch); ++j) numbers.push_back(j * 7919 % keys);
    machine->apply({++index, 1}, batch_of(numbers, value_size), nullptr);
  }
  return machine;
}

void compact(StateMachine* machine) {
  command::Batch batch;
  batch.add_commands()->mutable_compaction()->set_revision(machine->view()->revision());
  machine->apply({machine->applied_index() + 1, 1}, batch.SerializeAsString(), nullptr);
}

// Overwrites of random keys, `held` with a view taken before each entry and kept until the next one.
void put(benchmark::State& state, bool held) {
  const auto keys = static_cast<std::uint64_t>(state.range(0));
  const auto value_size = static_cast<std::size_t>(state.range(1));
  const auto machine = filled(keys, value_size);
  compact(machine.get());
  Prng random(1);
  std::vector<std::string> batches;
  for (int i = 0; i < 500; ++i) {
    std::vector<std::uint64_t> numbers;
    for (int j = 0; j < kBatch; ++j) numbers.push_back(random.below(keys));
    batches.push_back(batch_of(numbers, value_size));
  }
  std::uint64_t turn = 0;
  std::shared_ptr<const View> view;
  for (auto _ : state) {
    if (held) view = machine->view();
    machine->apply({machine->applied_index() + 1, 1}, batches[turn++ % batches.size()], nullptr);
    if (turn % 500 == 0) compact(machine.get());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(turn) * kBatch);
}

void put_alone(benchmark::State& state) { put(state, false); }
void put_with_view(benchmark::State& state) { put(state, true); }

void get(benchmark::State& state) {
  const auto keys = static_cast<std::uint64_t>(state.range(0));
  const auto view = filled(keys)->view();
  Prng random(1);
  etcdserverpb::RangeRequest request;
  for (auto _ : state) {
    request.set_key(key_of(random.below(keys)));
    benchmark::DoNotOptimize(view->range(*etcd::check(request)));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}

void list(benchmark::State& state) {
  const auto view = filled(static_cast<std::uint64_t>(state.range(0)))->view();
  etcdserverpb::RangeRequest request;
  request.set_key("/bench/");
  request.set_range_end("/bench0");
  request.set_limit(state.range(1));
  for (auto _ : state) benchmark::DoNotOptimize(view->range(*etcd::check(request)));
}

// Overwrites of a large state, in order; with what each replaced when `range(1)` is 1.
void walk_changes(benchmark::State& state) {
  const auto keys = static_cast<std::uint64_t>(state.range(0));
  const auto machine = filled(keys);
  const std::int64_t filled_at = machine->view()->revision();
  Prng random(1);
  for (std::uint64_t i = 0; i < keys; i += kBatch) {
    std::vector<std::uint64_t> numbers;
    for (int j = 0; j < kBatch; ++j) numbers.push_back(random.below(keys));
    machine->apply({machine->applied_index() + 1, 1}, batch_of(numbers), nullptr);
  }
  const auto view = machine->view();
  for (auto _ : state) {
    std::size_t bytes = 0;
    for (Changes changes = view->changes({filled_at + 1}); changes.get() != nullptr; changes.next()) {
      bytes += changes.get()->value().size();
      if (state.range(1) == 1) bytes += changes.previous()->value().size();
    }
    benchmark::DoNotOptimize(bytes);
  }
  state.SetItemsProcessed(state.iterations() * (view->revision() - filled_at));
}

void take_view(benchmark::State& state) {
  const auto machine = filled(100000);
  const std::string batch = batch_of({1});
  for (auto _ : state) {
    state.PauseTiming();
    machine->apply({machine->applied_index() + 1, 1}, batch, nullptr);
    state.ResumeTiming();
    benchmark::DoNotOptimize(machine->view());
  }
}

void memory(benchmark::State& state) {
  for (auto _ : state) {
    const std::size_t before = mallinfo2().uordblks;
    const auto machine = filled(static_cast<std::uint64_t>(state.range(0)));
    state.counters["heap_bytes_per_key"] =
        static_cast<double>(mallinfo2().uordblks - before) / static_cast<double>(state.range(0));
    state.counters["estimate_per_key"] =
        static_cast<double>(machine->view()->size_bytes()) / static_cast<double>(state.range(0));
  }
}

std::size_t heap_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// What a change costs beside its record, which the tree has anyway.
void history_memory(benchmark::State& state) {
  for (auto _ : state) {
    const std::size_t before = heap_bytes();
    Epochs epochs;
    History history(&epochs);
    for (std::int64_t i = 0; i < state.range(0); ++i) history.append(nullptr);
    state.counters["heap_bytes_per_change"] =
        static_cast<double>(heap_bytes() - before) / static_cast<double>(state.range(0));
  }
}

// What a record of the past costs beside its key and value, all in all: each key is written range(0) times.
void history_record_memory(benchmark::State& state) {
  constexpr std::uint64_t kKeys = 10000;
  const std::size_t key_and_value = key_of(0).size() + kValueSize;
  for (auto _ : state) {
    const auto machine = filled(kKeys);
    const std::size_t before = heap_bytes();
    const std::uint64_t counted = machine->sizes().all_bytes;
    for (std::int64_t round = 0; round < state.range(0); ++round) {
      for (std::uint64_t i = 0; i < kKeys; i += kBatch) {
        std::vector<std::uint64_t> numbers;
        for (std::uint64_t j = 0; j < kBatch; ++j) numbers.push_back(i + j);
        machine->apply({machine->applied_index() + 1, 1}, batch_of(numbers), nullptr);
      }
    }
    state.counters["heap_bytes_beside_key_and_value"] =
        static_cast<double>(heap_bytes() - before) / static_cast<double>(state.range(0) * kKeys) -
        static_cast<double>(key_and_value);
    // What the quota counts.
    state.counters["counted_beside_key_and_value"] =
        static_cast<double>(machine->sizes().all_bytes - counted) /
            static_cast<double>(state.range(0) * kKeys) -
        static_cast<double>(key_and_value);
  }
}

class Saved final : public ByteSink, public ByteSource {
 public:
  Status write(std::string_view bytes) override {
    bytes_.append(bytes);
    return {};
  }
  Result<std::size_t> read(std::span<char> into) override {
    const std::size_t size = bytes_.copy(into.data(), into.size(), at_);
    at_ += size;
    return size;
  }
  void rewind() { at_ = 0; }
  std::size_t size() const { return bytes_.size(); }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

void fill(benchmark::State& state) {
  const auto keys = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    auto machine = filled(keys, kSmallValueSize);
    state.PauseTiming();
    machine.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * keys));
}

void save(benchmark::State& state) {
  const auto view = filled(static_cast<std::uint64_t>(state.range(0)))->view();
  for (auto _ : state) {
    Saved saved;
    benchmark::DoNotOptimize(view->save(&saved));
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * saved.size()));
  }
}

void load(benchmark::State& state) {
  Saved saved;
  CHECK(filled(static_cast<std::uint64_t>(state.range(0)))->view()->save(&saved));
  for (auto _ : state) {
    saved.rewind();
    auto machine = StateMachine::load(&saved);
    state.PauseTiming();
    CHECK(machine);
    machine->reset();
    state.ResumeTiming();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * saved.size()));
}

BENCHMARK(put_alone)
    ->Args({100000, kValueSize})
    ->Args({1000000, kValueSize})
    ->Args({100000, kSmallValueSize})
    ->Args({1000000, kSmallValueSize})
    ->Args({10000000, kSmallValueSize});
BENCHMARK(put_with_view)->Args({100000, kValueSize})->Args({1000000, kValueSize});
BENCHMARK(get)->Arg(100000)->Arg(1000000);
BENCHMARK(list)->Args({100000, 0})->Args({1000000, 500})->Unit(benchmark::kMicrosecond);
BENCHMARK(walk_changes)->Args({1000000, 0})->Args({1000000, 1})->Unit(benchmark::kMillisecond);
BENCHMARK(take_view);
BENCHMARK(fill)->Arg(100000)->Arg(1000000)->Arg(10000000)->Unit(benchmark::kMillisecond);
BENCHMARK(save)->Arg(1000000)->Unit(benchmark::kMillisecond);
BENCHMARK(load)->Arg(1000000)->Unit(benchmark::kMillisecond);
BENCHMARK(history_memory)
    ->Arg(1000)
    ->Arg(100000)
    ->Arg(1000000)
    ->Arg(10000000)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(history_record_memory)->Arg(20)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(memory)->Arg(1000000)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cairn::mvcc

BENCHMARK_MAIN();
