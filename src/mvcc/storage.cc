#include "mvcc/storage.h"

#include "mvcc/state_hash.h"

namespace cairn::mvcc {

std::uint64_t Storage::state_hash() const {
  StateHash hash;
  hash.add(applied_index)
      .add(store.revision())
      .add(store.compact_revision())
      .add(store.hash())
      .add(sessions.hash())
      .add(members.hash());
  // Only while there are any: a state without is that of a version that knew none.
  if (alarms.any()) hash.add(alarms.hash());
  // Without them it is what versions made of it that know no leases: members of both compare their states.
  if (!leases.untouched()) hash.add(leases.hash());
  if (!auth.untouched()) hash.add(auth.hash());  // likewise
  return hash.value();
}

}  // namespace cairn::mvcc
