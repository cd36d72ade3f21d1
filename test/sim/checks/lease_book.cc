#include "sim/checks/lease_book.h"

#include <chrono>
#include <utility>

namespace cairn::sim {

std::vector<std::string> LeaseBook::revoked(std::int64_t id) {
  std::vector<std::string> keys = std::move(leases_[id].keys);
  leases_.erase(id);
  return keys;
}

std::vector<std::string> LeaseBook::expired(std::int64_t id, std::uint64_t generation) {
  const auto found = leases_.find(id);
  if (found == leases_.end() || found->second.generation != generation) return {};
  expired_at_[id] = now_();
  ++expired_count_;
  if (const auto told = told_.find(id); told != told_.end())
    check(id, told->second.asked, told->second.ttl_s, expired_at_[id]);
  return revoked(id);
}

// An answer may come long after, and after an answer to something later.
void LeaseBook::acknowledged(std::int64_t id, std::int64_t ttl_s, Time asked) {
  if (Told& told = told_[id]; asked >= told.asked) told = {asked, ttl_s};
  if (const auto expired = expired_at_.find(id); expired != expired_at_.end() && !exists(id))
    check(id, asked, ttl_s, expired->second);
}

void LeaseBook::check(std::int64_t id, Time asked, std::int64_t ttl_s, Time expired) {
  const Duration ttl = std::chrono::seconds(ttl_s);
  const Duration least = ttl - ttl * static_cast<std::int64_t>(2 * drift_ppm_) / 1'000'000;
  if (expired >= asked + least) return;
  using std::chrono::duration_cast, std::chrono::milliseconds;
  judge_.accuse("I14 leases last", "lease " + std::to_string(id) + " with a TTL of " + std::to_string(ttl_s) +
                                       " s expired " +
                                       std::to_string(duration_cast<milliseconds>(expired - asked).count()) +
                                       " ms after its client had asked for it, which was granted");
}

}  // namespace cairn::sim
