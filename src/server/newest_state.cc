#include "server/newest_state.h"

#include <utility>

#include "server/read_ahead.h"

namespace cairn::server {

Result<NewestState> load_newest(wal::SnapshotStore& store, const Bootstrap& bootstrap,
                                const mvcc::Limits& limits,
                                const std::function<Status(const raft::SnapshotMeta&)>& accepts,
                                std::vector<std::string>* notes) {
  NewestState newest;
  for (const wal::DamagedSnapshot& each : store.damaged()) {
    newest.damaged.push_back(each.meta);
    notes->push_back(each.why.message);
  }
  for (const wal::SnapshotInfo& candidate : store.candidates()) {
    TRY(accepts(candidate.meta));
    auto machine = [&]() -> Result<std::unique_ptr<mvcc::StateMachine>> {
      ReadAhead source(TRY(store.read(candidate.meta)));
      return mvcc::StateMachine::load(&source, limits);
    }();
    if (machine) {
      newest.meta = candidate.meta;
      newest.machine = std::move(*machine);
      return newest;
    }
    if (machine.error().code != Code::data_loss) return tl::unexpected(machine.error());
    newest.damaged.push_back(candidate.meta);
    notes->push_back(machine.error().message);
  }
  newest.meta.members = raft_members(bootstrap);
  // Members of whom no configuration says so are none.
  newest.machine = std::make_unique<mvcc::StateMachine>(
      bootstrap.joins ? std::vector<mvcc::MemberInfo>() : member_infos(bootstrap), limits);
  return newest;
}

}  // namespace cairn::server
