// SimNetwork: the links between members: latency, loss, duplication, order, and which links are cut, each
// direction by itself. It carries closures and knows nothing of what they do on arrival. Owner: Cluster.
// Threading: one thread. Deterministic: randomness from the Prng it is given.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "base/prng.h"
#include "sim/options.h"
#include "sim/schedule.h"

namespace cairn::sim {

class SimNetwork {
 public:
  SimNetwork(const NetworkOptions& options, std::uint64_t seed, Schedule& schedule)
      : options_(options), prng_(seed), schedule_(schedule) {}

  enum class Fate { under_way, lost, cut };
  // Runs `arrive` at the other end, later, perhaps twice, perhaps never. cut: the link is; the sender may
  // notice.
  Fate send(std::uint64_t from, std::uint64_t to, const Schedule::Task& arrive);
  // As send, but never twice, and perhaps much later.
  Fate send_once(std::uint64_t from, std::uint64_t to, Schedule::Task arrive);
  // As send, but as part of a stream that either arrives or breaks, which the sender is told by the result.
  Fate stream(std::uint64_t from, std::uint64_t to, Schedule::Task arrive);

  void cut(std::uint64_t from, std::uint64_t to) { cut_.insert({from, to}); }  // one direction
  void isolate(std::uint64_t member, std::uint64_t members);
  void heal();
  bool is_cut(std::uint64_t from, std::uint64_t to) const { return cut_.count({from, to}) != 0; }
  // Both directions; Time::max(): they are not.
  Time connected_since(std::uint64_t a, std::uint64_t b) const;
  void calm();  // from now on no loss and no duplicates
  std::uint64_t messages() const { return messages_; }

 private:
  Duration latency();
  void deliver(std::uint64_t from, std::uint64_t to, Schedule::Task arrive);

  NetworkOptions options_;
  Prng prng_;
  Schedule& schedule_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> cut_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, Time> last_arrival_;  // for links that keep order
  std::map<std::pair<std::uint64_t, std::uint64_t>, Time> healed_at_;     // links that were cut
  std::uint64_t messages_ = 0;
};

}  // namespace cairn::sim
