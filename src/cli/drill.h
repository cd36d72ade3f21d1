// Drill: a backup tried out: restored into a folder that goes away again, a member started from it on
// loopback, and what that serves compared with what the file says and with the cluster that it is of.
#pragma once

#include "cli/backups.h"
#include "cli/context.h"

namespace cairn::cli {

// Reports; the exit status. Negative: it is no good, or differs.
// `order`: its file, and what was written since.
int try_out(const Context& context, const RestoreOrder& order);

}  // namespace cairn::cli
