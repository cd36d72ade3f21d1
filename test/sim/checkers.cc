#include "sim/checkers.h"

#include <algorithm>

#include "raft/members.h"
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
      promises(world.judge, world.options.faults.lie != Duration{}),
      matching(world.judge),
      leases(world.judge, world.options.clock_drift_ppm, [this] { return world.schedule.now(); }),
      reference(world.judge, session_limits(world.options.limits), leases),
      commits(
          world.judge,
          [this](raft::NodeId member, raft::Index index, raft::Term term) {
            return count_holders(member, index, term);
          },
          [this](const raft::Entry& entry) {
            ++world.counters.committed;
            reference.commit(entry);
            if (entry.type != raft::EntryType::members) return;
            world.committed = {{entry.term, entry.index}, *raft::decode_members(*entry.data)};
            known_members.committed(entry.index, world.committed.members);
          }),
      hashes(world.judge),
      known_members(world.judge),
      hung_leaders(world.judge) {}

// A leader commits by the newest configuration in its log, which need not be the newest any more by the end
// of the turn: of those from the entry's own on, one has to fit.
Commits::Holders Checkers::count_holders(raft::NodeId member, raft::Index index, raft::Term term) const {
  const auto holds = [&](raft::NodeId id) {
    const Ledger& ledger = world.member(id.v).ledger();
    // F1: who has forgotten counts with what it had acknowledged before, and with nothing that it got since.
    const LogImage& remembered = ledger.lost ? *ledger.lost : ledger.durable;
    const raft::Index snapshot = ledger.lost ? ledger.lost_snapshot : ledger.snapshot;
    return remembered.term_at(index) == term || index <= snapshot;
  };
  const auto of = [&](const std::vector<raft::NodeId>& voters) {
    return Commits::Holders{static_cast<std::uint64_t>(std::count_if(voters.begin(), voters.end(), holds)),
                            voters.empty() ? 0 : voters.size() / 2 + 1};
  };
  Commits::Holders holders;
  for (const raft::Configuration& each :
       world.member(member.v).node().core().state().log.configurations_since(index)) {
    holders = of(each.members.voters);
    if (const auto old = of(each.members.voters_old); old.have < old.needed) holders = old;
    if (holders.have >= holders.needed) break;
  }
  return holders;
}

// Two at a time would let two leaders go by configurations whose majorities do not overlap.
void Checkers::count_uncommitted_changes(raft::NodeId member, const raft::State& state) {
  // What is committed, a new leader need not know yet.
  const raft::Index committed = std::max(state.commit, world.committed.at.index);
  const std::size_t uncommitted = state.log.configurations_since(committed).size() - 1;
  if (uncommitted <= 1) return;
  world.judge.accuse(
      "I24 one change of the members at a time",
      "leader " + std::to_string(member.v) + " has " + std::to_string(uncommitted) + " uncommitted");
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
  now.incarnation = state.life.incarnation;
  for (const std::string& broken : raft::violations(seen->summary, state)) {
    world.judge.accuse("I8 raft invariants", "member " + std::to_string(id.v) + ": " + broken);
  }
  seen->summary = raft::summarize(state);
  hung_leaders.turn(id, state);
  if (raft::is_leader(state)) count_uncommitted_changes(id, state);
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
      known_members.applied(id, *view);
    }
    world.note(id.v, "applied",
               {{"index", now.applied.v}, {"revision", static_cast<std::uint64_t>(now.revision)}});
  }
  seen->positions = now;
}

}  // namespace cairn::sim
