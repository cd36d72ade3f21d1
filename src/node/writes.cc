// Client writes on their way into the log: proposed where this member leads, forwarded to the leader where it
// does not, kept while no leader takes them. A write enters a log at most once: only what surely did not is
// tried again.
#include <algorithm>
#include <iterator>
#include <utility>

#include "node/command_codec.h"
#include "node/impl.h"

namespace cairn::node {
namespace {

constexpr const char* kTooManyRequests = "etcdserver: too many requests";

mvcc::Outcome refusal(Code code, std::string text) {
  return {.code = code, .error = std::move(text), .revision = 0, .body = {}};
}

}  // namespace

void Node::Impl::write(ClientWrite request) {
  if (writes.full(request.request.size()))
    return request.responder->done(refusal(Code::resource_exhausted, kTooManyRequests));
  const std::uint64_t id =
      writes.add({std::move(request.responder), request.deadline, term(), request.request.size()});
  const bool append = !gathered.empty() && gathered.back().origin == raft::NodeId{} &&
                      gathered.back().batch.size() < config.batch_bytes_max;
  if (!append) gathered.emplace_back();
  append_command({id, wall_ms, request.idempotency_key}, request.kind, request.request,
                 &gathered.back().batch);
  gathered.back().ids.push_back(id);
}

void Node::Impl::receive_note(raft::NodeId from, std::string_view bytes) {
  Note note = parse_note(bytes);
  if (note.kind == Note::Kind::forward) gathered.push_back({std::move(note.batch), {}, from});
  for (Note::Command& refused : note.commands)
    receive_refusal(refused.request_id, std::move(refused.batch), note.code, note.message);
}

void Node::Impl::receive_refusal(std::uint64_t id, std::string batch, Code code, const std::string& message) {
  if (code == Code::resource_exhausted) return fail_write(id, code, message);
  if (writes.contains(id)) waiting.push_back({std::move(batch), {id}, {}});
}

void Node::Impl::send_gathered() {
  const bool leader_known = leader() != raft::NodeId{};
  const bool changed = leader() != leader_seen || term() != term_seen;
  if (leader_known && !waiting.empty() && (changed || now - waiting_tried >= kSweepInterval)) {
    waiting_tried = now;
    std::move(waiting.begin(), waiting.end(), std::back_inserter(gathered));
    waiting.clear();
  }
  std::vector<Commands> sending;
  sending.swap(gathered);
  if (leader() == config.raft.id) return propose(std::move(sending));
  for (Commands& commands : sending) {
    if (commands.origin != raft::NodeId{}) {
      // Forwarding what was forwarded could go round in circles: its owner knows better where to try next.
      ports.transport.send_note(commands.origin,
                                refusal_note(commands.batch, Code::unavailable, "not leader"));
    } else if (leader_known) {
      ports.transport.send_note(leader(), forward_note(commands.batch));
    } else {
      wait(std::move(commands));
    }
  }
}

void Node::Impl::propose(std::vector<Commands> commands) {
  std::string data;
  std::vector<Commands> parts;
  for (Commands& part : commands) {
    if (!data.empty() && data.size() + part.batch.size() > config.batch_bytes_max) {
      propose_entry(std::move(data), std::move(parts));
      data.clear();
      parts.clear();
    }
    data.append(part.batch);
    parts.push_back(std::move(part));
  }
  if (!parts.empty()) propose_entry(std::move(data), std::move(parts));
}

void Node::Impl::propose_entry(std::string data, std::vector<Commands> parts) {
  const std::uint64_t tag = ++last_proposal_tag;
  proposing.emplace(tag, std::move(parts));
  step(raft::Propose{tag, make_bytes(std::move(data))});
}

void Node::Impl::proposal_accepted(const raft::Accepted& accepted) {
  const auto found = proposing.find(accepted.tag);
  Proposed& entry = proposed[accepted.index];
  entry = {accepted.term, {}};
  for (const Commands& part : found->second)
    entry.ids.insert(entry.ids.end(), part.ids.begin(), part.ids.end());
  proposing.erase(found);
}

void Node::Impl::proposal_refused(const raft::Refused& refused) {
  const auto found = proposing.find(refused.tag);
  const bool overloaded = refused.reason == raft::Refusal::overloaded;
  const Code code = overloaded ? Code::resource_exhausted : Code::unavailable;
  for (Commands& part : found->second) {
    if (part.origin != raft::NodeId{}) {
      ports.transport.send_note(part.origin,
                                refusal_note(part.batch, code, overloaded ? kTooManyRequests : "not leader"));
    } else if (overloaded) {
      for (const std::uint64_t id : part.ids) fail_write(id, code, kTooManyRequests);
    } else {
      wait(std::move(part));
    }
  }
  proposing.erase(found);
}

// Another leader's entry stands where ours would have: what we proposed there surely did not happen.
void Node::Impl::proposals_overwritten(const raft::Entry& entry) {
  const auto end = proposed.upper_bound(entry.index);
  for (auto it = proposed.begin(); it != end; ++it) {
    if (it->first != entry.index || it->second.term == entry.term) continue;
    for (const std::uint64_t id : it->second.ids)
      fail_write(id, Code::unavailable, "etcdserver: leader changed");
  }
  proposed.erase(proposed.begin(), end);
}

// Waiting writes are kept one by one, so that each can be dropped when its client is told that it timed out.
void Node::Impl::wait(Commands commands) {
  if (commands.ids.size() == 1) {
    if (writes.contains(commands.ids.front())) waiting.push_back(std::move(commands));
    return;
  }
  for (Note::Command& single : split_batch(commands.batch))
    if (writes.contains(single.request_id))
      waiting.push_back({std::move(single.batch), {single.request_id}, {}});
}

void Node::Impl::forget_waiting(std::uint64_t id) {
  const auto found = std::find_if(waiting.begin(), waiting.end(),
                                  [id](const Commands& commands) { return commands.ids.front() == id; });
  if (found != waiting.end()) waiting.erase(found);
}

void Node::Impl::fail_write(std::uint64_t id, Code code, const std::string& text) {
  if (writes.contains(id)) failed_writes += 1;
  answer(id, refusal(code, text));
}

void Node::Impl::answer(std::uint64_t id, mvcc::Outcome outcome) {
  PendingWrite write = writes.take(id);
  if (write.responder != nullptr) write.responder->done(std::move(outcome));
}

}  // namespace cairn::node
