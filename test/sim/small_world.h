// Small worlds: every limit of the product drawn by seed, down to the smallest legal value, with values that
// are larger than the buffers and disks that are slow. What a limit keeps apart in a usual world (a frame and
// the buffer it lies in, a request and the window it goes through) happens together here, in every seed.
// Threading: none; plain values.
#pragma once

#include <cstdint>
#include <string>

#include "sim/options.h"

namespace cairn::sim {

// A quarter of the seeds, and none of those that failed before there were small worlds.
bool is_small_world(std::uint64_t seed);
// Makes the world small; randomness of its own, so that what the options drew before stays.
void draw_small_world(Options* options);
// The limits that came later, of a small world; and those that came later still.
void draw_later_limits(Options* options);
void draw_latest_limits(Options* options);
void draw_backlog(Options* options);
// In any world: clients of leases, and limits of these that are small in half of them.
void draw_leases(Options* options);
// How long the watermark may lag behind writes; of any world.
void draw_watermark_lag(Options* options);
std::string describe(const LimitOptions& limits);

}  // namespace cairn::sim
