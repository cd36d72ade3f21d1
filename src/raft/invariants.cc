#include "raft/invariants.h"

#include <algorithm>
#include <sstream>

#include "raft/members.h"
#include "raft/quorum.h"

namespace cairn::raft {
namespace {

class Findings {
 public:
  template <class... Parts>
  void require(bool holds, const Parts&... parts) {
    if (holds) return;
    std::ostringstream line;
    (line << ... << parts);
    lines.push_back(line.str());
  }
  std::vector<std::string> lines;
};

bool ascending(const std::vector<NodeId>& nodes) {
  return std::adjacent_find(nodes.begin(), nodes.end(), std::greater_equal<>()) == nodes.end();
}

void check_election(const Summary& before, const State& s, Findings* f) {
  const bool is_same = s.life.incarnation == before.incarnation;  // another one has promised nothing yet
  f->require(s.term >= before.term || !is_same, "E1 term ", before.term.v, " became ", s.term.v);
  f->require(s.term != before.term || !is_same || before.vote.v == 0 || s.vote == before.vote,
             "E2 vote in term ", s.term.v, " changed from ", before.vote.v, " to ", s.vote.v);
  f->require(!s.leader_lost || (s.leader.v != 0 && std::holds_alternative<Follower>(s.role)),
             "E4 has lost a leader that it does not follow, term ", s.term.v);
  f->require(s.leader.v == 0 || is_leader(s) || s.now < s.leader_contact + s.config.election_timeout,
             "E5 names leader ", s.leader.v, ", which it has not heard for an election timeout");
  if (!is_leader(s)) return;
  f->require(s.vote == s.config.id && s.leader == s.config.id, "E3 leads without own vote, vote ", s.vote.v);
  f->require(s.durability.is_durable(s.term_write), "E3 leads term ", s.term.v, " before it is durable");
}

void check_log(const Summary& before, const State& s, Findings* f) {
  constexpr std::uint64_t kLookBack = 16;
  const std::uint64_t from =
      std::max(s.log.first().v, s.log.last().v > kLookBack ? s.log.last().v - kLookBack : 1);
  Term previous = *s.log.term_at(Index{from - 1});
  for (std::uint64_t i = from; i <= s.log.last().v; ++i) {
    const Entry& entry = s.log.at(Index{i});
    f->require(entry.index.v == i, "L1 entry ", i, " says it is ", entry.index.v);
    f->require(entry.term >= previous, "L2 term falls at ", i);
    previous = entry.term;
  }
  f->require(s.log.last_term() <= s.term, "L2 last term ", s.log.last_term().v, " is later than ", s.term.v);
  f->require(!before.leader || !is_leader(s) || s.log.last() >= before.last, "L3 leader's log fell from ",
             before.last.v, " to ", s.log.last().v);
  f->require(s.log.first() <= std::max(s.log.snapshot().index, s.applied).next() &&
                 s.log.last() >= s.log.snapshot().index,
             "S1 log begins at ", s.log.first().v, ", applied ", s.applied.v, ", snapshot ends at ",
             s.log.snapshot().index.v);
  f->require(s.log.snapshot().index <= s.handed, "S2 snapshot ", s.log.snapshot().index.v, " beyond ",
             s.handed.v);
}

void check_commit(const Summary& before, const State& s, Findings* f) {
  f->require(s.applied <= s.handed && s.handed <= s.commit && s.commit <= s.log.last(), "C1 applied ",
             s.applied.v, ", handed ", s.handed.v, ", commit ", s.commit.v, ", last ", s.log.last().v);
  f->require(s.commit >= before.commit, "C2 commit fell from ", before.commit.v, " to ", s.commit.v);
  const auto term = s.log.term_at(before.commit);
  f->require(!term || before.commit < s.log.snapshot().index || *term == before.commit_term,
             "C2 committed entry ", before.commit.v, " changed its term");
  const Leader* leader = as_leader(s);
  if (leader == nullptr || !before.leader || before.term != s.term || s.commit == before.commit) return;
  f->require(s.log.term_at(s.commit) == s.term, "C4 commits ", s.commit.v, " of an earlier term");
  const auto durable = [&](NodeId id) {
    const Progress* peer = leader->find(id);
    if (peer != nullptr) return peer->full ? peer->match.v : 0;  // F1
    return id == s.config.id ? s.durability.stable().v : s.commit.v;
  };
  std::uint64_t reached = quorum_value(s.log.members(), durable);
  // A change that was begun after the commit does not decide about it.
  if (s.log.members_index() != before.members_index) {
    for (const Configuration& each : s.log.configurations_since(before.commit))
      reached = std::max(reached, quorum_value(each.members, durable));
  }
  f->require(reached >= s.commit.v, "C4 commits ", s.commit.v, ", durable on a quorum only up to ", reached);
}

void check_peers(const Summary& before, const State& s, Findings* f) {
  const Leader* leader = as_leader(s);
  if (leader == nullptr) return;
  for (const Progress& peer : leader->peers) {
    f->require(peer.match < peer.next && peer.match <= s.log.last() && peer.next <= s.log.last().next(),
               "C3 peer ", peer.id.v, " match ", peer.match.v, " next ", peer.next.v, " last ",
               s.log.last().v);
    f->require(peer.inflight_count() <= s.config.inflight_count_max, "B1 ", peer.inflight_count(),
               " in flight");
    // One entry may be larger than every limit: it goes when there was room for a byte.
    f->require(peer.inflight_bytes_before() < s.config.inflight_bytes_max, "B1 ",
               peer.inflight_bytes_before(), " bytes in flight, and one more request");
  }
  if (!before.leader || before.term != s.term) return;
  for (const Summary::Match& match : before.matches) {
    const Progress* peer = leader->find(match.id);
    if (peer == nullptr || peer->incarnation != match.incarnation) continue;
    f->require(peer->match >= match.index, "C3 match of ", match.id.v, " fell from ", match.index.v);
  }
}

void check_durability(const State& s, Findings* f) {
  f->require(s.durability.persisted() <= s.durability.issued(), "D2 persisted more than was issued");
  f->require(s.held.empty() || s.held.begin()->first > s.durability.persisted(),
             "D2 holds back what is durable");
  f->require(s.durability.stable() <= s.log.last() && s.durability.stable() < s.unwritten, "D3 stable ",
             s.durability.stable().v, ", unwritten from ", s.unwritten.v, ", last ", s.log.last().v);
}

void check_memory(const State& s, Findings* f) {
  if (s.life.full) return;
  const auto* candidate = std::get_if<Candidate>(&s.role);
  f->require(candidate == nullptr || (candidate->form && is_unformed(s)),
             "F1 stands, though not full, in term ", s.term.v);
  f->require(!is_leader(s) || s.durability.stable().v == 0, "F1 leads, though not full, in term ", s.term.v);
}

void check_reads_and_members(const State& s, Findings* f) {
  const Members& m = s.log.members();
  f->require(
      ascending(m.voters) && ascending(m.voters_old) && ascending(m.learners) && ascending(m.learners_next),
      "M1 members not sorted");
  for (const NodeId id : m.learners) f->require(!is_voter(m, id), "M1 ", id.v, " is voter and learner");
  for (const NodeId id : m.learners_next) {
    f->require(std::binary_search(m.voters_old.begin(), m.voters_old.end(), id), "M1 next learner ", id.v);
  }
  const Position said = s.log.members_position();
  const std::optional<Term> there = s.log.term_at(said.index);
  f->require(said.index <= s.log.last() && (!there || *there == said.term), "M2 members of entry ",
             said.term.v, "/", said.index.v, " are in force, which is not in the log");
  const Leader* leader = as_leader(s);
  if (leader == nullptr) return;
  std::uint64_t previous = 0;
  for (const ReadRound& round : leader->rounds) {
    f->require(round.round > previous && round.round <= s.read_round && round.index <= s.commit, "R1 round ",
               round.round, " at ", round.index.v);
    previous = round.round;
  }
}

}  // namespace

Summary summarize(const State& state) {
  Summary summary;
  summary.term = state.term;
  summary.vote = state.vote;
  summary.incarnation = state.life.incarnation;
  summary.commit = state.commit;
  summary.commit_term = state.log.term_at(state.commit).value_or(Term{});
  summary.last = state.log.last();
  summary.members_index = state.log.members_index();
  if (const Leader* leader = as_leader(state)) {
    summary.leader = true;
    for (const Progress& peer : leader->peers)
      summary.matches.push_back({peer.id, peer.incarnation, peer.match});
  }
  return summary;
}

std::vector<std::string> violations(const Summary& before, const State& after) {
  Findings findings;
  check_election(before, after, &findings);
  check_log(before, after, &findings);
  check_commit(before, after, &findings);
  check_peers(before, after, &findings);
  check_durability(after, &findings);
  check_memory(after, &findings);
  check_reads_and_members(after, &findings);
  return findings.lines;
}

}  // namespace cairn::raft
