// I12, the cheap half: the simulator knows the order of all writes, so that a linearizable history has a
// witness: every reply is what the reference gives at the reply's revision, and revisions never run against
// real time. Needs no search; the black-box search of linearizability.h asks the same without knowing the
// log.
#pragma once

#include "sim/checks/reference.h"
#include "sim/client_history.h"
#include "sim/judge.h"

namespace cairn::sim {

void check_witness(Judge& judge, const ClientHistory& history, const Reference& reference);
// What the black-box search is given: unknown outcomes that the log settles are settled, or the search would
// have to try each of them everywhere (as etcd's robustness tests do). Their answers still never came.
ClientHistory settle_unknown(const ClientHistory& history, const Reference& reference);
// I10, the other way round: what was refused did not happen.
void check_refused(Judge& judge, const ClientHistory& history, const Reference& reference);
// Local reads may be old but never invented.
void check_local_reads(Judge& judge, const ClientHistory& history, const Reference& reference);

}  // namespace cairn::sim
