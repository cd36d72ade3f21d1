// The tree alone: one put, one get, one range and the puts below a view, among 10^5 and 10^6 keys.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/prng.h"
#include "mvcc/tree.h"

namespace cairn::mvcc {
namespace {

constexpr std::uint64_t kRangeKeys = 100;
constexpr std::uint64_t kPutsBelowAView = 100;  // then another view is taken

struct Item {
  std::string name;
  std::string_view key() const { return name; }
  bool live() const { return true; }
};

std::string key_of(std::uint64_t number) {
  char text[32];
  std::snprintf(text, sizeof text, "/bench/key-%010llu", static_cast<unsigned long long>(number));
  return text;
}

// Keys that come in no order, each once.
struct Filled {
  explicit Filled(std::uint64_t keys) : count(keys) {
    epochs.begin(++epoch);
    for (std::uint64_t i = 0; i < keys; ++i) put(key_of(i * 7919 % keys));
  }
  void put(const std::string& key) {
    tree.put(key, [&](Item* old) {
      if (old != nullptr) return old;
      items.push_back(std::make_unique<Item>(Item{key}));
      return items.back().get();
    });
  }
  std::string any_key() { return key_of(random.below(count)); }

  std::uint64_t count, epoch = 1;
  Epochs epochs;
  Tree<Item> tree{&epochs};
  std::vector<std::unique_ptr<Item>> items;
  Prng random{1};
};

void put(benchmark::State& state) {
  Filled filled(static_cast<std::uint64_t>(state.range(0)));
  for (auto _ : state) filled.put(filled.any_key());
  state.SetItemsProcessed(state.iterations());
}

void put_below_view(benchmark::State& state) {
  Filled filled(static_cast<std::uint64_t>(state.range(0)));
  Epochs::Pin* pin = nullptr;
  std::uint64_t puts = 0;
  for (auto _ : state) {
    if (puts++ % kPutsBelowAView == 0) {
      if (pin != nullptr) pin->release();
      pin = filled.epochs.pin(0);
      filled.epochs.begin(++filled.epoch);
    }
    filled.put(filled.any_key());
  }
  if (pin != nullptr) pin->release();
  state.SetItemsProcessed(state.iterations());
}

void get(benchmark::State& state) {
  Filled filled(static_cast<std::uint64_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(Tree<Item>::find(filled.tree.root(), filled.any_key()));
  state.SetItemsProcessed(state.iterations());
}

void range(benchmark::State& state) {
  Filled filled(static_cast<std::uint64_t>(state.range(0)));
  for (auto _ : state) {
    Tree<Item>::Cursor cursor(filled.tree.root(), filled.any_key());
    for (std::uint64_t i = 0; i < kRangeKeys && cursor.get() != nullptr; ++i, cursor.next())
      benchmark::DoNotOptimize(cursor.get()->name.data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRangeKeys));
}

BENCHMARK(put)->Arg(100000)->Arg(1000000);
BENCHMARK(put_below_view)->Arg(100000)->Arg(1000000);
BENCHMARK(get)->Arg(100000)->Arg(1000000);
BENCHMARK(range)->Arg(100000)->Arg(1000000);

}  // namespace
}  // namespace cairn::mvcc

BENCHMARK_MAIN();
