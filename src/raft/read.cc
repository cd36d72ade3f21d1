// Linearizable reads through ReadIndex (thesis 6.4): the commit index at the time of asking may be served as
// soon as a quorum has confirmed, after that time, that this is still the leader. One round confirms all
// reads that wait.
#include <algorithm>
#include <utility>

#include "base/reached.h"
#include "raft/quorum.h"
#include "raft/turn.h"

namespace cairn::raft {
namespace {

bool is_forwarded(const ReadRequest& request) { return request.from.v != 0; }

std::size_t forwarded_reads(const Leader& leader) {
  auto count = std::count_if(leader.reads.begin(), leader.reads.end(), is_forwarded);
  for (const ReadRound& round : leader.rounds)
    count += std::count_if(round.requests.begin(), round.requests.end(), is_forwarded);
  return static_cast<std::size_t>(count);
}

void answer(Turn& turn, const ReadRequest& request, std::optional<Index> index) {
  if (request.from.v != 0) {
    send(turn, request.from, ReadIndexReply{request.id, index.has_value(), index.value_or(Index{})});
  } else if (index) {
    turn.out.reads.push_back(ReadReady{request.id, *index});
  } else {
    turn.out.reads_failed.push_back(ReadFailed{request.id});
  }
}

void begin_round(Turn& turn, Leader* leader) {
  State& s = turn.state;
  ReadRound round;
  round.round = ++s.read_round;
  round.index = s.commit;
  round.requests = std::move(leader->reads);
  leader->reads.clear();
  trace(turn, "read round ", round.round, " at index ", round.index, " for ", round.requests.size());
  leader->rounds.push_back(std::move(round));
  for (Progress& peer : leader->peers) peer.heartbeat_due = true;
  finish_reads(turn);
}

void ask_leader(Turn& turn, Follower* follower) {
  State& s = turn.state;
  follower->asked.emplace(++s.read_id, std::exchange(follower->reads, {}));
  send(turn, s.leader, ReadIndexRequest{s.read_id});
}

}  // namespace

void on_read_barrier(Turn& turn, const ReadBarrier& input) {
  State& s = turn.state;
  auto* leader = std::get_if<Leader>(&s.role);
  auto* follower = std::get_if<Follower>(&s.role);
  if (leader != nullptr) {
    leader->reads.push_back(ReadRequest{NodeId{}, input.tag});
  } else if (follower != nullptr && s.leader.v != 0) {
    follower->reads.push_back(input.tag);
  } else {
    turn.out.reads_failed.push_back(ReadFailed{input.tag});
  }
}

void on_read_index_request(Turn& turn, const Message& message, const ReadIndexRequest& request) {
  const ReadRequest read{message.from, request.id};
  auto* leader = std::get_if<Leader>(&turn.state.role);
  if (leader == nullptr || forwarded_reads(*leader) >= turn.state.config.forwarded_reads_max) {
    if (leader != nullptr) REACHED("raft.read.too_many_forwarded");
    answer(turn, read, std::nullopt);
  } else {
    leader->reads.push_back(read);
  }
}

void on_read_index_reply(Turn& turn, const Message& message, const ReadIndexReply& reply) {
  auto* follower = std::get_if<Follower>(&turn.state.role);
  if (follower == nullptr || message.from != turn.state.leader) return;
  const auto asked = follower->asked.find(reply.id);
  if (asked == follower->asked.end()) return;  // of an earlier attempt
  if (!reply.ok) REACHED("raft.read.forwarded_refused");
  const std::vector<std::uint64_t> tags = std::move(asked->second);
  follower->asked.erase(asked);
  for (const std::uint64_t tag : tags) {
    answer(turn, ReadRequest{NodeId{}, tag}, reply.ok ? std::optional(reply.index) : std::nullopt);
  }
}

void begin_reads(Turn& turn, bool again) {
  State& s = turn.state;
  if (auto* follower = std::get_if<Follower>(&s.role)) {
    if (!follower->reads.empty()) ask_leader(turn, follower);
    return;
  }
  auto* leader = std::get_if<Leader>(&s.role);
  if (leader == nullptr || leader->reads.empty()) return;
  // 6.4: before an own entry is committed, the leader does not know what is committed.
  if (s.commit < leader->term_start) return REACHED("raft.read.before_own_entry");
  // While a round is under way, reads gather for the next one; a heartbeat does not wait for an answer that
  // got lost.
  if (!leader->rounds.empty() && !again) return;
  begin_round(turn, leader);
}

void finish_reads(Turn& turn) {
  State& s = turn.state;
  auto* leader = std::get_if<Leader>(&s.role);
  if (leader == nullptr || leader->rounds.empty()) return;
  const std::uint64_t confirmed = quorum_value(s.log.members(), [&](NodeId id) {
    const Progress* peer = leader->find(id);
    if (peer != nullptr) return peer->full ? peer->acked_round : 0;  // F1
    return id == s.config.id && s.life.full ? kEverything : 0;
  });
  while (!leader->rounds.empty() && leader->rounds.front().round <= confirmed) {
    const ReadRound& round = leader->rounds.front();
    trace(turn, "read round ", round.round, " confirmed");
    for (const ReadRequest& request : round.requests) answer(turn, request, round.index);
    leader->rounds.pop_front();
  }
}

void fail_reads(Turn& turn) {
  if (auto* follower = std::get_if<Follower>(&turn.state.role)) {
    for (const std::uint64_t tag : follower->reads) answer(turn, ReadRequest{NodeId{}, tag}, std::nullopt);
    for (const auto& [id, asked] : follower->asked) {
      for (const std::uint64_t tag : asked) answer(turn, ReadRequest{NodeId{}, tag}, std::nullopt);
    }
    follower->reads.clear();
    follower->asked.clear();
  } else if (auto* leader = std::get_if<Leader>(&turn.state.role)) {
    for (const ReadRound& round : leader->rounds) {
      for (const ReadRequest& request : round.requests) answer(turn, request, std::nullopt);
    }
    for (const ReadRequest& request : leader->reads) answer(turn, request, std::nullopt);
    leader->rounds.clear();
    leader->reads.clear();
  }
}

void on_abandon_reads(Turn& turn, const AbandonReads& input) {
  const auto is_abandoned = [&input](std::uint64_t tag) {
    return std::binary_search(input.tags.begin(), input.tags.end(), tag);
  };
  const auto is_abandoned_request = [&](const ReadRequest& request) {
    return !is_forwarded(request) && is_abandoned(request.id);
  };
  if (auto* follower = std::get_if<Follower>(&turn.state.role)) {
    std::erase_if(follower->reads, is_abandoned);
    for (auto& [id, asked] : follower->asked) std::erase_if(asked, is_abandoned);
    std::erase_if(follower->asked, [](const auto& asked) { return asked.second.empty(); });
  } else if (auto* leader = std::get_if<Leader>(&turn.state.role)) {
    std::erase_if(leader->reads, is_abandoned_request);
    for (ReadRound& round : leader->rounds) std::erase_if(round.requests, is_abandoned_request);
  }
}

}  // namespace cairn::raft
