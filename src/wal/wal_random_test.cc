// Random histories of a log, with every limit at its smallest and at other values, cut off at a random change
// and opened again, many times on the same disk. CAIRN_POWER_CUT_STATES=n looks at n crash states instead of
// a few thousand (./dev power-cut).
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "sim_disk/sim_disk.h"
#include "wal/trial_fixture.h"
#include "wal/wal.h"

namespace cairn::wal {
namespace {

using test::appending;
using test::snapshot_at;
using test::Trial;
using test::voting;

template <class T>
T one_of(Prng& prng, std::initializer_list<T> values) {
  return *(values.begin() + prng.below(values.size()));
}

Options drawn(Prng& prng) {
  if (prng.below(3) == 0) return test::smallest();
  Options options;
  options.segment_bytes = one_of<std::uint64_t>(prng, {8 << 10, 12 << 10, 16 << 10, 64 << 10});
  options.spare_segments = prng.below(3);
  options.spare_fill_factor = prng.between(1, 4);
  options.frame_target_bytes = one_of<std::size_t>(prng, {1, 200, 4096, 20000, 1 << 20});
  options.buffer_bytes_max = one_of<std::size_t>(prng, {4096, 8192, 30000, 1 << 20});
  options.read_window_bytes = one_of<std::uint64_t>(prng, {4096, 8192, 1 << 20});
  return options;
}

class History {
 public:
  explicit History(std::uint64_t seed) : prng_(seed), run_(drawn(prng_)) {}

  // Some steps up to a change at which the power goes away, or to the end; then what is left is checked.
  void live_once(const std::string& when) {
    run_.disk.stop_at_change(prng_.between(1, 60));
    const Status lived = live();
    const bool was_cut = !lived;
    if (prng_.below(4) == 0 && !was_cut) {
      run_.disk.kill_process();
      run_.disk.clear_faults();
    } else {
      run_.disk.crash(prng_, {.keep = prng_.below(3), .lose = 1, .tear = prng_.below(3)});
    }
    const Status opened = run_.open();
    ASSERT_TRUE(opened) << when << ": " << opened.error().message;
    run_.check(when);
  }

 private:
  Status live() {
    TRY(run_.open());
    run_.check("going on");
    asked_term_ = 0;  // it may have been lost
    const std::uint64_t steps = prng_.between(1, 30);
    for (std::uint64_t i = 0; i < steps; ++i) TRY(step());
    return run_.wal().close();
  }

  Status step() {
    switch (prng_.below(12)) {
      case 0:
        return run_.write(voting(++term_, prng_.below(3)));
      case 1:
      case 2:
        return sync_and_note();
      case 3:
        return cover();
      case 4:
        return run_.truncate_back(prng_.between(run_.snapshot.index.v, next() - 1));
      case 5:
        return reset();
      case 6:
        return read();
      default:
        return append();
    }
  }

  std::uint64_t next() const { return run_.content().next; }

  Status sync_and_note() {
    TRY(run_.sync());
    return prng_.below(2) == 0 ? run_.wal().note_durable() : Status();
  }

  Status append() {
    const std::uint64_t from =
        prng_.below(4) == 0 ? prng_.between(run_.snapshot.index.v + 1, next()) : next();
    if (from != next()) ++term_;
    const std::size_t bytes = one_of<std::size_t>(prng_, {0, 1, 100, 3900, 4096, 9000, 30000});
    raft::LogWrite write = appending(from, prng_.between(1, 5), std::max<std::uint64_t>(term_, 1), bytes);
    if (term_ != asked_term_) write.hard_state = raft::HardState{raft::Term{term_}, raft::NodeId{}};
    asked_term_ = term_;
    return run_.write(write);
  }

  // A snapshot of what is durable; the log before it may go.
  Status cover() {
    TRY(run_.sync());
    if (next() <= run_.snapshot.index.v + 1) return {};
    const std::uint64_t index = prng_.between(run_.snapshot.index.v + 1, next() - 1);
    run_.snapshot = snapshot_at(index, run_.content().entries.at(index).term.v);
    raft::LogWrite drop;
    drop.drop_before = raft::Index{prng_.between(1, index + 1)};
    return run_.write(drop);
  }

  Status reset() {
    if (prng_.below(4) != 0) return {};
    const std::uint64_t index = next() + prng_.below(20);
    raft::LogWrite write = appending(index + 1, prng_.below(3), ++term_, 50);
    write.reset_to = snapshot_at(index, term_);
    write.hard_state = raft::HardState{raft::Term{term_}, raft::NodeId{}};
    asked_term_ = term_;
    return run_.write(write);
  }

  Status read() {
    if (next() <= run_.snapshot.index.v + 1) return {};
    const std::uint64_t index = prng_.between(run_.snapshot.index.v + 1, next() - 1);
    const raft::Entry entry = TRY(run_.wal().read(raft::Index{index}));
    EXPECT_TRUE(test::same(entry, run_.content().entries.at(index))) << index;
    return {};
  }

  Prng prng_;
  Trial run_;
  std::uint64_t term_ = 1;
  std::uint64_t asked_term_ = 0;
};

// Once the first segment of an append has been begun, no further one has to be filled.
TEST(WalRandom, WhatAnAppendNeedsLiesReadyBeforeItsFirstRotation) {
  Prng prng(11);
  for (int i = 0; i < 300; ++i) {
    Trial run(drawn(prng));
    bool begun = false;
    std::uint64_t late = 0;
    run.disk.set_hook([&](sim::Operation op, const std::string& path) {
      begun = begun || (op == sim::Operation::rename && path.ends_with(".spare"));
      late += begun && op == sim::Operation::create && path.ends_with("spare.tmp");
    });
    ASSERT_TRUE(run.open());
    for (std::uint64_t write = 0; write < 6; ++write) {
      const std::uint64_t from = prng.between(1, run.content().next);
      const std::size_t bytes = one_of<std::size_t>(prng, {0, 100, 3900, 4096, 9000, 30000});
      begun = false;
      ASSERT_TRUE(run.write(appending(from, prng.between(1, 12), 1 + write, bytes)));
      ASSERT_TRUE(run.wal().sync());
    }
    ASSERT_EQ(late, 0U) << i;
  }
}

std::uint64_t states_wanted() {
  const char* text = std::getenv("CAIRN_POWER_CUT_STATES");
  return text == nullptr ? 4000 : std::strtoull(text, nullptr, 10);
}

TEST(WalRandom, NothingIsLostAndEveryStartSucceeds) {
  constexpr std::uint64_t kLives = 20;
  const std::uint64_t wanted = states_wanted();
  std::uint64_t states = 0;
  for (std::uint64_t seed = 1; states < wanted; ++seed) {
    History history(seed);
    for (std::uint64_t life = 1; life <= kLives; ++life, ++states) {
      history.live_once("seed " + std::to_string(seed) + ", life " + std::to_string(life));
      if (HasFailure()) {
        std::printf("power cut: failed after %llu crash states\n", static_cast<unsigned long long>(states));
        return;
      }
    }
  }
  std::printf("power cut: %llu crash states, 0 acknowledged writes lost, 0 starts refused\n",
              static_cast<unsigned long long>(states));
}

}  // namespace
}  // namespace cairn::wal
