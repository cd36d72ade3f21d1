// When the disks have no room for the log: what would only fill them is refused before it is proposed, what
// makes room in the end gets in.
#include <algorithm>
#include <utility>

#include "base/reached.h"
#include "etcd/reasons.h"
#include "etcd/validate.h"
#include "mvcc/command_view.h"
#include "node/impl.h"
#include "proto/rpc.pb.h"
#include "raft/state.h"

namespace cairn::node {
namespace {

// As in etcd: a transaction that could put anything is a put.
bool fills(const mvcc::CommandView& command) {
  const auto kind = static_cast<CommandKind>(command.kind);
  if (kind == CommandKind::put) return true;
  if (kind != CommandKind::txn) return false;
  etcdserverpb::TxnRequest request;
  const int size = static_cast<int>(command.request.size());
  return !request.ParseFromArray(command.request.data(), size) || etcd::may_put(request);
}

}  // namespace

void Node::Impl::persisted(const LogPersisted& event) {
  const bool was_full = raft::own_space(core.state()) != raft::Space::plenty;
  step(raft::Persisted{event.seq, event.room});
  // A snapshot that found no room may find some now.
  if (was_full && raft::own_space(core.state()) == raft::Space::plenty) snapshot_retry_at = now;
}

bool Node::Impl::has_space_for_all() const {
  const raft::Leader* leading = raft::as_leader(core.state());
  // While it hands over, commands wait for the successor, who may have room.
  if (leading == nullptr || leading->transfer.has_value()) return true;
  return raft::space_for_commands(core.state()) == raft::Space::plenty;
}

// What is left of it is proposed; the rest is answered.
void Node::Impl::refuse_what_fills(Commands* commands) {
  std::string kept, refused;
  std::vector<std::uint64_t> ids;
  mvcc::CommandReader reader(commands->batch);
  while (const auto command = reader.next()) {
    const bool goes = fills(*command);
    append_command(
        {command->request_id, command->time_unix_ms, command->idempotency_key, command->idempotency_revision},
        static_cast<CommandKind>(command->kind), command->request, goes ? &refused : &kept);
    const bool own = std::binary_search(commands->ids.begin(), commands->ids.end(), command->request_id);
    if (goes && own) fail_write(command->request_id, etcd::error_of(Reason::no_space));
    if (!goes && own) ids.push_back(command->request_id);
  }
  if (!refused.empty()) REACHED("node.space.refused");
  if (!refused.empty() && commands->origin != raft::NodeId{})
    refuse({std::move(refused), {}, commands->origin, commands->term}, etcd::error_of(Reason::no_space));
  if (!kept.empty()) REACHED("node.space.makes_room");
  commands->batch = std::move(kept);
  commands->ids = std::move(ids);
}

void Node::Impl::refuse_what_fills(std::vector<Commands>* commands) {
  for (Commands& part : *commands) refuse_what_fills(&part);
  std::erase_if(*commands, [](const Commands& part) { return part.batch.empty(); });
}

}  // namespace cairn::node
