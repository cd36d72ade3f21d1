#include <optional>
#include <string>

#include "mvcc/sections.h"

namespace cairn::mvcc {

void save_leases(const Contents& contents, StateWriter* to) {
  const LeaseState& leases = contents.leases;
  to->numbers(leases.next_generation, leases.leases.live);
  for (LeaseState::LeaseTree::Cursor cursor(leases.leases, {}); cursor.get() != nullptr; cursor.next()) {
    const LeaseInfo& lease = cursor.get()->info;
    to->numbers(lease.id, lease.ttl_s, lease.remaining_s, lease.generation);
  }
}

Status load_leases(StateReader* from, Storage* storage) {
  const auto next_generation = TRY(from->number<std::uint64_t>());
  const auto count = TRY(from->number<std::uint64_t>());
  std::optional<std::int64_t> last;
  for (std::uint64_t i = 0; i < count; ++i) {
    LeaseInfo lease;
    lease.id = TRY(from->number<std::int64_t>());
    lease.ttl_s = TRY(from->number<std::int64_t>());
    lease.remaining_s = TRY(from->number<std::int64_t>());
    lease.generation = TRY(from->number<std::uint64_t>());
    if (last && lease.id <= *last) return tl::unexpected(malformed("leases out of order"));
    last = lease.id;
    if (!storage->leases.load(lease))
      return tl::unexpected(malformed("a lease " + std::to_string(lease.id) + " that cannot be"));
  }
  if (!storage->leases.load_done(next_generation))
    return tl::unexpected(malformed("the leases' generations contradict each other"));
  return {};
}

}  // namespace cairn::mvcc
