// Plausible: whether an honest member could have sent a message at all, checked before it touches anything.
// Not whether it is true: who speaks in a member's name is proven by TLS alone, and what fits the receiver's
// state is the core's business. What is refused here would break arithmetic (an index that wraps), or stay
// for ever (a term next to the largest number, after which nobody can be elected). Pure. Errors:
// invalid_argument says which field, and why.
#pragma once

#include "base/result.h"
#include "base/time.h"
#include "peer/limits.h"
#include "raft/types.h"

namespace cairn::peer {

// The largest term that is believed. An election raises the term by one and needs a round trip and two
// durable writes, so an honest cluster stays far below Limits::terms_per_second_max; what happened while this
// member was away is covered by Limits::term_jump_max (thirteen years of ten elections a second). A liar
// raises the term by as much once in a process's life, and needs 2^30 starts to use them all up.
raft::Term term_ceiling(const Limits& limits, raft::Term own_at_start, Duration since_start);
// What counts as the term at the start, `now` being the own one, or 0 where it is worth nothing: of a member
// that had none the first that it gets, so that it does not go on to believe what its peers, who have a term,
// would not believe of it; and of one that was lied to, and has come back to a lower one, that.
raft::Term term_base(raft::Term before, raft::Term now);

Status plausible(const raft::Message& message, const Limits& limits, raft::Term ceiling);

}  // namespace cairn::peer
