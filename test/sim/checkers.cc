#include "sim/checkers.h"

#include "raft/state.h"
#include "sim/member.h"

namespace cairn::sim {
namespace {

Reference::SessionLimits session_limits(const LimitOptions& limits) {
  return {limits.sessions, limits.session_bytes, static_cast<std::int64_t>(limits.session_ttl_ms),
          static_cast<std::int64_t>(limits.session_step_ms)};
}

}  // namespace

Checkers::Checkers(World& the_world)
    : world(the_world),
      elections(world.judge),
      promises(world.judge),
      matching(world.judge),
      reference(world.judge, session_limits(world.options.limits)),
      commits(
          world.judge, [this](raft::Index index, raft::Term term) { return count_holders(index, term); },
          [this](const raft::Entry& entry) {
            ++world.counters.committed;
            reference.commit(entry);
          }),
      hashes(world.judge),
      hung_leaders(world.judge) {}

// Members do not change in a run, so that a quorum is a majority of all.
Commits::Holders Checkers::count_holders(raft::Index index, raft::Term term) const {
  Commits::Holders holders;
  holders.needed = world.options.members / 2 + 1;
  for (const auto& member : world.members) {
    const Ledger& ledger = member->ledger();
    // F1: who has forgotten counts with what it had acknowledged before, and with nothing that it got since.
    const LogImage& remembered = ledger.lost ? *ledger.lost : ledger.durable;
    const raft::Index snapshot = ledger.lost ? ledger.lost_snapshot : ledger.snapshot;
    if (remembered.term_at(index) == term || index <= snapshot) ++holders.have;
  }
  return holders;
}

void Checkers::log_write(raft::NodeId member, const raft::LogWrite& write, const Ledger& ledger) {
  if (write.reset_to) commits.snapshot(member, write.reset_to->index, write.reset_to->term);
  matching.append(member, write.entries, ledger.asked);
}

void Checkers::turn(Member& member, Seen* seen) {
  const raft::State& state = member.node().core().state();
  const raft::NodeId id{member.id()};
  const std::shared_ptr<const mvcc::View> view = member.node().view();
  Positions now;
  now.term = state.term;
  now.commit = state.commit;
  now.applied = raft::Index{view->applied_index()};
  now.last = state.log.last();
  now.revision = view->revision();
  for (const std::string& broken : raft::violations(seen->summary, state)) {
    world.judge.accuse("I8 raft invariants", "member " + std::to_string(id.v) + ": " + broken);
  }
  seen->summary = raft::summarize(state);
  hung_leaders.turn(id, state);
  check_monotonic(world.judge, id, seen->positions, now);
  if (raft::is_leader(state) && elections.lead(id, state.term)) {
    ++world.counters.elections;
    world.note(id.v, "leads", {{"term", state.term.v}, {"last", state.log.last().v}});
    commits.elected(id, state.term, member.ledger().asked);
  }
  if (now.commit > seen->positions.commit) {
    commits.commit(id, state.term, seen->positions.commit, now.commit, member.ledger().asked);
  }
  if (now.applied != seen->positions.applied) {
    if (now.applied > commits.last()) {
      world.judge.accuse("I8 applied <= commit",
                         "member " + std::to_string(id.v) + " applied more than was ever committed");
    } else {
      reference.compare_revision(id, now.applied, now.revision);
      hashes.applied(id, *view);
    }
    world.note(id.v, "applied",
               {{"index", now.applied.v}, {"revision", static_cast<std::uint64_t>(now.revision)}});
  }
  seen->positions = now;
}

}  // namespace cairn::sim
