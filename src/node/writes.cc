// Client writes on their way into the log: proposed where this member leads, forwarded to the leader where it
// does not, held while no leader takes them. A write is in at most one log at a time: it is sent again only
// when it surely can never commit where it was sent before.
#include <algorithm>
#include <utility>

#include "base/reached.h"
#include "etcd/reasons.h"
#include "mvcc/command_view.h"
#include "node/impl.h"

namespace cairn::node {
namespace {

// To another member, which then sends the commands to whoever leads.
Error not_leader() { return {Code::unavailable, "not leader"}; }

}  // namespace

// This turn's own commands, where there is room for one more.
Node::Impl::Commands& Node::Impl::own_gathered() {
  const bool append = !gathered.empty() && gathered.back().origin == raft::NodeId{} &&
                      gathered.back().batch.size() < config.batch_bytes_max;
  if (!append) gathered.emplace_back();
  return gathered.back();
}

void Node::Impl::write(ClientWrite request) {
  if (writes.full(request.request.size())) {
    REACHED("node.write.full");
    return request.responder->done(mvcc::refuse(etcd::error_of(Reason::too_many_requests)));
  }
  const std::uint64_t id = writes.add({.responder = std::move(request.responder),
                                       .deadline = request.deadline,
                                       .leader_deadline = request.leader_deadline,
                                       .size_bytes = request.request.size(),
                                       .arrived_term = term(),
                                       .sent_term = {},
                                       .batch = nullptr});
  Commands& own = own_gathered();
  append_command({id, wall_ms, request.idempotency_key, request.idempotency_revision}, request.kind,
                 request.request, &own.batch);
  own.ids.push_back(id);
}

void Node::Impl::receive_note(raft::NodeId from, std::string_view bytes) {
  Note note = parse_note(bytes);
  if (note.kind == Note::Kind::forward) gathered.push_back({std::move(note.batch), {}, from, note.term});
  if (note.kind == Note::Kind::refusal) receive_refusal(note);
}

void Node::Impl::receive_refusal(const Note& note) {
  for (const std::uint64_t id : note.request_ids) {
    if (!writes.refused(id, note.term)) continue;
    REACHED("node.note.refused");
    // By its code: the leader may know reasons that this member does not.
    if (note.why.code == Code::resource_exhausted) fail_write(id, note.why);
  }
}

void Node::Impl::gather_held() {
  if (!writes.any_held() || leader() == raft::NodeId{}) return;
  if (!leadership_changed() && now < held_retry_at) return;
  held_retry_at = now + config.sweep_interval;
  for (const PendingWrites::Held& held : writes.take_held()) {
    mvcc::CommandReader commands(*held.batch);
    while (const auto command = commands.next()) {
      if (!std::binary_search(held.ids.begin(), held.ids.end(), command->request_id)) continue;
      Commands& own = own_gathered();
      append_command({command->request_id, command->time_unix_ms, command->idempotency_key,
                      command->idempotency_revision},
                     static_cast<CommandKind>(command->kind), command->request, &own.batch);
      own.ids.push_back(command->request_id);
    }
  }
}

void Node::Impl::send_gathered() {
  gather_held();
  std::vector<Commands> sending;
  sending.swap(gathered);
  const bool leads = leader() == config.raft.id;
  // One that comes late, meant for an earlier term: its owner may have sent it elsewhere since. And
  // forwarding what was forwarded could go round in circles.
  std::erase_if(sending, [&](const Commands& commands) {
    if (commands.origin == raft::NodeId{} || (leads && commands.term == term())) return false;
    REACHED("node.note.late");
    refuse(commands, not_leader());
    return true;
  });
  if (leads) return propose(std::move(sending));
  for (Commands& commands : sending) {
    const Bytes batch = make_bytes(std::move(commands.batch));
    if (leader() == raft::NodeId{}) {
      REACHED("node.write.held");
      for (const std::uint64_t id : commands.ids) writes.hold(id, batch);
    } else {
      for (const std::uint64_t id : commands.ids) writes.sent(id, term(), batch);
      ports.transport.send_note(leader(), forward_note(term(), *batch));
    }
  }
}

void Node::Impl::refuse(const Commands& commands, const Error& why) {
  ports.transport.send_note(commands.origin, refusal_note(commands.term, commands.batch, why));
}

void Node::Impl::propose(std::vector<Commands> commands) {
  std::string data;
  std::vector<Commands> parts;
  const bool frees = !has_space_for_all();
  if (frees) refuse_what_fills(&commands);
  for (Commands& part : commands) {
    if (!parts.empty() && data.size() + part.batch.size() > config.batch_bytes_max) {
      REACHED("node.write.batch_full");
      propose_entry(std::move(data), std::move(parts), frees);
      parts.clear();
    }
    if (parts.empty()) data = entry_head(leader_elapsed_ms());
    data.append(part.batch);
    part.term = term();
    parts.push_back(std::move(part));
  }
  if (!parts.empty()) propose_entry(std::move(data), std::move(parts), frees);
}

// Since this leader's entry before, by its own monotonic clock: wall clocks step, and are of no account.
std::uint64_t Node::Impl::leader_elapsed_ms() {
  using std::chrono::milliseconds;
  if (clock_term != term()) {
    clock_term = term();
    clock_told = now;
  }
  const auto elapsed = std::chrono::duration_cast<milliseconds>(now - clock_told);
  clock_told += elapsed;  // what is less than a millisecond is told next time
  return static_cast<std::uint64_t>(elapsed.count());
}

void Node::Impl::propose_entry(std::string data, std::vector<Commands> parts, bool frees) {
  const std::uint64_t tag = ++last_proposal_tag;
  const Bytes entry = make_bytes(std::move(data));
  for (const Commands& part : parts)
    for (const std::uint64_t id : part.ids) writes.sent(id, part.term, entry);
  proposing.emplace(tag, std::move(parts));
  step(raft::Propose{tag, entry, frees});
}

void Node::Impl::proposal_refused(const raft::Refused& refused) {
  const auto found = proposing.find(refused.tag);
  const bool no_space = refused.reason == raft::Refusal::no_space;
  const bool overloaded = no_space || refused.reason == raft::Refusal::overloaded;
  const Error why = no_space     ? etcd::error_of(Reason::no_space)
                    : overloaded ? etcd::error_of(Reason::too_many_requests)
                                 : not_leader();
  for (const Commands& part : found->second) {
    if (part.origin != raft::NodeId{} && overloaded) REACHED("node.note.overloaded");
    if (part.origin != raft::NodeId{}) refuse(part, why);
    for (const std::uint64_t id : part.ids)
      if (writes.refused(id, part.term) && overloaded) fail_write(id, why);
  }
  proposing.erase(found);
}

// What was proposed in an earlier term is among the entries applied by now, or will never be committed: terms
// only grow along a log, and this entry, being committed, is in the log of every leader to come.
void Node::Impl::retry_outlived(raft::Term applied_term) {
  const std::size_t count = writes.outlived(applied_term);
  if (count == 0) return;
  REACHED("node.write.outlived");
  retried_writes += count;
  held_retry_at = now;
  turn_wanted = true;
}

void Node::Impl::fail_write(std::uint64_t id, Error why) {
  if (writes.contains(id)) failed_writes += 1;
  answer(id, mvcc::refuse(std::move(why)));
}

void Node::Impl::answer(std::uint64_t id, mvcc::Outcome outcome) {
  PendingWrite write = writes.take(id);
  if (write.responder != nullptr) write.responder->done(std::move(outcome));
}

}  // namespace cairn::node
