// Earlier founding: the life of a cluster that the same members, with the same flags, had before the one that
// is simulated: founded, written to, and given up. A directory of it is full, and may be ahead of all that
// the later cluster has. Threading: none; plain values.
#pragma once

#include "sim/options.h"

namespace cairn::sim {

// A short life in peace, but for leaders that hand over as often as they can, which makes terms late.
Options earlier_options(const Options& later);

}  // namespace cairn::sim
