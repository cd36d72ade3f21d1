#include "sim/earlier_founding.h"

#include <chrono>

#include "base/prng.h"

namespace cairn::sim {

Options earlier_options(const Options& later) {
  Prng prng(later.seed ^ 0x6561726c69657232U);
  Options options = later;
  options.seed = prng.next();  // other incarnations
  options.spares = 0;
  options.black_box = false;
  options.quota_bytes = 0;
  options.faults = {};
  if (prng.chance(2, 3)) options.faults.transfer = std::chrono::milliseconds(prng.between(20, 500));
  options.clients.leases = 0;
  options.watches.clients = 0;
  options.workload = 5 * later.election_timeout + std::chrono::milliseconds(prng.between(100, 8000));
  return options;
}

}  // namespace cairn::sim
