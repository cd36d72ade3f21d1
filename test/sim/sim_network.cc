#include "sim/sim_network.h"

#include <algorithm>

namespace cairn::sim {

Duration SimNetwork::latency() {
  const auto spread = static_cast<std::uint64_t>(options_.latency_spread.count());
  Duration delay = options_.latency_min + Duration(static_cast<std::int64_t>(prng_.below(spread + 1)));
  if (prng_.chance(options_.slow_permille, 1000)) delay *= 10;
  return delay;
}

void SimNetwork::deliver(std::uint64_t from, std::uint64_t to, Schedule::Task arrive) {
  Time when = schedule_.now() + latency();
  if (options_.in_order) {
    Time& last = last_arrival_[{from, to}];
    when = last = std::max(when, last);
  }
  ++messages_;
  // What is under way when the link is cut is lost, too.
  schedule_.at(when, [this, from, to, arrive = std::move(arrive)] {
    if (!is_cut(from, to)) arrive();
  });
}

SimNetwork::Fate SimNetwork::send(std::uint64_t from, std::uint64_t to, const Schedule::Task& arrive) {
  if (is_cut(from, to)) return Fate::cut;
  if (prng_.chance(options_.loss_permille, 1000)) return Fate::lost;
  if (prng_.chance(options_.duplicate_permille, 1000)) deliver(from, to, arrive);
  deliver(from, to, arrive);
  return Fate::under_way;
}

SimNetwork::Fate SimNetwork::send_once(std::uint64_t from, std::uint64_t to, Schedule::Task arrive) {
  if (is_cut(from, to)) return Fate::cut;
  if (prng_.chance(options_.loss_permille, 1000)) return Fate::lost;
  if (!prng_.chance(options_.late_permille, 1000)) {
    deliver(from, to, std::move(arrive));
    return Fate::under_way;
  }
  ++messages_;
  const auto late = static_cast<std::uint64_t>(options_.late.count());
  schedule_.after(Duration(static_cast<std::int64_t>(prng_.below(late + 1))),
                  [this, from, to, arrive = std::move(arrive)] {
                    if (!is_cut(from, to)) arrive();
                  });
  return Fate::under_way;
}

SimNetwork::Fate SimNetwork::stream(std::uint64_t from, std::uint64_t to, Schedule::Task arrive) {
  if (is_cut(from, to) || is_cut(to, from)) return Fate::cut;
  schedule_.after(latency(), std::move(arrive));
  return Fate::under_way;
}

void SimNetwork::isolate(std::uint64_t member, std::uint64_t members) {
  for (std::uint64_t other = 1; other <= members; ++other) {
    if (other == member) continue;
    cut(member, other);
    cut(other, member);
  }
}

void SimNetwork::heal() {
  for (const auto& link : cut_) healed_at_[link] = schedule_.now();
  cut_.clear();
}

Time SimNetwork::connected_since(std::uint64_t a, std::uint64_t b) const {
  if (is_cut(a, b) || is_cut(b, a)) return Time::max();
  Time since{};
  for (const auto& link : {std::pair(a, b), std::pair(b, a)}) {
    const auto healed = healed_at_.find(link);
    if (healed != healed_at_.end()) since = std::max(since, healed->second);
  }
  return since;
}

void SimNetwork::calm() {
  options_.loss_permille = 0;
  options_.duplicate_permille = 0;
  options_.slow_permille = 0;
  options_.late_permille = 0;
}

}  // namespace cairn::sim
