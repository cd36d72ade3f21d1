// Prng: the only source of randomness in pure code and in simulation: xoshiro256**, seeded through
// splitmix64. Same seed, same numbers, on every compiler and standard library (std's distributions differ
// between libraries).
#pragma once

#include <cstdint>

namespace cairn {

class Prng {
 public:
  explicit Prng(std::uint64_t seed);

  std::uint64_t next();
  // Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [low, high], both included; low <= high.
  std::uint64_t between(std::uint64_t low, std::uint64_t high);
  // True with probability numerator / denominator.
  bool chance(std::uint64_t numerator, std::uint64_t denominator);

 private:
  std::uint64_t state_[4];
};

}  // namespace cairn
