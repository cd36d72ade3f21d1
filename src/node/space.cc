#include "node/space.h"

#include "base/reached.h"
#include "etcd/validate.h"
#include "mvcc/command_view.h"
#include "node/command_codec.h"
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

bool lacks_space(const raft::State& state) {
  const raft::Leader* leading = raft::as_leader(state);
  // While it hands over, commands wait for the successor, who may have room.
  if (leading == nullptr || leading->transfer.has_value()) return false;
  return raft::space_for_commands(state) != raft::Space::plenty;
}

Sifted sift(std::string_view batch) {
  Sifted sifted;
  mvcc::CommandReader reader(batch);
  while (const auto command = reader.next()) {
    const bool goes = fills(*command);
    append_command(
        {command->request_id, command->time_unix_ms, command->idempotency_key, command->idempotency_revision},
        static_cast<CommandKind>(command->kind), command->request, goes ? &sifted.refused : &sifted.kept);
    (goes ? sifted.refused_ids : sifted.kept_ids).push_back(command->request_id);
  }
  if (!sifted.refused.empty()) REACHED("node.space.refused");
  if (!sifted.kept.empty()) REACHED("node.space.makes_room");
  return sifted;
}

}  // namespace cairn::node
