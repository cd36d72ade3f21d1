#include "base/prng.h"

#include <bit>

#include "base/check.h"

namespace cairn {

Prng::Prng(std::uint64_t seed) {
  for (std::uint64_t& word : state_) {  // splitmix64: spreads even a small seed over all bits
    seed += 0x9e3779b97f4a7c15U;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    word = z ^ (z >> 31);
  }
}

std::uint64_t Prng::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Prng::below(std::uint64_t bound) {
  CHECK(bound > 0);
  // Rejection keeps the distribution exact: drop the numbers of the incomplete last stretch.
  const std::uint64_t threshold = (0 - bound) % bound;
  for (;;) {
    const std::uint64_t value = next();
    if (value >= threshold) return value % bound;
  }
}

std::uint64_t Prng::between(std::uint64_t low, std::uint64_t high) {
  CHECK(low <= high);
  const std::uint64_t width = high - low + 1;
  return width == 0 ? next() : low + below(width);
}

bool Prng::chance(std::uint64_t numerator, std::uint64_t denominator) {
  return below(denominator) < numerator;
}

}  // namespace cairn
