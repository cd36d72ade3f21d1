// What `snapshot restore` and `backup restore` share: how an order is looked at, and what is said of its end.
#pragma once

#include "cli/backups.h"
#include "cli/context.h"

namespace cairn::cli {

// kExitOk, or what is wrong with it was reported.
int check_order(const Context& context, const char* command, const RestoreOrder& order, bool mark_compacted);
int say_restored(const Context& context, const RestoreOrder& order, const Restored& restored);
int refuse_restoring(const Context& context, const Error& error);

}  // namespace cairn::cli
