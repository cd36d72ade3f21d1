// I10, I11: what the disk had confirmed is there after any crash, and what it had not is there as a prefix of
// what was asked for, in order.
#pragma once

#include "raft/core.h"
#include "sim/judge.h"
#include "sim/log_image.h"

namespace cairn::sim {

void check_recovery(Judge& judge, raft::NodeId member, const Ledger& before, const raft::Recovered& recovered,
                    bool is_damaged);

}  // namespace cairn::sim
