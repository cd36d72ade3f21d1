// Drill: a backup tried out: restored into a folder that goes away again, a member started from it on
// loopback, and what that serves compared with what the file says and with the cluster that it is of.
#pragma once

#include <string>

#include "cli/context.h"

namespace cairn::cli {

// Reports; the exit status. Negative: it is no good, or differs.
int try_out(const Context& context, const std::string& file);

}  // namespace cairn::cli
