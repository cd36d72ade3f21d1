// What Raft itself costs: three cores in one thread, whose messages and writes are done at once.
#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "raft/core.h"

namespace cairn::raft {
namespace {

constexpr std::size_t kMembers = 3;
constexpr std::size_t kEntryBytes = 256;
constexpr std::uint64_t kSnapshotEvery = 10000;  // entries, so that the log in memory stays short

class Group {
 public:
  Group() {
    for (std::size_t i = 0; i < kMembers; ++i) first_.members.voters.push_back(NodeId{i + 1});
    for (std::size_t i = 0; i < kMembers; ++i) {
      Config config;
      config.id = NodeId{i + 1};
      config.log_keep_bytes = std::size_t{1} << 20;
      cores_.emplace_back(config, Recovered{HardState{}, first_, {}}, now_);
    }
    now_ += std::chrono::seconds(3);  // beyond every election timeout
    step(0, Tick{});
    settle();
    CHECK(applied_[0] > Index{0});  // member 1 leads and has committed the entry that opens its term
  }

  // One turn of the leader with `count` proposals, until every member has applied them.
  void commit(std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) step(0, Propose{1, data_});
    settle();
    step(0, Flush{});  // the next append tells the followers what is committed
    settle();
  }

  // One linearizable read: a round of heartbeats.
  void read() {
    step(0, ReadBarrier{1});
    settle();
  }

  Index applied() const { return applied_[0]; }

 private:
  void step(std::size_t member, Input input) { cores_[member].step(now_, std::move(input), &outs_[member]); }

  // Ends turns until nobody has anything to say.
  void settle() {
    for (bool busy = true; busy;) {
      busy = false;
      for (std::size_t i = 0; i < kMembers; ++i) {
        step(i, Flush{});
        busy = deliver(i) || busy;
      }
    }
  }

  bool deliver(std::size_t member) {
    Output out = std::exchange(outs_[member], {});
    for (const LogWrite& write : out.write) step(member, Persisted{write.seq});
    for (Message& message : out.send) {
      const std::size_t to = message.to.v - 1;
      step(to, Received{std::move(message)});
    }
    if (!out.apply.empty()) apply(member, out.apply.back());
    return !out.write.empty() || !out.send.empty() || !out.apply.empty();
  }

  void apply(std::size_t member, const Entry& last) {
    applied_[member] = last.index;
    step(member, Applied{last.index});
    if (last.index.v < snapshots_[member].v + kSnapshotEvery) return;
    snapshots_[member] = last.index;
    step(member, SnapshotSaved{{last.index, last.term, first_.members}});
  }

  Time now_{std::chrono::seconds(1)};
  SnapshotMeta first_;
  std::vector<Core> cores_;
  std::array<Output, kMembers> outs_;
  std::array<Index, kMembers> applied_, snapshots_;
  Bytes data_ = make_bytes(std::string(kEntryBytes, 'v'));
};

void commit(benchmark::State& state) {
  Group group;
  const Index before = group.applied();
  for (auto _ : state) group.commit(state.range(0));
  CHECK(group.applied().v == before.v + static_cast<std::uint64_t>(state.iterations() * state.range(0)));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void read_barrier(benchmark::State& state) {
  Group group;
  for (auto _ : state) group.read();
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(commit)->Arg(1)->Arg(100);
BENCHMARK(read_barrier);

}  // namespace
}  // namespace cairn::raft

BENCHMARK_MAIN();
