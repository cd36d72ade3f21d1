// Every moment of every change of members: at each event from the asking until all know, one member's power
// is cut, whichever of those that the change is about. Whatever it comes to first, it comes about in the end,
// nothing is lost, and every invariant of the simulator holds.
#include "sim/planned_change.h"

#include <gtest/gtest.h>

#include <iostream>

#include "sim/cluster.h"

namespace cairn::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using Change = PlanOptions::Change;
using Who = PlanOptions::Who;

// Where a sanitizer makes each world many times as long, not every event is one's last.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kStep = 10;
#else
constexpr std::uint64_t kStep = 1;
#endif

// Nothing goes wrong but what is planned; small messages and frames, so that there are many moments.
Options calm(Change change) {
  Options options;
  options.seed = 20 + static_cast<std::uint64_t>(change);
  options.members = 3;
  options.spares = 1;
  options.election_timeout = milliseconds(200);
  options.heartbeat_interval = options.election_timeout / 10;
  options.snapshot_log_bytes = 2000;
  options.log_keep_bytes = 500;
  options.append_bytes = 500;
  options.batch_bytes = 1000;
  options.inflight_count = 3;
  options.turn_delay = microseconds(50);
  options.workload = milliseconds(4000);
  options.network = {.latency_min = microseconds(200), .latency_spread = microseconds(800)};
  options.disk = {
      .latency_min = microseconds(200), .latency_spread = microseconds(2000), .segment_bytes = 8192};
  options.limits.apply_bytes_per_turn = 4 * options.batch_bytes;
  options.clients = {.count = 1,
                     .keys = 3,
                     .think = milliseconds(50),
                     .timeout = milliseconds(2000),
                     .idempotent_percent = 50,
                     .read_percent = 30,
                     .value_bytes = 50};
  return options;
}

std::string describe(Change change, Who who, std::uint64_t event) {
  return "change " + std::to_string(static_cast<int>(change)) + ", who " +
         std::to_string(static_cast<int>(who)) + ", event " + std::to_string(event);
}

struct EveryMoment : testing::TestWithParam<Change> {
  // Null: the options name nobody.
  void run(const Options& options) {
    Cluster cluster(options);
    const RunResult result = cluster.run();
    const PlanOptions& plan = options.plan;
    ASSERT_EQ(result.violation, "") << describe(plan.change, plan.dies, plan.at_event);
    ASSERT_TRUE(cluster.planned().in_force()) << describe(plan.change, plan.dies, plan.at_event);
    ASSERT_EQ(cluster.planned().somebody_died(), plan.at_event != 0);
    events = cluster.planned().events();
    crashes += result.counters.crashes;
  }
  std::optional<std::uint64_t> events;
  std::uint64_t crashes = 0;
};

TEST_P(EveryMoment, OfAChangeMayBeSomebodysLast) {
  Options options = calm(GetParam());
  options.plan.change = GetParam();
  ASSERT_NO_FATAL_FAILURE(run(options));
  ASSERT_TRUE(events.has_value()) << "without a crash it comes about, and all know";
  const std::uint64_t moments = *events;
  ASSERT_GT(moments, 20U);
  std::uint64_t worlds = 0;
  for (const Who who : {Who::leader, Who::joiner, Who::leaver, Who::other}) {
    const bool has_joiner = GetParam() != Change::remove && GetParam() != Change::remove_leader;
    const bool has_leaver = GetParam() == Change::remove || GetParam() == Change::replace;
    if (who == Who::joiner && !has_joiner) continue;
    if (who == Who::leaver && !has_leaver) continue;  // or it is the leader
    for (std::uint64_t event = 1; event <= moments; event += kStep, ++worlds) {
      options.plan.dies = who;
      options.plan.at_event = event;
      ASSERT_NO_FATAL_FAILURE(run(options));
    }
  }
  EXPECT_GT(crashes, worlds * 9 / 10) << "hardly anybody was down already";
  std::cout << "moments " << moments << ", worlds " << worlds << ", crashes " << crashes << "\n";
}

INSTANTIATE_TEST_SUITE_P(PlannedChange, EveryMoment,
                         testing::Values(Change::add, Change::promote, Change::replace,
                                         Change::replace_leader, Change::remove, Change::remove_leader));

}  // namespace
}  // namespace cairn::sim
