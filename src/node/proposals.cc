#include "node/proposals.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/reached.h"
#include "etcd/reasons.h"
#include "mvcc/command_view.h"
#include "node/space.h"

namespace cairn::node {
namespace {

// To another member, which then sends the commands to whoever leads.
Error not_leader() { return {Code::unavailable, "not leader"}; }

}  // namespace

// This turn's own commands, where there is room for one more.
Proposals::Commands& Proposals::own_gathered() {
  const bool append = !gathered_.empty() && gathered_.back().origin == raft::NodeId{} &&
                      gathered_.back().own.size() < limits_.batch_bytes;
  if (!append) gathered_.emplace_back();
  return gathered_.back();
}

void Proposals::write(ClientWrite request, const Standing& standing) {
  if (pending_.full(request.request.size())) {
    REACHED("node.write.full");
    return request.responder->done(mvcc::refuse(etcd::error_of(Reason::too_many_requests)));
  }
  if (standing.is_led() &&
      backlog_.is_too_long(standing.now, pending_.queue(), request.deadline - standing.now)) {
    REACHED("node.write.shed");
    return request.responder->done(mvcc::refuse(etcd::error_of(Reason::too_many_requests)));
  }
  const std::uint64_t id = pending_.add({.responder = std::move(request.responder),
                                         .arrived = standing.now,
                                         .deadline = request.deadline,
                                         .leader_deadline = request.leader_deadline,
                                         .size_bytes = request.request.size(),
                                         .arrived_term = standing.term,
                                         .sent_term = {},
                                         .batch = nullptr});
  Commands& own = own_gathered();
  append_command({.request_id = id,
                  .time_unix_ms = standing.wall_ms,
                  .idempotency_key = request.idempotency_key,
                  .idempotency_revision = request.idempotency_revision,
                  .caller = request.caller.view(),
                  .answer_bytes_max = request.answer_bytes_max,
                  .lease = request.lease},
                 request.kind, request.request, &own.own);
  own.ids.push_back(id);
}

void Proposals::forwarded(raft::NodeId from, const ForwardedWrites& writes) {
  gathered_.push_back({{}, writes.note, writes.batch, {}, from, writes.term});
}

void Proposals::refused(const RefusedWrites& writes) {
  for (const std::uint64_t id : writes.request_ids) {
    if (!pending_.refused(id, writes.term)) continue;
    REACHED("node.note.refused");
    // By its code: the leader may know reasons that this member does not.
    if (writes.why.code == Code::resource_exhausted) fail(id, writes.why);
  }
}

void Proposals::gather_held(const Standing& standing) {
  const bool is_new = std::exchange(leadership_seen_, standing.leadership) != standing.leadership;
  if (!pending_.any_held() || !standing.is_led()) return;
  if (!is_new && standing.now < held_retry_at_) return;
  held_retry_at_ = standing.now + limits_.retry_interval;
  for (const PendingWrites::Held& held : pending_.take_held()) {
    mvcc::CommandReader commands(*held.batch);
    while (const auto command = commands.next()) {
      if (!std::binary_search(held.ids.begin(), held.ids.end(), command->request_id)) continue;
      Commands& own = own_gathered();
      mvcc::append(*command, &own.own);
      own.ids.push_back(command->request_id);
    }
  }
}

void Proposals::send(const Standing& standing, bool lacks_space) {
  backlog_.pass(standing.now, standing.is_led(), standing.leadership, std::exchange(done_, {}),
                pending_.queue());
  gather_held(standing);
  std::vector<Commands> sending;
  sending.swap(gathered_);
  const bool leads = standing.leads();
  // One that comes late, meant for an earlier term: its owner may have sent it elsewhere since. And
  // forwarding what was forwarded could go round in circles.
  std::erase_if(sending, [&](const Commands& commands) {
    if (commands.origin == raft::NodeId{} || (leads && commands.term == standing.term)) return false;
    REACHED("node.note.late");
    refuse(commands, commands.batch(), not_leader());
    return true;
  });
  if (leads) {
    if (lacks_space) keep_what_makes_room(&sending);
    return propose(std::move(sending), standing, lacks_space);
  }
  bool room = true;  // once there is none, none is made during this turn
  for (Commands& commands : sending) room = forward(std::move(commands), standing, room);
}

// Held are those that no leader takes now: there is none, or no room on the way to it. False: no room.
bool Proposals::forward(Commands commands, const Standing& standing, bool room) {
  // Before it is sent, so that it surely has not happened: its outcome would never be known here.
  if (standing.is_led() && !standing.has_room) {
    REACHED("node.write.no_room");
    for (const std::uint64_t id : commands.ids) fail(id, etcd::error_of(Reason::no_room_here));
    return room;
  }
  const Bytes batch = make_bytes(std::move(commands.own));
  const bool sent =
      standing.is_led() && room && transport_.send_note(standing.leader, forward_note(standing.term, *batch));
  for (const std::uint64_t id : commands.ids) {
    if (sent) pending_.sent(id, standing.term, batch);
    if (!sent) pending_.hold(id, batch);
  }
  if (sent) return true;
  if (!standing.is_led()) {
    REACHED("node.write.held");
    return room;
  }
  REACHED("node.write.no_room_on_the_way");
  return false;
}

void Proposals::refuse(const Commands& commands, std::string_view batch, const Error& why) {
  // Without room for it their owner waits until their time runs out, or another term outlives them.
  static_cast<void>(transport_.send_note(commands.origin, refusal_note(commands.term, batch, why)));
}

// The rest is answered.
void Proposals::keep_what_makes_room(std::vector<Commands>* commands) {
  const Error why = etcd::error_of(Reason::no_space);
  for (Commands& part : *commands) {
    Sifted sifted = sift(part.batch());
    const bool is_own = part.origin == raft::NodeId{};
    if (!is_own && !sifted.refused.empty()) refuse(part, sifted.refused, why);
    if (is_own) {
      for (const std::uint64_t id : sifted.refused_ids) fail(id, why);
      part.own = std::move(sifted.kept);
      part.ids = std::move(sifted.kept_ids);
    } else {
      part.shared = make_bytes(std::move(sifted.kept));
      part.shared_batch = *part.shared;
    }
  }
  std::erase_if(*commands, [](const Commands& part) { return part.batch().empty(); });
}

void Proposals::propose(std::vector<Commands> commands, const Standing& standing, bool frees) {
  std::string data;
  std::vector<Commands> parts;
  for (Commands& part : commands) {
    if (!parts.empty() && data.size() + part.batch().size() > limits_.batch_bytes) {
      REACHED("node.write.batch_full");
      propose_entry(std::move(data), std::move(parts), frees);
      parts.clear();
    }
    if (parts.empty()) data = clock_.entry_head(standing);
    data.append(part.batch());
    part.term = standing.term;
    parts.push_back(std::move(part));
  }
  if (!parts.empty()) propose_entry(std::move(data), std::move(parts), frees);
}

void Proposals::propose_entry(std::string data, std::vector<Commands> parts, bool frees) {
  const std::uint64_t tag = ++last_tag_;
  const Bytes entry = make_bytes(std::move(data));
  for (const Commands& part : parts)
    for (const std::uint64_t id : part.ids) pending_.sent(id, part.term, entry);
  proposed_.emplace(tag, std::move(parts));
  core_.step(raft::Propose{tag, entry, frees});
}

void Proposals::refused(const raft::Refused& proposal) {
  const auto found = proposed_.find(proposal.tag);
  CHECK(found != proposed_.end());
  const bool no_space = proposal.reason == raft::Refusal::no_space;
  const bool overloaded = no_space || proposal.reason == raft::Refusal::overloaded;
  const Error why = no_space     ? etcd::error_of(Reason::no_space)
                    : overloaded ? etcd::error_of(Reason::too_many_requests)
                                 : not_leader();
  for (const Commands& part : found->second) {
    if (part.origin != raft::NodeId{} && overloaded) REACHED("node.note.overloaded");
    if (part.origin != raft::NodeId{}) refuse(part, part.batch(), why);
    for (const std::uint64_t id : part.ids)
      if (pending_.refused(id, part.term) && overloaded) fail(id, why);
  }
  proposed_.erase(found);
}

void Proposals::expire(const Standing& standing) {
  for (auto& [id, write] : pending_.take_expired(standing.now)) {
    REACHED("node.write.expired");
    failed_ += 1;
    const bool no_leader = !standing.is_led();
    Reason reason = Reason::timed_out;
    if (no_leader || standing.term != write.arrived_term) reason = Reason::timed_out_leader_lost;
    // In no log, and not about to be: this surely did not happen, so the client may ask again.
    const bool unsent = write.sent_term == raft::Term{};
    if (no_leader && unsent) {
      REACHED("node.write.expired_unsent");
      reason = Reason::no_leader;
    } else if (unsent && write.batch != nullptr) {
      REACHED("node.write.expired_on_the_way");
      reason = Reason::too_many_requests;
    }
    write.responder->done(mvcc::refuse(etcd::error_of(reason)));
  }
}

bool Proposals::outlived(raft::Term applied, Time now) {
  const std::size_t count = pending_.outlived(applied);
  if (count == 0) return false;
  REACHED("node.write.outlived");
  retried_ += count;
  held_retry_at_ = now;
  return true;
}

void Proposals::fail(std::uint64_t id, const Error& why) {
  PendingWrite write = pending_.take(id);
  if (write.responder == nullptr) return;
  failed_ += 1;
  write.responder->done(mvcc::refuse(why));
}

void Proposals::done(std::uint64_t request_id, mvcc::Outcome outcome) {
  PendingWrite write = pending_.take_done(request_id);
  if (write.responder == nullptr) return;
  done_.amount.count += 1;
  done_.amount.bytes += write.size_bytes;
  done_.newest_arrived = std::max(done_.newest_arrived, write.arrived);
  write.responder->done(std::move(outcome));
}

}  // namespace cairn::node
