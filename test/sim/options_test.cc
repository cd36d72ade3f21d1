#include "sim/options.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <vector>

namespace cairn::sim {
namespace {

// What fails only where two kinds of world meet is found only if they do.
TEST(Options, EveryKindOfWorldMeetsEveryOther) {
  constexpr std::uint64_t kSeeds = 4000;
  std::set<std::vector<bool>> met;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Options options = draw_options(seed);
    const FaultOptions& faults = options.faults;
    met.insert({options.limits.small, options.black_box, faults.forget != Duration{},
                faults.misplaced_write != Duration{}, faults.lie != Duration{}});
  }
  EXPECT_EQ(met.size(), 32U);
}

TEST(Options, TheLimitsThatCameLaterAreDrawnInSmallWorldsOnly) {
  const LimitOptions usual;
  std::set<std::uint64_t> idle, entry, ttl, bytes, step;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    const LimitOptions limits = draw_options(seed).limits;
    if (!limits.small) {
      EXPECT_EQ(limits.entry_bytes, usual.entry_bytes);
      EXPECT_EQ(limits.few_sessions(), false);
    }
    idle.insert(limits.watermark_idle_ms);
    entry.insert(limits.entry_bytes);
    ttl.insert(limits.session_ttl_ms);
    bytes.insert(limits.session_bytes);
    step.insert(limits.session_step_ms);
  }
  for (const auto* drawn : {&idle, &entry, &ttl, &bytes, &step}) EXPECT_GE(drawn->size(), 3U);
  EXPECT_TRUE(idle.contains(0) && ttl.contains(1) && bytes.contains(1) && step.contains(1));
}

// So that what a seed was kept for is what it still does.
TEST(Options, SeedsThatFailedBeforeDrawNothingThatCameLater) {
  const LimitOptions usual;
  for (const std::uint64_t seed :
       {9, 111, 248, 329, 1301, 1734, 1782, 1930, 3212, 3000743, 20008359, 30008678}) {
    const Options options = draw_options(seed);
    EXPECT_EQ(options.limits.watermark_lag_ms, usual.watermark_lag_ms);
    EXPECT_EQ(options.limits.refill_bytes, usual.refill_bytes);
    EXPECT_EQ(options.limits.sweep_ms, usual.sweep_ms);
    EXPECT_EQ(options.faults.misplaced_name, Duration{});
    EXPECT_EQ(options.clients.leases, 0U);
    EXPECT_EQ(options.faults.set_aside, Duration{});
    EXPECT_EQ(options.faults.earlier_founding, Duration{});
    EXPECT_EQ(options.faults.lost_witnesses, Duration{});
    EXPECT_EQ(options.stuck_wait_max, Options{}.stuck_wait_max);
  }
  std::set<Duration> stuck;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) stuck.insert(draw_options(seed).stuck_wait_max);
  EXPECT_EQ(stuck.size(), 5U);
  EXPECT_TRUE(stuck.contains(Duration{}) && stuck.contains(Options{}.stuck_wait_max));
  std::set<std::uint64_t> lag, refill, sweep, pause, save, checkpoint, slice;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    const LimitOptions limits = draw_options(seed).limits;
    lag.insert(limits.watermark_lag_ms);
    refill.insert(limits.refill_bytes);
    sweep.insert(limits.sweep_ms);
    pause.insert(limits.shortage_pause_ms);
    save.insert(limits.save_bytes);
    checkpoint.insert(limits.lease_checkpoint_ms);
    slice.insert(limits.lease_slice);
  }
  for (const auto* drawn : {&lag, &refill, &sweep, &pause, &save, &checkpoint, &slice})
    EXPECT_GE(drawn->size(), 3U);
  EXPECT_TRUE(lag.contains(0) && refill.contains(0) && sweep.contains(1) && pause.contains(1));
}

}  // namespace
}  // namespace cairn::sim
