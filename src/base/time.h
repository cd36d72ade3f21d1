// Time is a value that is handed in. The core, the state and the node read no clock; the simulator makes its
// own.
#pragma once

#include <chrono>

namespace cairn {

using Time = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

}  // namespace cairn
