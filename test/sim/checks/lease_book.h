// I14: a lease lasts. What the committed log says of leases, as plainly as possible, beside what clients were
// told: whoever's grant or keep-alive was answered has the lease for all of its TTL since it asked, by true
// time, but for how far clocks may be off; whatever happens to leaders meanwhile. The other way, that one
// which nobody keeps ends: in peace none is left after its TTL and what a change of leaders adds
// (Cluster::run). Part of the Reference. Threading: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "sim/judge.h"

namespace cairn::sim {

class LeaseBook {
 public:
  // `drift_ppm`: of each member's clock. `now`: true time.
  LeaseBook(Judge& judge, std::uint64_t drift_ppm, std::function<Time()> now)
      : judge_(judge), drift_ppm_(drift_ppm), now_(std::move(now)) {}

  // ---- what the log says ----
  bool exists(std::int64_t id) const { return leases_.contains(id); }
  void granted(std::int64_t id) { leases_[id] = {next_generation_++, {}}; }
  void attached(std::int64_t id, const std::string& key) { leases_[id].keys.push_back(key); }
  // Its keys, which are not there any more.
  std::vector<std::string> revoked(std::int64_t id);
  // The same of one that a leader has seen expire; of another generation nothing happens.
  std::vector<std::string> expired(std::int64_t id, std::uint64_t generation);

  std::uint64_t expired_count() const { return expired_count_; }

  // ---- what clients were told: what they asked then was done ----
  void acknowledged(std::int64_t id, std::int64_t ttl_s, Time asked);

 private:
  struct Lease {
    std::uint64_t generation = 0;
    std::vector<std::string> keys;
  };
  void check(std::int64_t id, Time asked, std::int64_t ttl_s, Time expired);

  Judge& judge_;
  const std::uint64_t drift_ppm_;
  const std::function<Time()> now_;
  std::uint64_t next_generation_ = 1, expired_count_ = 0;
  std::map<std::int64_t, Lease> leases_;
  struct Told {
    Time asked;
    std::int64_t ttl_s = 0;
  };
  std::map<std::int64_t, Told> told_;        // the last one
  std::map<std::int64_t, Time> expired_at_;  // the last time
};

}  // namespace cairn::sim
