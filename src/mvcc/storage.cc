#include "mvcc/storage.h"

#include "mvcc/state_hash.h"

namespace cairn::mvcc {

std::uint64_t Storage::state_hash() const {
  return StateHash()
      .add(applied_index)
      .add(store.revision())
      .add(store.compact_revision())
      .add(store.hash())
      .add(sessions.hash())
      .add(members.hash())
      .value();
}

}  // namespace cairn::mvcc
