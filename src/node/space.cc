#include "node/space.h"

#include "base/reached.h"
#include "mvcc/command_view.h"
#include "mvcc/commands.h"
#include "raft/state.h"

namespace cairn::node {

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
    const bool goes = mvcc::may_grow(*command);
    mvcc::append(*command, goes ? &sifted.refused : &sifted.kept);
    (goes ? sifted.refused_ids : sifted.kept_ids).push_back(command->request_id);
  }
  if (!sifted.refused.empty()) REACHED("node.space.refused");
  if (!sifted.kept.empty()) REACHED("node.space.makes_room");
  return sifted;
}

}  // namespace cairn::node
