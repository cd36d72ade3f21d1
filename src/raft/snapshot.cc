// Snapshots: own ones shorten the log; a follower that needs what the log no longer has gets the newest
// (thesis 5).
#include "base/check.h"
#include "base/reached.h"
#include "raft/turn.h"

namespace cairn::raft {
namespace {

void write_before_compaction(Turn& turn, Index covered) {
  // The log on disk has no holes: entries that no write holds yet go out before they may be dropped.
  if (turn.state.unwritten <= covered) flush(turn);
}

void install(Turn& turn, const SnapshotMeta& meta) {
  State& s = turn.state;
  s.log.reset(meta);
  s.durability.reset_to(meta.index);
  withdraw_promises(turn, meta.index.next());
  s.unwritten = meta.index.next();
  s.drop_before.reset();
  s.reset_to = meta;
  s.commit = meta.index;
  s.handed = meta.index;
  s.hashes.clear();
  s.expected = StateHash{};
  s.snapshot_left_out = false;
  // Entries of this turn that wait to be applied are part of the snapshot, which is installed before them.
  turn.out.apply.clear();
  turn.out.install = meta;
  members_changed(turn);
  REACHED("raft.snapshot.installed");
  trace(turn, "installs snapshot ", meta.index, " in place of its log");
}

// What of the log stays before a snapshot. A follower that is a little behind, as in a burst of writes, goes
// on with the log: a snapshot in its place would leave the outcome of its clients' writes unknown.
std::uint64_t keep_bytes(const State& s, Index covered) {
  std::uint64_t keep = s.config.log_keep_bytes;
  const Leader* leader = as_leader(s);
  if (leader == nullptr) return keep;
  for (const Progress& peer : leader->peers) {
    const bool loads = peer.mode == Progress::Mode::snapshot;
    const Index has = loads ? std::max(peer.match, peer.snapshot_index) : peer.match;
    if (!answers(s, peer) || has >= covered || has < s.log.first().prev()) continue;
    const std::uint64_t lacks = s.log.bytes_after(has) - s.log.bytes_after(covered);
    if (lacks <= keep || lacks > s.config.log_keep_lagging_bytes) continue;
    REACHED("raft.snapshot.kept_for_one_behind");
    keep = lacks;
  }
  return keep;
}

}  // namespace

void offer_snapshot(Turn& turn, Progress* peer, bool heartbeat) {
  State& s = turn.state;
  const SnapshotMeta& meta = s.log.snapshot();
  const bool is_there = answers(s, *peer);
  const bool reaches = meta.index >= s.log.first().prev();
  const bool refused = s.now < peer->offer_at;
  if (!is_there || !reaches || refused) {
    // Nobody there: ask for a sign of life before streaming a whole state. Or what follows the newest
    // snapshot has left memory: a later heartbeat offers a fresh one. Either way this waits for the next
    // heartbeat: if every answer brought another question, both would do nothing else until it is saved.
    // Or it has refused one a moment ago, and what it lacks will not be there so soon.
    peer->become_probe(peer->match.next());
    peer->probe_sent = true;
    if (heartbeat || !is_there) {
      AppendRequest request;
      request.commit = s.commit;
      send(turn, peer->id, std::move(request));
    }
    if (refused) return REACHED("raft.snapshot.refused_lately");
    turn.out.snapshot_wanted = turn.out.snapshot_wanted || is_there;
    if (is_there) REACHED("raft.snapshot.wanted");
    if (is_there) trace(turn, peer->id, " needs ", peer->next, ", older than memory -> wants a snapshot");
    return;
  }
  REACHED("raft.snapshot.offered");
  trace(turn, peer->id, " needs ", peer->next, ", log begins at ", s.log.first(), " -> snapshot ",
        meta.index);
  peer->become_snapshot(meta.index);
  send(turn, peer->id, SnapshotOffer{meta});
}

void on_snapshot_offer(Turn& turn, const Message& message, const SnapshotOffer& offer) {
  State& s = turn.state;
  const SnapshotMeta& meta = offer.meta;
  if (is_leader(s) || meta.term > message.term || meta.members.voters.empty()) return;
  if (s.leader.v != 0 && s.leader != message.from) return;  // one leader a term
  become_follower(turn, message.term, message.from);
  leader_heard(turn);
  if (meta.index > s.commit && s.log.matches(meta.index, meta.term)) {
    REACHED("raft.snapshot.in_the_log");
    // The log has it all: what follows the snapshot may already be acknowledged and must not be lost.
    advance_commit(turn, meta.index);
  }
  if (meta.index <= s.commit) {
    REACHED("raft.snapshot.not_news");
    trace(turn, "snapshot ", meta.index, " is not news");
    send(turn, message.from, SnapshotReply{s.commit, true}, write_covering(s, s.commit));
    return;
  }
  install(turn, meta);
  become_full_if_recorded(turn);
  send(turn, message.from, SnapshotReply{meta.index, true}, s.durability.next());  // D2
}

void on_snapshot_not_taken(Turn& turn) {
  if (is_leader(turn.state)) return;
  REACHED("raft.space.snapshot_left_out");
  turn.state.snapshot_left_out = true;
  trace(turn, "has no room for the snapshot that it needs");
}

void on_snapshot_reply(Turn& turn, const Message& message, const SnapshotReply& reply) {
  Progress* peer = heard_of(turn, message);
  if (peer == nullptr || reply.index > turn.state.log.last()) return;
  if (!reply.ok) {
    on_snapshot_sent(turn, SnapshotSent{message.from, false});
    return;
  }
  // Success at any index is good news, not only at the one that was last offered.
  if (peer->mode == Progress::Mode::snapshot) peer->become_probe(reply.index.next());
  if (peer->acknowledge(reply.index)) commit_by_quorum(turn);
}

void on_snapshot_saved(Turn& turn, const SnapshotSaved& input) {
  State& s = turn.state;
  const SnapshotMeta& meta = input.meta;
  if (meta.index <= s.log.snapshot().index)
    return REACHED("raft.snapshot.saved_late");  // another one was installed meanwhile
  CHECK(meta.index <= s.handed);                 // S2
  write_before_compaction(turn, meta.index);
  const Index first = s.log.first();
  s.log.compact(meta, keep_bytes(s, meta.index));
  // Memory may have been given up before.
  const Index gone = std::min(s.log.first(), meta.index.next());
  if (s.log.first() > first || gone > s.dropped) s.drop_before = s.dropped = gone;
  trace(turn, "snapshot ", meta.index, " saved -> log begins at ", s.log.first());
}

void on_snapshot_sent(Turn& turn, const SnapshotSent& input) {
  auto* leader = std::get_if<Leader>(&turn.state.role);
  Progress* peer = leader == nullptr ? nullptr : leader->find(input.to);
  if (peer == nullptr || peer->mode != Progress::Mode::snapshot) return;
  if (!input.ok) REACHED("raft.snapshot.not_sent");
  if (!input.ok && !input.refused.empty()) {
    REACHED("raft.snapshot.refused");
    const Config& config = turn.state.config;
    peer->refuse_snapshot(input.refused, turn.state.now, config.heartbeat_interval,
                          config.snapshot_refused_wait_max);
    trace(turn, peer->id, " cannot take the snapshot: ", input.refused);
  }
  peer->become_probe(input.ok ? peer->snapshot_index.next() : peer->match.next());
  peer->probe_sent = true;  // the reply or the next heartbeat goes on; a failure is not repeated at once
}

}  // namespace cairn::raft
